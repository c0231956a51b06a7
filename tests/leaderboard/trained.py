"""Entries of real runs, tiny ones: trained here, packed by `submit`."""

import sys
from pathlib import Path

from esbench.experiment.one_run.run import announce_and_prepare, run_seed
from esbench.experiment.options.config import resolve
from esbench.experiment.terminal.progress import Lines
from esbench.leaderboard.board import make_board, write_board
from esbench.leaderboard.submit import submit
from esbench.results.fingerprints import config_hash_of
from esbench.results.run_directory import RunDirectory
from esbench.tasks.catalogue import CATALOGUE

from .honest import COMMIT, LOCK, declare

NETWORK = {"n_layers": 1, "layer_size": 16}


def trained_entry(
    folder: Path, tasks, seeds=(0, 1), slug="mine", algorithm="eggroll", budget_factor=1, **settings
) -> Path:
    """An entry of a board of the smoke tier with these tasks.

    budget_factor: times the budget that the runs get; more than 1 is a fraud, whose rows are made to look like rows of
    the budget.
    """
    boards = folder / "leaderboards"
    specs = tuple(spec for spec in CATALOGUE if spec.id in tasks)
    board = make_board("smoke", 1, LOCK, specs, seeds)
    if not (boards / board.name).exists():
        write_board(board, boards)
    for task in tasks:
        budget = board.tasks[task].budget
        options = {"settings": NETWORK | settings, "name": slug, "out": folder / "runs"}
        config = resolve(task, algorithm, tier="smoke", steps=budget * budget_factor, **options)
        prepared = announce_and_prepare(config, Lines(sys.stderr))
        for seed in seeds:
            _as_if_clean(run_seed(prepared, seed, Lines(sys.stderr)).path, budget, budget_factor)
    submitted = submit([folder / "runs"], declare(folder / f"{slug}.toml", board.name, slug), boards)
    assert not submitted.checked.problems, submitted.checked.problems[:5]
    return submitted.path


def _as_if_clean(path: Path, budget: int, factor: int) -> None:
    """A working copy under change may run the tests; and what a fraud would edit."""
    run = RunDirectory.open(path)
    options = run.manifest.options.model_copy(update={"steps": budget})
    manifest = run.manifest.model_copy(
        update={"dirty": False, "commit": run.manifest.commit or COMMIT, "options": options}
    )
    run.manifest = manifest.model_copy(update={"config_hash": config_hash_of(manifest)})
    counters = ("useful_steps", "computed_steps", "sequential_steps")
    rows = [row.model_copy(update={name: getattr(row, name) // factor for name in counters}) for row in run.rows]
    run.replace(rows)
