"""The committed tables of the track reasoning are what the committed rows give, made from the committed start file."""

from pathlib import Path

from baselines.studies import reasoning, reasoning_tables
from esbench.experiment.options.start import digest
from esbench.report.include import included
from esbench.results.load import load_runs

ROOT = Path(__file__).parents[2]
OF = {algorithm: reasoning_tables.runs_of(algorithm) for algorithm in reasoning.STEPS}


def test_tables_are_made_from_committed_rows():
    assert (reasoning_tables.RESULTS / "tables.md").read_text() == reasoning_tables.texts(OF)
    page = reasoning_tables.RESULTS / "README.md"
    assert page.read_text() == included(page)


def test_both_algorithms_have_all_seeds_from_the_committed_file():
    sha256 = digest(ROOT / reasoning.START)
    for algorithm, runs in OF.items():
        assert [run.seed for run in runs] == list(range(reasoning.SEEDS))
        for run in runs:
            assert run.manifest.options.start_sha256 == sha256
            assert run.manifest.budget == reasoning.STEPS[algorithm]
    # All begin alike: the same policy, on each seed's own evaluation.
    first, second = ([run.values[0] for run in runs] for runs in OF.values())
    assert first == second


def test_the_start_solves_a_share_that_leaves_room():
    """Of its own run's last evaluation, which has 512 held-out problems."""
    (run,) = load_runs(reasoning_tables.RESULTS / "start")
    assert run.rows[-1].samples == 512 and 0.1 < run.rows[-1].value < 0.3
    assert run.manifest.budget == reasoning.START_STEPS


def test_each_part_is_made_of_commands():
    (start,) = reasoning.start()
    assert start[:5] == ["run", "--task", "Countdown-v0", "--algorithm", "imitation"]
    for search, runs in zip(reasoning.search(), reasoning.runs(), strict=True):
        assert search[0] == "tune" and runs[0] == "sweep"
        assert search[search.index("--start") + 1] == runs[runs.index("--start") + 1] == reasoning.START
