"""The runs of a report as it reads them: per track, tier, task and algorithm a cell of seeds."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean

import numpy as np
import pandas as pd

from esbench.errors import InputError
from esbench.report.grouping import algorithm_order, run_name, tier_order, track_of, track_order
from esbench.results.load import Run, results_of, run_identity
from esbench.results.records import Manifest, Row
from esbench.results.score_rule import is_within
from esbench.statistics.intervals import Estimate, mean_estimate
from esbench.statistics.normalization import has_scores, normalized, score_bounds
from esbench.statistics.runtime import area_under, carry_forward
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.registry import task_specs
from esbench.tasks.spec import TaskSpec


@dataclass(frozen=True)
class ScoredRun:
    """One seed, up to the row that is its score.

    rows: of `load_results`, ascending in time. scores: (rows,) float64, normalized values, not clipped, NaN where the
    task has no anchors. score_row: the last of the rows. steps_in_all: with the overshoot.
    """

    manifest: Manifest
    score_row: Row
    steps_in_all: int
    rows: pd.DataFrame
    scores: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """A column of its rows, (rows,) float64: counts, clocks, all that the evaluations gave, training metrics. NaN
        where the run has no such value."""
        return self.rows.reindex(columns=[name])[name].to_numpy(np.float64)

    @property
    def seed(self) -> int:
        return self.manifest.seed

    @cached_property
    def useful_steps(self) -> np.ndarray:
        return self.column("useful_steps")

    @cached_property
    def train_seconds(self) -> np.ndarray:
        return self.column("train_seconds")

    def seconds(self, compiled: bool = False) -> np.ndarray:
        """Of training, and with `compiled` of compilation, too."""
        return self.train_seconds + self.column("compile_seconds") if compiled else self.train_seconds

    @cached_property
    def values(self) -> np.ndarray:
        """The task's measure."""
        return self.column("value")


@dataclass(frozen=True)
class Cell:
    """One algorithm on one task: its runs by ascending seed, at least one, and the task's spec."""

    runs: tuple[ScoredRun, ...]
    spec: TaskSpec

    @property
    def manifest(self) -> Manifest:
        """That of the first seed; what all of them share is the same in each."""
        return self.runs[0].manifest

    @cached_property
    def values(self) -> np.ndarray:
        """The measure of every seed's score row, (n,)."""
        return np.array([run.values[-1] for run in self.runs])

    @cached_property
    def scores(self) -> np.ndarray:
        """The normalized score of every seed, (n,), not clipped."""
        return np.array([run.scores[-1] for run in self.runs])

    @cached_property
    def sample_errors(self) -> np.ndarray:
        """The standard error of every seed's value over the samples of its evaluation, (n,). 0 for a failed run on a
        board: its stand-in has no samples."""
        rows = [run.score_row for run in self.runs]
        return np.array([row.std / math.sqrt(row.samples) if row.samples else 0.0 for row in rows])

    @cached_property
    def untrained(self) -> np.ndarray:
        """The measure of every seed at step 0, (n,)."""
        return np.array([run.values[0] for run in self.runs])

    @cached_property
    def untrained_scores(self) -> np.ndarray:
        """The normalized score of every seed at step 0, (n,), not clipped."""
        return np.array([run.scores[0] for run in self.runs])

    @cached_property
    def starts(self) -> list[tuple[float, ...]]:
        """What tells each seed's untrained policy from others: what its first evaluation gave in either action mode,
        or in the only one."""
        measure = self.spec.measure.name
        names = [name for name in (f"{measure}_mean_greedy", f"{measure}_mean_sample") if name in self.runs[0].rows]
        return [tuple(run.column(name)[0] for name in names or ["value"]) for run in self.runs]

    @cached_property
    def gain_spread(self) -> float:
        """The standard deviation that a seed's gain since step 0 has from evaluating with so many samples alone."""
        spreads = np.array([run.column(f"{self.spec.measure.name}_std")[0] for run in self.runs])
        samples = np.array([max(run.score_row.samples, 1) for run in self.runs])
        first = np.nan_to_num(spreads**2 / samples)  # a failed run's stand-in has none
        return float(np.sqrt(np.mean(first + self.sample_errors**2)))

    @property
    def mean(self) -> Estimate:
        """Of the measure, over seeds; of equal values the interval is what their samples leave open."""
        return self.mean_of_values(self.values)

    @property
    def mean_score(self) -> Estimate:
        """Over seeds, of scores that are not clipped."""
        return mean_estimate(self.scores).within(*score_bounds(self.spec))

    def mean_of_values(self, values: np.ndarray) -> Estimate:
        """Of one value a seed, (n,); the interval ends where the measure does."""
        measure = self.spec.measure
        return mean_estimate(values, least=self.sample_spread).within(measure.lowest, measure.highest)

    @property
    def sample_spread(self) -> float:
        """The standard deviation that a value has from evaluating with so many samples alone."""
        return float(np.sqrt(np.mean(self.sample_errors**2)))

    @property
    def hardware(self) -> list[str]:
        return sorted({str(run.manifest.device) for run in self.runs})

    def on(self, hardware: str) -> "Cell":
        """The runs on one kind of hardware, at least one."""
        return Cell(tuple(run for run in self.runs if str(run.manifest.device) == hardware), self.spec)

    def at_seconds(self, seconds: float, scores: bool = False, compiled: bool = False) -> np.ndarray:
        """The value (or score) of every seed after so many seconds of training, (n,). compiled: with the seconds that
        its programs took to compile."""
        return np.array(
            [
                float(carry_forward(run.seconds(compiled), run.scores if scores else run.values, seconds))
                for run in self.runs
            ]
        )

    def areas(self, budget: int) -> np.ndarray:
        """The mean over a budget of every seed's score, clipped to [0, 1], (n,)."""
        return np.array([area_under(run.useful_steps, np.clip(run.scores, 0, 1), budget) for run in self.runs])

    def mean_of(self, column: str) -> float:
        """The mean over seeds of a column of the score rows, by its name in `load_results`."""
        return fmean(run.column(column)[-1] for run in self.runs)


