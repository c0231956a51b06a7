"""The scores of one entry, by the report's own statistics. A failed run counts as the random policy."""

import math
from collections.abc import Collection, Mapping
from statistics import fmean

import numpy as np
import pandas as pd

from esbench.leaderboard.board import Board
from esbench.leaderboard.entry import Scores, TaskScore
from esbench.report.digits import agreed
from esbench.report.scored_runs import Cell, ScoredRun, read_run
from esbench.results.records import Manifest, Row
from esbench.results.run_directory import RunDirectory
from esbench.statistics.aggregates import stratified_mean
from esbench.tasks.spec import TaskSpec

Runs = Mapping[tuple[str, int], RunDirectory]
"""Finished runs by task and seed."""


def entry_cells(board: Board, tasks: Collection[str], runs: Runs) -> dict[str, Cell]:
    """Per task of an entry its seeds, all of the board's: those without a run at the random anchor. At least one run
    of the entry must be there."""
    any_manifest = next(iter(runs.values())).manifest
    cells = {}
    for name, task in board.tasks.items():
        if name in tasks:
            spec = task.task
            cells[name] = Cell(
                tuple(
                    read_run(runs[name, seed], spec, task.budget)
                    if (name, seed) in runs
                    else _failed(seed, spec, any_manifest)
                    for seed in task.seeds
                ),
                spec,
            )
    return cells


def entry_scores(board: Board, tasks: Collection[str], runs: Runs) -> Scores:
    """What entry.json says of `runs`."""
    cells = entry_cells(board, tasks, runs)
    scores = {}
    for name, cell in cells.items():
        seconds = [run.train_seconds[-1] for run in cell.runs if np.isfinite(run.train_seconds[-1])]
        scores[name] = TaskScore(
            n=len(cell.runs),
            return_mean=fmean(cell.values),
            score_mean=agreed(fmean(cell.scores)),
            train_seconds=fmean(seconds) if seconds else None,
        )
    clipped = [np.clip(cell.scores, 0.0, 1.0) for cell in cells.values()]
    mean = float(stratified_mean(clipped, [np.ones((1, len(values))) for values in clipped])[0])
    return Scores(tasks=scores, aggregate=agreed(mean) if len(cells) == len(board.tasks) else None)


def _failed(seed: int, spec: TaskSpec, manifest: Manifest) -> ScoredRun:
    """A run that has no score. It never ends, so that it is no task's quickest."""
    assert spec.random is not None
    value = spec.random.value
    row = Row(
        generation=0,
        useful_steps=0,
        computed_steps=0,
        sequential_steps=0,
        measure=spec.measure.name,
        scores={spec.measure.name: value},
        std=0.0,
        samples=0,
        distinct_samples=0,
        compile_seconds=0.0,
        train_seconds=0.0,
        evaluate_seconds=0.0,
        log_seconds=0.0,
        final=True,
        training={},
    )
    return ScoredRun(
        manifest=manifest.model_copy(update={"seed": seed}),
        score_row=row,
        steps_in_all=0,
        rows=pd.DataFrame({"useful_steps": [0], "train_seconds": [math.inf], "value": [value]}),
        scores=np.zeros(1),
    )
