"""What long work says while it runs: on a terminal, in plain lines, and before a compilation."""

import io
import re

import pytest

from esbench.experiment.many_runs.jobs import SweepOutcome, product
from esbench.experiment.options.config import resolve
from esbench.experiment.terminal.compilation import compiling
from esbench.experiment.terminal.progress import Lines, countdown, pace, passing, progress
from esbench.experiment.terminal.sweep_table import table
from esbench.results.records import Row
from esbench.results.run_directory import RunDirectory

ECHO = {"task": "tests/experiment/tiny.py:ECHO", "algorithm": "tests/experiment/tiny.py:RandomSearch"}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def row(useful_steps, **changes):
    seconds = {"compile_seconds": 5, "train_seconds": useful_steps / 100, "evaluate_seconds": 0, "log_seconds": 0}
    counts = {"generation": 1, "computed_steps": useful_steps, "sequential_steps": useful_steps}
    values = {"measure": "return", "scores": {"return": 20.0}, "std": 1.0, "samples": 4, "distinct_samples": 4}
    return Row(useful_steps=useful_steps, final=False, training={}, **counts, **values, **(seconds | changes))


@pytest.mark.parametrize(
    ("useful_steps", "reached", "text"),
    [
        (0, 0, "return 20, next evaluation at 500 steps"),
        (600, 0, "return 20, 100 steps/s, next evaluation in 0:04, 1:34 left"),
        (600, 800, "return 20, 100 steps/s, next evaluation in 0:02, 1:32 left"),
        (600, 1200, "return 20, 100 steps/s, next evaluation in 0:00, 1:28 left"),
        (9600, 0, "return 20, 100 steps/s, last evaluation in 0:04"),
        (10_100, 0, "return 20, 100 steps/s"),
    ],
)
def test_a_row_says_what_comes_next_and_when(useful_steps, reached, text):
    """100 steps a second, 10,000 steps, so an evaluation every 500."""
    assert pace(row(useful_steps), 10_000, "steps", reached) == text


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_run_names_its_next_evaluation(stream):
    said = progress(stream)
    said.start("CartPole-v1 eggroll seed 0", 10_000)
    for event in (row(0), row(600)):
        said.row(event)
    said.step(700)
    said.stop()
    assert "next evaluation" in re.sub(r"\s+", " ", stream.getvalue())


def test_a_sweep_counts_compilations_and_training_apart(tmp_path):
    """A run of an eighth of the budget took 60 s to compile: the seven others and a whole one take 15 s of training."""
    jobs = product([ECHO["task"]], [ECHO["algorithm"]], range(8), tier="smoke", out=str(tmp_path), steps=125)
    told, outcome = table(io.StringIO()), SweepOutcome()
    budget = jobs[0].config.task.spec.budgets.smoke
    told.begin(jobs, outcome)
    told.started(0, jobs[0])
    told.row(0, row(125, compile_seconds=60))
    told.ended(0)
    outcome.done.append(jobs[0])
    told.expected = 9
    left = 7 * 1.25 + budget / 100
    assert told._left() == f"0:{round(left):02} left"


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_a_sweep_says_what_is_done_what_runs_and_what_is_next(stream, tmp_path):
    jobs = product([ECHO["task"]], [ECHO["algorithm"]], [0, 1, 2], tier="smoke", out=str(tmp_path))
    told, outcome = table(stream), SweepOutcome()
    told.begin(jobs, outcome)
    told.started(0, jobs[0])
    told.row(0, row(jobs[0].config.budget))
    told.ended(0)
    outcome.done.append(jobs[0])
    told.settled()
    told.started(0, jobs[1])
    told.end()
    text = re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()))
    assert f"1 of 3 runs done, next {jobs[1].label}" in text or f"1 running, next {jobs[2].label}" in text


def test_a_countdown_names_each_and_the_time_left():
    said = []
    assert list(countdown("drawing figure", ["a", "b", "c"], said.append)) == ["a", "b", "c"]
    assert said == [
        "drawing figure 1 of 3: a",
        "drawing figure 2 of 3: b, about 0:00 left",
        "drawing figure 3 of 3: c, about 0:00 left",
    ]


def test_what_passes_leaves_nothing_on_a_terminal_and_lines_elsewhere():
    terminal, plain = Terminal(), io.StringIO()
    for stream in (terminal, plain):
        with passing(stream) as say:
            say("tables")
            say("figures")
    assert plain.getvalue() == "tables\nfigures\n"
    assert terminal.getvalue() == "\r\x1b[Ktables\r\x1b[Kfigures\r\x1b[K"


def test_before_a_compilation_it_says_how_long_the_last_one_took(tmp_path, make_manifest, make_row):
    config = resolve(**ECHO, tier="smoke", steps=400, out=tmp_path)
    follows = "then 400 steps with 20 evaluations"
    assert compiling(config) == f"compiling, {follows}"
    RunDirectory.create(config.path(3), make_manifest()).append(make_row(compile_seconds=74.6))
    assert compiling(config) == f"compiling (1:15 in an earlier run), {follows}"


def test_plain_lines_have_a_line_a_row():
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start("CartPole-v1 eggroll seed 0", 10_000)
    lines.row(row(600))
    assert stream.getvalue() == (
        "CartPole-v1 eggroll seed 0: 600 of 10,000 steps, return 20, 100 steps/s, next evaluation in 0:04, 1:34 left\n"
    )
