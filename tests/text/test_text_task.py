"""A text goes through everything that a task goes through."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import esbench
from esbench.cli import main
from esbench.errors import InputError
from esbench.experiment.options.config import resolve
from esbench.results.run_directory import RunDirectory
from esbench.tasks import registry
from esbench.tasks.spec import TaskSpec
from esbench.tasks.text.specs import KING_JAMES
from esbench.text.problem import TextFile

CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
SET = ["--set", "pop_size=128", "width=16", "tokens=8", "momentum=4", "unroll=3"]


def command(verses, *arguments):
    return ["run", "--task", f"text:{verses}", "--algorithm", "eggroll_int", "--tier", "smoke", *SET, *arguments]


def without_clocks(path):
    return [row.model_dump(exclude=CLOCKS) for row in RunDirectory.open(path).rows]


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A run, and its text."""
    from tests.text.conftest import VERSE

    folder = tmp_path_factory.mktemp("text")
    text = folder / "verses.txt"
    text.write_text("".join(VERSE[number % 40 :] for number in range(400)))
    assert main([*command(text), "--out", str(folder)]) == 0
    return text, folder / "smoke" / "text-verses.txt-v0" / "eggroll_int" / "seed-0"


def test_it_learns_in_bits_and_tokens(once, capsys):
    text, path = once
    run = RunDirectory.open(path)
    assert run.rows[-1].value < run.rows[0].value - 0.5
    assert {"bits per byte", "integer bits per byte", "saturated", "dead units"} == run.rows[0].scores.keys()
    assert {"moved", "alpha", "ties"} <= run.rows[-1].training.keys()
    assert run.rows[-1].training["sequences"] == 64
    assert run.rows[-1].sequential_steps == 8 * run.rows[-1].generation
    assert run.manifest.problem["path"] == str(text) and len(run.manifest.problem["sha256"]) == 64
    spec = TaskSpec.from_json(run.manifest.task)
    assert (spec.track, spec.cost, spec.measure.higher_is_better) == ("text", "tokens", False)


def test_stopped_and_resumed_it_has_the_same_rows_and_the_same_parameters(once, tmp_path):
    text, path = once
    arguments = [*command(text), "--out", str(tmp_path)]
    assert main([*arguments, "--max-seconds", "0.0001"]) == 75
    assert main([*arguments, "--resume", "--max-seconds", "0.0001"]) == 75
    assert main([*arguments, "--resume"]) == 0
    again = tmp_path / path.relative_to(path.parents[3])
    assert without_clocks(again) == without_clocks(path)
    with np.load(again / "policy.npz") as one, np.load(path / "policy.npz") as other:
        assert all((one[name] == other[name]).all() for name in other.files)


def test_a_text_that_has_changed_is_another(once, tmp_path, capsys):
    text, path = once
    changed = tmp_path / text.name
    changed.write_text(text.read_text().replace("fox", "cat"))
    with pytest.raises(InputError, match=r"has the sha256 .*: expected .*, that it had before"):
        TextFile(path=str(changed), sha256=RunDirectory.open(path).manifest.problem["sha256"]).corpus()


