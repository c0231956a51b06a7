"""The runs of a report as it reads them: per tier, task and algorithm a cell of seeds."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from esbench.errors import InputError
from esbench.report.grouping import algorithm_order, tier_order
from esbench.report.statistics.intervals import Estimate, mean_estimate
from esbench.report.statistics.normalise import has_scores, normalised
from esbench.report.statistics.runtime import area_under, carry_forward
from esbench.results.budget import is_within
from esbench.results.records import Manifest, Row
from esbench.results.run_directory import RunDirectory
from esbench.tasks.registry import task_specs
from esbench.tasks.spec import TaskSpec


@dataclass(frozen=True)
class Run:
    """One seed, up to the row that is its score.

    useful_steps, train_seconds, returns, scores: (rows,) float64, ascending times; scores are normalised returns, not
    clipped, NaN where the task has no anchors. score_row: the last of the rows. steps_in_all: with the overshoot.
    """

    seed: int
    manifest: Manifest
    score_row: Row
    steps_in_all: int
    useful_steps: np.ndarray
    train_seconds: np.ndarray
    returns: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Cell:
    """One algorithm on one task: its runs by ascending seed, at least one."""

    runs: tuple[Run, ...]

    @property
    def manifest(self) -> Manifest:
        """That of the first seed; what all of them share is the same in each."""
        return self.runs[0].manifest

    @cached_property
    def returns(self) -> np.ndarray:
        """The return of every seed's score row, (n,)."""
        return np.array([run.returns[-1] for run in self.runs])

    @cached_property
    def scores(self) -> np.ndarray:
        """The normalised score of every seed, (n,), not clipped."""
        return np.array([run.scores[-1] for run in self.runs])

    @cached_property
    def episode_errors(self) -> np.ndarray:
        """The standard error of every seed's return over the episodes of its evaluation, (n,); 0 of a board's stand-in
        for a failed run, which had none."""
        rows = [run.score_row for run in self.runs]
        return np.array([row.std / math.sqrt(row.samples) if row.samples else 0.0 for row in rows])

    @property
    def mean_return(self) -> Estimate:
        """Over seeds; of equal returns the interval is what their episodes leave open."""
        return mean_estimate(self.returns, least=self.episode_spread)

    @property
    def episode_spread(self) -> float:
        """The standard deviation that a return has from evaluating with so many episodes alone."""
        return float(np.sqrt(np.mean(self.episode_errors**2)))

    @property
    def hardware(self) -> list[str]:
        return sorted({str(run.manifest.device) for run in self.runs})

    def on(self, hardware: str) -> "Cell":
        """The runs on one kind of hardware, at least one."""
        return Cell(tuple(run for run in self.runs if str(run.manifest.device) == hardware))

    def at_seconds(self, seconds: float, scores: bool = False) -> np.ndarray:
        """The return (or score) of every seed after so many seconds of training, (n,)."""
        return np.array(
            [
                float(carry_forward(run.train_seconds, run.scores if scores else run.returns, seconds))
                for run in self.runs
            ]
        )

    def areas(self, budget: int) -> np.ndarray:
        """The mean over a budget of every seed's score, clipped to [0, 1], (n,)."""
        return np.array([area_under(run.useful_steps, np.clip(run.scores, 0, 1), budget) for run in self.runs])

    def mean_of(self, field: str) -> float:
        """The mean over seeds of a number of the score rows."""
        return fmean(getattr(run.score_row, field) for run in self.runs)


