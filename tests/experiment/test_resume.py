"""A run that was stopped goes on to the rows of one that never was."""

import contextlib
import io
import re
import resource
import shutil
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import esbench
from esbench.errors import InputError, StorageError
from esbench.experiment.one_run.run import announce_and_prepare, resumable, run_seed
from esbench.experiment.options.config import resolve
from esbench.experiment.terminal.progress import Lines
from esbench.results.run_directory import RunDirectory

CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
TEMPLATE = Path(esbench.__file__).parent / "templates" / "my_strategy.py"
SMALL = {"n_layers": 1, "layer_size": 8}
MEMBERS = {**SMALL, "pop_size": 8, "normalize_observations": True}

ALGORITHMS = {
    "eggroll": {**MEMBERS, "optimizer": "adam"},
    "open_es": MEMBERS,
    "ppo": {**SMALL, "num_envs": 4, "num_steps": 20, "num_minibatches": 2},
    "grpo": {**SMALL, "batch": 8, "group": 4, "num_minibatches": 2},
    "imitation": {**SMALL, "batch": 8},
    "evosax:SNES": MEMBERS,
    f"{TEMPLATE}:MyStrategy": {**SMALL, "pop_size": 8},
}


def without_clocks(rows):
    return [row.model_dump(exclude=CLOCKS) for row in rows]


def policies(path):
    with np.load(path / "policy.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def one_step(prepared):
    """A session that ends after one step of the learner."""
    return run_seed(prepared, 3, Lines(sys.stderr), max_seconds=1e-9, resume=True)


def kept(prepared, **storage):
    """The same run, kept elsewhere or otherwise."""
    config = prepared.config
    return replace(prepared, config=replace(config, storage=replace(config.storage, **storage)))


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda name: name.rpartition("/")[2])
def test_a_run_stopped_after_every_step_has_the_rows_and_the_policy_of_one_that_was_not(tiny, tmp_path, algorithm):
    config = resolve(tiny("ECHO"), algorithm, tier="smoke", settings=ALGORITHMS[algorithm], steps=400, out=tmp_path)
    prepared = announce_and_prepare(config, Lines(sys.stderr))
    whole = run_seed(prepared, 3, Lines(sys.stderr))
    parts = kept(prepared, out=tmp_path / "parts")
    sessions = 1
    while not (part := one_step(parts)).finished:
        sessions += 1
        assert RunDirectory.open(part.path).checkpoints.numbers()[0] == part.rows[-1].generation or sessions > 1
    assert sessions == whole.rows[-1].generation > 3
    assert without_clocks(part.rows) == without_clocks(whole.rows)
    assert RunDirectory.open(part.path).rows == part.rows
    expected = policies(whole.path)
    for name, array in policies(part.path).items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
    assert {file.name for file in part.path.iterdir()} == {"run.jsonl", "policy.npz"}


@pytest.fixture(scope="module")
def prepared(echo, tmp_path_factory):
    return announce_and_prepare(resolve(**echo, out=tmp_path_factory.mktemp("runs")), Lines(sys.stderr))


@pytest.fixture(scope="module")
def whole(prepared):
    return run_seed(prepared, 3, Lines(sys.stderr))


@pytest.fixture(scope="module")
def five_steps(prepared, tmp_path_factory):
    parts = kept(prepared, out=tmp_path_factory.mktemp("five"))
    for _ in range(5):
        one_step(parts)
    return parts.config.storage.out


@pytest.fixture
def stopped(prepared, five_steps, tmp_path):
    """A run that was stopped after five of ten steps, with checkpoints of the last two."""
    shutil.copytree(five_steps, tmp_path / "stopped")
    return kept(prepared, out=tmp_path / "stopped")


def directory(prepared):
    return RunDirectory.open(prepared.config.path(3))


def test_the_newest_two_checkpoints_are_kept(stopped):
    assert directory(stopped).checkpoints.numbers() == [5, 4]