def test_a_trained_model_goes_on_with_a_prompt(once, capsys):
    _, path = once
    model = esbench.load_policy(path)
    written = model("The quick ", length=30, seed=1)
    assert len(written.encode()) >= 30 and written == model("The quick ", length=30, seed=1)
    assert written != model("The quick ", length=30, seed=2)
    assert main(["play", str(path), "--prompt", "The quick ", "--length", "30", "--seed", "1"]) == 0
    assert capsys.readouterr().out == f"The quick {written}\n"
    with pytest.raises(InputError, match="prompt has 'Q', which the text has not"):
        model("Quick")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "film.gif"], "whose text is printed: expected none"),
        (["--prompt", "Quick"], "prompt has 'Q'"),
    ],
)
def test_play_refuses_in_one_line(once, arguments, message, capsys):
    assert main(["play", str(once[1]), *arguments]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_evaluation_is_exact_and_reads_what_is_held_out(once):
    text, path = once
    model = esbench.load_policy(path)
    problem, corpus = model.problem, model.problem.corpus()
    scores = esbench.evaluate(f"text:{text}", model, episodes=4)
    length = len(corpus.held_out) // 4
    memory, bits, step = problem.model.blank(), [], jax.jit(problem.model.step)
    for token, target in zip(corpus.held_out[: length - 1], corpus.held_out[1:length], strict=True):
        memory, logits = step(model.deployed.params, memory, np.int32(token))
        probabilities = 2 ** (np.asarray(logits, float) / 16)
        bits.append(-np.log2(probabilities[target] / probabilities.sum()))
    assert scores["bits per byte"][0] == pytest.approx(np.mean(bits), rel=1e-4)
    assert 0 < float((scores["bits per byte"] - scores["integer bits per byte"]).mean()) < 1 / 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "text:nowhere.txt"], "text:nowhere.txt cannot be read: No such file or directory"),
        (["--task", "text:empty.txt"], "text:empty.txt: 0 bytes of 0 kinds"),
        (["--task", "text:same.txt"], "text:same.txt: 900 bytes of 1 kinds"),
        (["--set", "width=32"], "width = '32'"),
        (["--set", "group=3"], "expected an even number"),
        (["--set", "tokens=9999", "--steps", "2000000"], "tokens = 9999: each of 64 sequences has"),
        (["--set", "pop_size=2000000", "--steps", "20000000"], "votes could overflow 32 bits"),
        (["--set", "rank=8", "width=4"], "rank = 8: expected at most 4"),
        (["--set", "deterministic_policy=true"], "this problem has no use for it"),
        (["--algorithm", "eggroll", "--preset", "defaults", "--set", "pop_size=8"], "parameters are integers"),
        (["--algorithm", "ppo"], "PPO needs an environment"),
        (["--policy", "gru"], "brings its own network"),
        (
            ["--steps", "100"],
            "cannot hold one generation (pop_size 128 x tokens 8 = 1024 tokens): expected --steps 1024",
        ),
        (
            ["--algorithm", "backprop", "--steps", "9", "--set", "network=float_egg"],
            "(batch 16 x tokens 16 = 256 tokens)",
        ),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, message, verses, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    Path("same.txt").write_text("a" * 900)
    given = command(verses)
    if "--algorithm" in arguments:
        given = given[: given.index("--set")]
    assert main([*given, *arguments, "--out", str(tmp_path / "runs")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert message in last
    assert not (tmp_path / "runs").exists()


def test_an_environments_algorithm_takes_no_text_and_the_other_way_round(tmp_path, capsys):
    arguments = ["run", "--task", "CartPole-v1", "--algorithm", "eggroll_int", "--tier", "smoke"]
    assert main([*arguments, "--out", str(tmp_path / "runs")]) == 2
    assert "expected a task of the track text" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


def test_all_is_of_environments_only():
    assert KING_JAMES.id in [spec.id for spec in registry.task_specs()]
    assert KING_JAMES.id not in registry.environments()


def test_a_list_of_tasks_has_it(capsys):
    assert main(["tasks", "--format", "json"]) == 0
    spec = next(spec for spec in json.loads(capsys.readouterr().out) if spec["id"] == KING_JAMES.id)
    assert TaskSpec.from_json(spec) == KING_JAMES


def test_the_bible_is_the_one_that_is_stated():
    corpus = registry.made(registry.task(KING_JAMES.id)).corpus()
    assert len(corpus.alphabet) == 72
    assert (len(corpus.train), len(corpus.held_out)) == (3_782_411, 403_578)
    assert corpus.decode(corpus.train[:21]) == "\n\nIn the beginning God"[: len(corpus.decode(corpus.train[:21]))]


@pytest.mark.parametrize(
    ("preset", "width", "layers"),
    [("smoke", 16, 1), ("lite", 64, 1), ("deep", 64, 4), ("wide", 256, 1), ("paper", 256, 6)],
)
def test_presets_have_their_networks(preset, width, layers, verses):
    config = resolve(KING_JAMES.id, "eggroll_int", preset=preset, tier="paper")
    assert (config.problem["width"], config.problem["layers"]) == (width, layers)
    assert resolve(f"text:{verses}", "eggroll_int", preset=preset, tier="paper").settings == config.settings