@dataclass(frozen=True)
class Tier:
    """All finished runs of one tier. specs: by task, in the order of the report; cells: by (task, algorithm).

    budgets: per task the useful steps at which its algorithms are compared, the smallest of their budgets.
    """

    name: str
    specs: dict[str, TaskSpec]
    algorithms: list[str]
    budgets: dict[str, int]
    cells: dict[tuple[str, str], Cell]

    @property
    def tasks(self) -> list[str]:
        return list(self.specs)

    @property
    def scored_tasks(self) -> list[str]:
        """The tasks with anchors: those that aggregates are made of."""
        return [task for task, spec in self.specs.items() if has_scores(spec)]

    @property
    def hardware(self) -> list[str]:
        return sorted({name for cell in self.cells.values() for name in cell.hardware})

    def cell(self, task: str, algorithm: str) -> Cell | None:
        return self.cells.get((task, algorithm))

    def row(self, algorithm: str) -> dict[str, Cell]:
        """The cells of an algorithm on the tasks with anchors, by task."""
        return {task: self.cells[task, algorithm] for task in self.scored_tasks if (task, algorithm) in self.cells}

    @property
    def complete(self) -> list[str]:
        """The algorithms with a score on every task that has anchors; none where there is no such task."""
        return [name for name in self.algorithms if self.scored_tasks and len(self.row(name)) == len(self.scored_tasks)]

    def seconds(self, task: str, hardware: str) -> float:
        """The training seconds at which the algorithms of a task are compared: those of the quickest run."""
        return min(
            run.train_seconds[-1]
            for algorithm in self.algorithms
            for run in getattr(self.cell(task, algorithm), "runs", ())
            if str(run.manifest.device) == hardware
        )


def gather(runs: Sequence[RunDirectory]) -> list[Tier]:
    """Tiers from the smallest to the largest, of runs of which at least one is finished.

    The tasks are those with a finished run. Unfinished runs add the names of their algorithms, so that what is missing
    shows as missing.
    """
    anchored = {spec.id: spec for spec in task_specs()}
    tiers = []
    for tier in tier_order(run.manifest.tier for run in runs):
        of_tier = [run for run in runs if run.manifest.tier == tier]
        finished = [run for run in of_tier if run.finished]
        specs: dict[str, TaskSpec] = {}
        for run in sorted(finished, key=lambda run: (run.manifest.task["id"].lower(), run.manifest.started)):
            spec = TaskSpec.from_json(run.manifest.task)
            # Anchors are fixed in the catalogue; those of a task it does not have are in its newest manifest.
            specs[spec.id] = anchored.get(spec.id, spec)
        budgets = {
            task: min(run.manifest.budget for run in finished if run.manifest.task["id"] == task) for task in specs
        }
        cells = {}
        by_cell = sorted(finished, key=lambda run: (_cell_name(run), run.manifest.seed))
        for (task, algorithm), group in itertools.groupby(by_cell, key=_cell_name):
            cells[task, algorithm] = Cell(tuple(read_run(run, specs[task], budgets[task]) for run in group))
        algorithms = algorithm_order(run.manifest.name for run in of_tier)
        tiers.append(Tier(tier, specs, algorithms, budgets, cells))
    return tiers


def _cell_name(run: RunDirectory) -> tuple[str, str]:
    return run.manifest.task["id"], run.manifest.name


def read_run(run: RunDirectory, spec: TaskSpec, budget: int) -> Run:
    """A finished run as it stands at `budget`, its scores by the anchors of `spec`."""
    if run.manifest.budget == budget:
        last = next(i for i, row in enumerate(run.rows) if row.final)
    else:  # a longer run is read at the budget that all have
        last = max(i for i, row in enumerate(run.rows) if is_within(row.useful_steps, budget))
        if last == 0:
            raise InputError(
                f"{run.path} was not evaluated between step 0 and {budget:,}, the smallest budget of the runs on its "
                f"task: its own is {run.manifest.budget:,}; report them apart"
            )
    rows = run.rows[: last + 1]
    returns = np.array([row.value for row in rows], np.float64)
    return Run(
        seed=run.manifest.seed,
        manifest=run.manifest,
        score_row=rows[-1],
        steps_in_all=run.rows[-1].useful_steps,
        useful_steps=np.array([row.useful_steps for row in rows], np.float64),
        train_seconds=np.array([row.train_seconds for row in rows], np.float64),
        returns=returns,
        scores=normalised(returns, spec),
    )
