"""A run that begins from a policy file: from these very parameters, recorded by digest, or refused in one line."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

import esbench
from esbench.errors import InputError
from esbench.experiment.many_runs.jobs import product
from esbench.results.policy_file import load_policy, save_policy
from esbench.results.run_directory import RunDirectory
from esbench.tuning.space import Range, Space
from esbench.tuning.tune import plan
from tests.experiment.test_process import command
from tests.experiment.test_resume import without_clocks

SMALL = {"n_layers": 1, "layer_size": 8}
MEMBERS = {**SMALL, "pop_size": 8, "normalize_observations": True}
TUNED = {"sigma": Range(0.1, 0.2, "linear", False)}


@pytest.fixture(scope="session")
def first(echo, tmp_path_factory):
    """The run whose policy others begin from."""
    out = tmp_path_factory.mktemp("first")
    return esbench.run(echo["task"], "eggroll", tier="smoke", settings=MEMBERS, steps=200, out=out)


@pytest.fixture(scope="session")
def file(first):
    return first.path / "policy.npz"


@pytest.mark.parametrize("algorithm", ["eggroll", "ppo"])
def test_training_begins_with_the_files_parameters_and_statistics(echo, file, algorithm):
    learner = esbench.learner(echo["task"], algorithm, tier="smoke", settings=SMALL, start=file)
    deployed, expected = learner.deployed(learner.init(5)), load_policy(file)
    same = jax.tree.map(np.array_equal, (deployed.params, deployed.statistics), (expected.params, expected.statistics))
    assert all(jax.tree.leaves(same)) and expected.statistics.count > 0


def test_the_digest_is_in_the_manifest_and_in_the_hash_and_the_place_is_not(echo, file, tmp_path):
    copy = shutil.copy(file, tmp_path / "other.npz")
    options = {"tier": "smoke", "settings": MEMBERS, "steps": 200, "out": tmp_path}
    one = esbench.run(echo["task"], "eggroll", start=file, name="one", **options)
    two = esbench.run(echo["task"], "eggroll", start=copy, name="two", **options)
    fresh = RunDirectory.open(esbench.run(echo["task"], "eggroll", **options).path).manifest
    manifests = [RunDirectory.open(run.path).manifest for run in (one, two)]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert [manifest.options.start for manifest in manifests] == [str(file), copy.__fspath__()]
    assert {manifest.options.start_sha256 for manifest in manifests} == {digest}
    assert manifests[0].config_hash == manifests[1].config_hash != fresh.config_hash
    assert without_clocks(one.rows) == without_clocks(two.rows)
    assert "start" not in fresh.options.model_dump()


def test_in_memory_it_is_the_run_on_disk(echo, file, tmp_path):
    options = {"tier": "smoke", "settings": MEMBERS, "steps": 200}
    on_disk = esbench.run(echo["task"], "open_es", start=file, out=tmp_path, **options)
    in_memory = esbench.train(echo["task"], "open_es", start=file, progress=False, **options)
    assert without_clocks(in_memory.runs[0].rows) == without_clocks(on_disk.rows)


def test_another_file_is_refused_when_a_run_goes_on(echo, file, tmp_path):
    mine = shutil.copy(file, tmp_path / "mine.npz")
    options = {"tier": "smoke", "settings": MEMBERS, "out": tmp_path, "start": mine}
    esbench.run(echo["task"], "eggroll", max_seconds=1e-9, **options)
    found = load_policy(file)
    save_policy(mine, found.replace(params=jax.tree.map(lambda leaf: leaf + 1, found.params)))
    with pytest.raises(InputError, match=r"cannot resume .*start_sha256 was .*, is now"):
        esbench.run(echo["task"], "eggroll", resume=True, **options)
    shutil.copy(file, mine)
    assert esbench.run(echo["task"], "eggroll", resume=True, **options).finished


def refusals(file, folder):
    """By what is wrong: options, and what the line says."""
    found = load_policy(file)
    save_policy(folder / "nan.npz", found.replace(params=jax.tree.map(lambda leaf: leaf * np.nan, found.params)))
    (folder / "text.npz").write_text("no policy")
    other = {**MEMBERS, "layer_size": 16}
    return {
        "network": ({"start": file, "settings": other}, r"params/MLP_0/Dense_0/bias is float32\[8\].*float32\[16\]"),
        "kind": ({"start": file, "policy": "gru", "settings": {}}, "nothing"),
        "vocabulary": ({"start": file, "task": "CartPole-v1"}, "Dense_0/kernel is .*this task has"),
        "digest": ({"start": file, "start_sha256": "0" * 64}, "has the sha256 .*expected 0000"),
        "no file": ({"start": folder / "nothing.npz"}, "No such file.*RUN/policy.npz"),
        "directory": ({"start": folder}, "Is a directory"),
        "no policy": ({"start": folder / "text.npz"}, "not a policy that esbench wrote"),
        "not finite": ({"start": folder / "nan.npz"}, "not finite"),
        "digest of nothing": ({"start_sha256": "0" * 64}, "expected a start"),
    }


@pytest.mark.parametrize(
    "what",
    ["network", "kind", "vocabulary", "digest", "no file", "directory", "no policy", "not finite", "digest of nothing"],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(echo, file, tmp_path, what):
    changes, message = refusals(file, tmp_path)[what]
    options = {"task": echo["task"], "algorithm": "eggroll", "tier": "smoke", "settings": MEMBERS, **changes}
    with pytest.raises(InputError, match=message) as caught:
        esbench.run(**options, out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    task, algorithm = options.pop("task"), options.pop("algorithm")
    with pytest.raises(InputError, match=message):
        product([task], [algorithm], [0], **options, out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_text_has_no_start(file, tmp_path):
    (tmp_path / "text.txt").write_text("abcdefghij" * 10_000)
    with pytest.raises(InputError, match="brings its own network: expected no start"):
        esbench.run(f"text:{tmp_path / 'text.txt'}", "eggroll_int", start=file, out=tmp_path / "out")


def test_trials_of_a_search_begin_from_it(echo, file, tmp_path):
    space = Space(Path("ranges.toml"), "eggroll", MEMBERS, TUNED)
    (search,) = plan([echo["task"]], [space], 2, "smoke", tmp_path, start=str(file))
    assert {run.job.config.options.start for run in search.first} == {str(file)}
    other = Space(Path("ranges.toml"), "eggroll", {**MEMBERS, "layer_size": 4}, TUNED)
    with pytest.raises(InputError, match="float32"):
        plan([echo["task"]], [other], 2, "smoke", tmp_path, start=str(file))
    memory = Space(Path("ranges.toml"), "eggroll", {"pop_size": 8}, TUNED)
    (search,) = plan([echo["task"]], [memory], 2, "smoke", tmp_path / "gru", policy="gru")
    assert {run.job.config.policy["name"] for run in search.first} == {"gru"}


def test_the_command_says_one_line_with_status_2(echo, file, tmp_path):
    asked = ["run", "--task", echo["task"], "--algorithm", "eggroll", "--tier", "smoke", "--set", "layer_size=4"]
    whole = command(*asked, "--start", file, "--out", tmp_path / "out")
    done = subprocess.run(**whole)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and str(file) in done.stderr
    assert not (tmp_path / "out").exists()