def test_clocks_go_on_and_stay_off_the_training_clock(stopped):
    before = directory(stopped).rows[-1]
    after = one_step(stopped).rows[-1]
    for name in CLOCKS:
        assert getattr(after, name) >= getattr(before, name)
    assert after.compile_seconds > before.compile_seconds


def damage(file, how):
    data = bytearray(file.read_bytes())
    match how:
        case "empty":
            data.clear()
        case "cut":
            del data[len(data) // 2 :]
        case "flipped":
            data[len(data) // 2] ^= 255
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("how", ["empty", "cut", "flipped"])
def test_a_damaged_checkpoint_is_said_and_the_older_one_is_used(stopped, whole, capsys, how):
    damage(directory(stopped).path / "checkpoints" / "5.npz", how)
    result = run_seed(stopped, 3, Lines(sys.stderr), resume=True)
    said = capsys.readouterr().err
    assert "damaged checkpoint" in said and "checkpoints/5" in said and "resumed at 400 steps" in said
    assert without_clocks(result.rows) == without_clocks(whole.rows)


def test_without_any_good_checkpoint_it_starts_over(stopped, whole, capsys):
    for number in (4, 5):
        damage(directory(stopped).path / "checkpoints" / f"{number}.npz", "empty")
    result = run_seed(stopped, 3, Lines(sys.stderr), resume=True)
    assert "starting over" in capsys.readouterr().err
    assert without_clocks(result.rows) == without_clocks(whole.rows)


def test_a_row_that_was_cut_off_and_rows_after_the_checkpoint_are_written_again(stopped, whole):
    run = directory(stopped)
    (run.path / "checkpoints" / "5.npz").unlink()
    file = run.path / "run.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    with warnings.catch_warnings(action="ignore"):
        result = run_seed(stopped, 3, Lines(sys.stderr), resume=True)
    assert without_clocks(result.rows) == without_clocks(whole.rows)


def test_what_a_killed_writer_left_is_removed(stopped):
    left = directory(stopped).path / "checkpoints" / "7.npz.partial"
    left.write_bytes(b"half of it")
    one_step(stopped)
    assert sorted(file.name for file in left.parent.iterdir()) == ["5.npz", "6.npz"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {**SMALL, "spread": 0.2}}, "settings.spread was 0.1, is now 0.2"),
        ({"settings": {**SMALL, "layer_size": 4}}, "policy.layer_size was 8, is now 4"),
        ({"settings": {**SMALL, "lanes": 64}}, "sizes.lanes was 128, is now 64"),
        ({"steps": 500}, "steps was 1000, is now 500"),
        ({"precision": "bfloat16"}, "precision was float32, is now bfloat16"),
        ({"algorithm": "eggroll", "name": "RandomSearch", "steps": 5000}, "algorithm was tiny.py:RandomSearch"),
    ],
)
def test_other_settings_are_refused_with_what_differs(stopped, echo, changes, message):
    before = (directory(stopped).path / "run.jsonl").read_bytes()
    with pytest.raises(InputError, match="cannot resume") as caught:
        esbench.run(**{**echo, **changes}, out=stopped.config.storage.out, seed=3, resume=True)
    assert message in str(caught.value) and "--name LABEL" in str(caught.value)
    assert (directory(stopped).path / "run.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"id": "Echo-v0"', '"id": "Echo-v1"', "task.id was Echo-v1, is now Echo-v0"),
        ('"max_episode_steps": 10', '"max_episode_steps": 9', "task.max_episode_steps was 9, is now 10"),
        ('"jax": "', '"jax": "0.', "versions.jax was 0."),
    ],
)
def test_another_task_or_version_is_refused_with_what_differs(stopped, echo, old, new, message):
    file = directory(stopped).path / "run.jsonl"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        esbench.run(**echo, out=stopped.config.storage.out, seed=3, resume=True)


def test_a_run_from_before_a_setting_was_there_goes_on_with_its_default(stopped, echo, whole):
    run = directory(stopped)
    settings = {name: value for name, value in run.manifest.settings.items() if name != "slow"}
    run.replace(run.rows, run.manifest.model_copy(update={"settings": settings}))
    options = {**echo, "out": stopped.config.storage.out, "seed": 3, "resume": True}
    with pytest.raises(InputError, match=r"settings\.slow was 0, is now 1"):
        esbench.run(**{**options, "settings": {**echo["settings"], "slow": 1}})
    assert without_clocks(esbench.run(**options).rows) == without_clocks(whole.rows)