@dataclass(frozen=True)
class Tier:
    """All finished runs of one tier of a track.

    specs: by task, in the order of the report. cells: by (task, algorithm). budgets: per task the
    useful steps at which its algorithms are compared, the smallest of their budgets.
    """

    name: str
    track: str
    specs: dict[str, TaskSpec]
    algorithms: list[str]
    budgets: dict[str, int]
    cells: dict[tuple[str, str], Cell]

    @property
    def tasks(self) -> list[str]:
        return list(self.specs)

    @property
    def scored_tasks(self) -> list[str]:
        """The tasks with anchors that are not beyond the tier: those that aggregates are made of."""
        return [task for task, spec in self.specs.items() if has_scores(spec) and self.name not in spec.beyond]

    @property
    def beyond(self) -> list[str]:
        """The tasks of the catalogue that aggregates of the tier leave out, where it has all the others."""
        own = {spec.id for spec in CATALOGUE if self.name not in spec.beyond}
        others = [spec.id for spec in CATALOGUE if spec.id not in {*own, *self.scored_tasks}]
        return others if own <= set(self.tasks) else []

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
        """The algorithms with a score on every task that has anchors; empty without such a task."""
        return [name for name in self.algorithms if self.scored_tasks and len(self.row(name)) == len(self.scored_tasks)]

    def seconds(self, task: str, hardware: str, compiled: bool = False) -> float:
        """The training seconds, with `compiled` those of compilation too, at which the algorithms of a task are
        compared: those of the quickest run."""
        return min(
            run.seconds(compiled)[-1]
            for algorithm in self.algorithms
            for run in getattr(self.cell(task, algorithm), "runs", ())
            if str(run.manifest.device) == hardware
        )


def every_cell(tiers: Iterable[Tier]) -> Iterator[tuple[Tier, Cell, dict[str, str]]]:
    """In the order of a report, each with the names that its rows in tables begin with."""
    for tier in tiers:
        for task in tier.tasks:
            for algorithm in tier.algorithms:
                if cell := tier.cell(task, algorithm):
                    yield tier, cell, {"tier": tier.name, "task": task, "algorithm": algorithm}