def test_another_commit_of_the_same_code_goes_on_to_the_same_rows(stopped, whole):
    file = directory(stopped).path / "run.jsonl"
    file.write_text(re.sub(r'"commit": ("\w+"|null)', f'"commit": "{"0" * 40}"', file.read_text(), count=1))
    assert directory(stopped).manifest.commit == "0" * 40
    assert without_clocks(run_seed(stopped, 3, Lines(sys.stderr), resume=True).rows) == without_clocks(whole.rows)


def test_on_another_kind_of_device_it_goes_on_and_says_so(stopped, whole):
    """The seconds of both are one clock: they compare with neither's."""
    run = directory(stopped)
    elsewhere = run.manifest.device.model_copy(update={"kind": "another"})
    run.replace(run.rows, run.manifest.model_copy(update={"device": elsewhere}))
    one_step(stopped)
    finished = run_seed(stopped, 3, Lines(sys.stderr), resume=True)
    here = RunDirectory.open(whole.path).manifest.device
    assert directory(stopped).manifest.device == here.model_copy(update={"kind": f"another, then {here.kind}"})
    assert without_clocks(finished.rows) == without_clocks(whole.rows)


def test_sizes_of_another_kind_of_device_are_refused_unless_asked_for(stopped, echo, whole):
    run = directory(stopped)
    h100 = run.manifest.device.model_copy(update={"platform": "gpu", "kind": "NVIDIA H100 80GB HBM3"})
    run.replace(run.rows, run.manifest.model_copy(update={"device": h100}))
    options = {**echo, "out": stopped.config.storage.out, "seed": 3, "resume": True}
    with pytest.raises(InputError, match="its sizes are those of an H100 or H200, this is a CPU") as caught:
        esbench.run(**options)
    (given,) = re.findall(r"--set (\S+(?: \S+=\S+)*) goes on", str(caught.value))
    asked = dict(pair.split("=") for pair in given.split())
    finished = esbench.run(**{**options, "settings": {**echo["settings"], **asked}})
    assert without_clocks(finished.rows) == without_clocks(whole.rows)


def test_what_ended_before_its_first_row_begins_again_with_a_manifest_of_now(prepared, whole, tmp_path):
    parts = kept(prepared, out=tmp_path)
    old = RunDirectory.open(whole.path).manifest.model_copy(update={"started": "2026-01-01T00:00:00+00:00"})
    RunDirectory.create(parts.config.path(3), old)
    finished = run_seed(parts, 3, Lines(sys.stderr), resume=True)
    assert directory(parts).manifest.started > old.started
    assert without_clocks(finished.rows) == without_clocks(whole.rows)


def test_other_code_is_refused(stopped, echo, tmp_path, tiny):
    path, _, _ = tiny("ECHO").rpartition(":")
    changed = tmp_path / "tiny.py"
    changed.write_text(Path(path).read_text() + "\n# another line\n")
    options = {**echo, "algorithm": f"{changed}:RandomSearch"}
    with pytest.raises(InputError, match=r"cannot resume .*file of the algorithm or of the task has changed"):
        esbench.run(**options, out=stopped.config.storage.out, seed=3, resume=True)
    assert directory(stopped).checkpoints.numbers() == [5, 4]


def test_a_finished_run_and_a_missing_one_are_refused(whole, prepared, echo, tmp_path):
    with pytest.raises(InputError, match=r"finished run.*esbench report"):
        esbench.run(**echo, out=prepared.config.storage.out, seed=3, resume=True)
    with pytest.raises(InputError, match="no run to resume in"):
        esbench.run(**echo, out=tmp_path, seed=3, resume=True)


def test_a_run_that_ended_before_its_manifest_was_written_begins(prepared, whole, tmp_path):
    parts = kept(prepared, out=tmp_path)
    parts.config.path(3).mkdir(parents=True)
    assert resumable(parts.config, 3) == parts.config
    assert without_clocks(run_seed(parts, 3, Lines(sys.stderr), resume=True).rows) == without_clocks(whole.rows)


def test_sizes_are_those_of_the_manifest(stopped, echo):
    config = replace(stopped.config, sizes={})
    assert resumable(config, 3).sizes == directory(stopped).manifest.sizes
    file = directory(stopped).path / "run.jsonl"
    file.write_text(file.read_text().replace('"lanes": 128', '"lanes": 64', 1))
    assert resumable(config, 3).sizes["lanes"] == 64


def test_checkpoints_are_written_while_it_trains(prepared, tmp_path):
    seen = []
    parts = kept(prepared, out=tmp_path)

    class Watching(Lines):
        def step(self, useful_steps):
            seen.append(directory(parts).checkpoints.numbers())

    run_seed(kept(parts, checkpoint_seconds=1e-9), 3, Watching(sys.stderr))
    assert seen[:4] == [[], [1], [2, 1], [3, 2]]


def test_an_interrupt_in_a_program_of_ones_own_saves_the_last_step(prepared, whole, tmp_path):
    parts = kept(prepared, out=tmp_path)

    class Interrupting(Lines):
        def step(self, useful_steps):
            if useful_steps == 300:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_seed(parts, 3, Interrupting(sys.stderr))
    assert directory(parts).checkpoints.numbers()[0] in (2, 3)
    assert without_clocks(run_seed(parts, 3, Lines(sys.stderr), resume=True).rows) == without_clocks(whole.rows)


@contextlib.contextmanager
def files_of_at_most(size):
    """What a full disk does: a write fails, after a part of it was written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("size", "what"), [(None, "a row to"), (1500, "the policy to"), (0, "a checkpoint to")])
def test_a_full_disk_ends_the_run_with_everything_before_intact(stopped, whole, size, what):
    class Filling(Lines):
        def step(self, useful_steps):
            if useful_steps == 600:
                fill()

    if size is None:
        size = (directory(stopped).path / "run.jsonl").stat().st_size + 100
    with files_of_at_most(size) as fill, pytest.raises(StorageError, match=f"cannot write {what} .*File too large"):
        # The row and its policy come before the checkpoint, unless none is due.
        config = stopped.config
        options = replace(config.options, steps=1000 if size else 10_000)
        parts = kept(replace(stopped, config=replace(config, options=options)), checkpoint_seconds=1e-9)
        if not size:
            pretend_budget(stopped, 10_000)
        run_seed(parts, 3, Filling(io.StringIO()), resume=True)
    assert without_clocks(directory(stopped).rows) == without_clocks(whole.rows)[: len(directory(stopped).rows)]
    assert len(directory(stopped).rows) == 6
    assert directory(stopped).checkpoints.numbers() == [5, 4]
    if not size:
        pretend_budget(stopped, 1000)
    result = run_seed(stopped, 3, Lines(sys.stderr), resume=True)
    assert without_clocks(result.rows) == without_clocks(whole.rows)


def pretend_budget(prepared, budget):
    file = directory(prepared).path / "run.jsonl"
    file.write_text(re.sub(r'"steps": \d+', f'"steps": {budget}', file.read_text(), count=1))


def test_a_trained_policy_acts_as_it_was_scored(whole, stopped):
    policy = esbench.load_policy(whole.path)
    assert policy.deployed.action_mode == "sample"
    environment = stopped.config.task.make()
    spaces = environment.observation_space, environment.action_space
    problem_policy = stopped.config.network.bind(*spaces)
    for shown in (0.0, 1.0):
        _, distribution = problem_policy.apply(policy.deployed.params, (), np.float32([shown]))
        assert policy([shown]) == distribution.mode() and policy([shown]).shape == ()
        key = jax.random.key(4)
        assert policy([shown], key) == distribution.sample(key)
    with pytest.raises(InputError, match="no run in"):
        esbench.load_policy(whole.path.parent)