def left_out(runs: Sequence[Run]) -> list[tuple[Run, int]]:
    """Of finished runs those that cannot be compared with the others of their task, each with the budget at which those
    are: shorter ones, and longer ones that were not evaluated before its end. The budget is the one that leaves out
    fewest, of equal ones the largest."""
    found = []
    for task in {_task(run) for run in runs}:
        of_task = [run for run in runs if _task(run) == task]
        budgets = {run.manifest.budget for run in of_task}
        budget = max(budgets, key=lambda budget: (sum(_is_read_at(run, budget) for run in of_task), budget))
        found += [(run, budget) for run in of_task if not _is_read_at(run, budget)]
    return sorted(found, key=lambda one: run_identity(one[0]))


def _is_read_at(run: Run, budget: int) -> bool:
    return run.manifest.budget == budget or (run.manifest.budget > budget and _score_place(run, budget) > 0)


def _task(run: Run) -> tuple[str, str]:
    return run.manifest.tier, run.manifest.task["id"]


def gather(runs: Sequence[Run]) -> list[Tier]:
    """The tiers of each track from the smallest to the largest. `runs` have a finished one of each, and none that is
    `left_out`.

    The tasks are those with a finished run. Unfinished runs add the names of their algorithms, so that what is missing
    shows as missing.
    """
    anchored = {spec.id: spec for spec in task_specs()}
    tiers = []
    groups = [(track, tier) for track in track_order(runs) for tier in tier_order(run.manifest.tier for run in runs)]
    for track, tier in groups:
        of_tier = [run for run in runs if (track_of(run), run.manifest.tier) == (track, tier)]
        if not of_tier:
            continue
        finished = [run for run in of_tier if run.finished]
        specs: dict[str, TaskSpec] = {}
        for run in sorted(finished, key=lambda run: (run.manifest.task["id"].lower(), run.manifest.started)):
            spec = TaskSpec.from_json(run.manifest.task)
            # Anchors are fixed in the catalogue; those of a task it does not have are in its newest manifest. So is the
            # version of the tier: its budget, and whether the task is beyond it.
            specs[spec.id] = replace(anchored.get(spec.id, spec), budgets=spec.budgets, beyond=spec.beyond)
        budgets = {
            task: min(run.manifest.budget for run in finished if run.manifest.task["id"] == task) for task in specs
        }
        cells = {}
        by_cell = sorted(finished, key=lambda run: (_cell_name(run), run.manifest.seed))
        for (task, algorithm), group in itertools.groupby(by_cell, key=_cell_name):
            read = tuple(read_run(run, specs[task], budgets[task]) for run in group)
            cells[task, algorithm] = Cell(read, specs[task])
        algorithms = algorithm_order(run.manifest.name for run in of_tier)
        tiers.append(Tier(tier, track, specs, algorithms, budgets, cells))
    return tiers


def _cell_name(run: Run) -> tuple[str, str]:
    return run.manifest.task["id"], run.manifest.name


def _score_place(run: Run, budget: int) -> int:
    """The place of the row that is a finished run's score at `budget`; 0 where only the untrained one comes before."""
    if run.manifest.budget == budget:
        return next(i for i, row in enumerate(run.rows) if row.final)
    return max(i for i, row in enumerate(run.rows) if is_within(row.useful_steps, budget))


def read_run(run: Run, spec: TaskSpec, budget: int) -> ScoredRun:
    """A finished run as it stands at `budget`, its scores by the anchors of `spec`. A longer run is read at the budget
    that all have; InputError where it was not evaluated before."""
    last = _score_place(run, budget)
    if last == 0 and run.manifest.budget != budget:
        raise InputError(f"{run_name(run)} was not evaluated between step 0 and {budget:,}: its budget is another")
    rows = results_of([run]).iloc[: last + 1]
    scores = normalized(rows["value"].to_numpy(np.float64), spec)
    return ScoredRun(run.manifest, run.rows[last], run.rows[-1].useful_steps, rows, scores)
