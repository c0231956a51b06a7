"""Successive halving of one algorithm's trials on one task: which runs are due, and which trial is chosen.

All that was found out is in the run directories, and nothing else decides: a search that was stopped goes on where it
was, and every rung is what it would have been.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from esbench.errors import InputError
from esbench.experiment.many_runs.jobs import Job, check_settings, status
from esbench.experiment.options.config import default_name, resolve
from esbench.experiment.options.presets import OWN_DEFAULTS
from esbench.report.digits import agreed
from esbench.results.error_file import last_error
from esbench.results.run_directory import RunDirectory
from esbench.statistics.normalization import has_scores, normalized
from esbench.tasks.registry import Task
from esbench.tasks.spec import RETURN, Measure
from esbench.tuning.space import Settings

SEEDS = (1000, 1001, 1002)
"""Of tuning; no result is ever reported of them."""
SHARE = 8
"""The first rung has this part of the budget."""
FINALISTS = 2


@dataclass(frozen=True)
class Result:
    """One run of a trial that is settled: it has its score, or failed.

    rung: 1 (a part of the budget), 2 (all of it) or 3 (again, on other seeds). score: normalized, not clipped, None
    without a score or without anchors. mean: of the task's measure. score_steps: useful steps at the score, 0 where it
    is the untrained policy's. useful_steps, train_seconds: of the whole run. compile_seconds: of its programs, also
    where other runs of its process shared them.
    """

    task: str
    algorithm: str
    trial: int
    rung: int
    seed: int
    budget: int
    settings: Settings
    score: float | None = None
    mean: float | None = None
    score_steps: int | None = None
    useful_steps: int = 0
    train_seconds: float = 0.0
    compile_seconds: float = 0.0
    error: str | None = None
    measure: Measure = RETURN

    @property
    def value(self) -> float:
        """What trials are ordered by, the largest first: the score, on a task without scores the mean in the measure's
        direction; a failed one is the worst."""
        if self.mean is None:
            return -math.inf
        return self.measure.sign * self.mean if self.score is None else self.score

    @property
    def compared(self) -> bool:
        """Whether the value is one of the trial: not where it failed, nor of a policy that no generation trained."""
        return self.error is None and bool(self.score_steps)


def told_apart(results: Iterable[Result]) -> bool:
    """Whether the results that are compared say which trial is better: there is one, and not all of several are
    equal."""
    values = [result.value for result in results if result.compared]
    return len(values) == 1 or len(set(values)) > 1


@dataclass(frozen=True, eq=False)
class TrialRun:
    """A run of a trial that is due at a rung. job: None where the trial cannot be run on the task, for `refusal`."""

    trial: int
    rung: int
    seed: int
    budget: int
    job: Job | None
    refusal: str | None = None


@dataclass(frozen=True, eq=False)
class Search:
    """One algorithm on one task. out: the results root of the trials' runs. policy, start: of all of them, as `resolve`
    takes them. first_only: it ends with the first rung, and chooses nothing. steps: the whole budget, None for the
    tier's."""

    task_name: str
    task: Task
    algorithm: str
    trials: Sequence[Settings]
    tier: str
    out: Path
    policy: str | None = None
    start: str | None = None
    first_only: bool = False
    steps: int | None = None
    _runs: dict[tuple[int, int, int], TrialRun] = field(default_factory=dict)
    _results: dict[TrialRun, Result] = field(default_factory=dict)

    @property
    def budget(self) -> int:
        return self.steps or getattr(self.task.spec.budgets, self.tier)

    @property
    def promoted(self) -> int:
        """How many trials the second rung has, at most."""
        return min(len(self.trials), max(FINALISTS, len(self.trials) // 4))

    @property
    def finalists(self) -> int:
        """How many trials the last rung has, at most."""
        return min(len(self.trials), FINALISTS)

    @property
    def runs(self) -> int:
        """How many runs all rungs have, at most."""
        if self.first_only:
            return len(self.trials)
        return len(self.trials) + self.promoted + self.finalists * (len(SEEDS) - 1)

    def compilations(self, more: int = 0) -> int:
        """How often one process compiles, at most: once where the trials differ in numbers only, which all rungs share;
        else each rung compiles the programs of its trials anew. more: runs of another rung, of as many trials."""
        programs = len({run.job.programs for run in self.first if run.job is not None})
        later = () if self.first_only else (self.promoted, self.finalists)
        return programs if programs == 1 else programs + sum(min(programs, trials) for trials in (*later, more))

    @property
    def scored(self) -> bool:
        return has_scores(self.task.spec)

    @cached_property
    def first(self) -> list[TrialRun]:
        """The first rung. InputError where none of its runs is possible."""
        runs = [self.run(trial, 1, SEEDS[0]) for trial in range(len(self.trials))]
        if all(run.job is None for run in runs):
            raise InputError(
                f"{self.task.spec.id} {self.algorithm}, a rung of 1/{SHARE} of the budget: {runs[0].refusal}"
            )
        return runs

    def rungs(self) -> list[list[TrialRun]]:
        """The runs of each rung as far as they are known: a rung is when those before it are settled."""
        known = [self.first]
        if self.first_only or not self._settled(known[-1]):
            return known
        known.append([self.run(trial, 2, SEEDS[0]) for trial in self._best(known[-1], self.promoted)])
        if not self._settled(known[-1]):
            return known
        finalists = self._best(known[-1], self.finalists)
        known.append([self.run(trial, 3, seed) for trial in finalists for seed in SEEDS[1:]])
        return known

    @property
    def finished(self) -> bool:
        rungs = self.rungs()
        return len(rungs) == (1 if self.first_only else 3) and self._settled(rungs[-1])

    def result(self, run: TrialRun) -> Result | None:
        """What came of a run, None while it is not settled."""
        if run not in self._results and (found := self._read(run)) is not None:
            self._results[run] = found
        return self._results.get(run)

    def results(self) -> list[Result]:
        """All that is settled, rung by rung."""
        found = [self.result(run) for rung in self.rungs() for run in rung]
        return [result for result in found if result is not None]

    def due(self) -> list[Job]:
        """The runs that can be run now and are not settled."""
        return [run.job for rung in self.rungs() for run in rung if self.result(run) is None and run.job is not None]

    @property
    def quantity(self) -> str:
        """What trials are told of: the score, or the measure."""
        return "score" if self.scored else self.task.spec.measure.title

    def told(self, value: float) -> float:
        """A value, as trials are ordered by it, as the quantity itself."""
        return value if self.scored else self.task.spec.measure.sign * value

    def full_budget(self) -> dict[int, float]:
        """By finalist the mean value over all seeds at the full budget, in the order of the second rung; empty before
        the search is finished, and where it ends with the first rung."""
        if not self.finished or self.first_only:
            return {}
        _, second, third = ([result for run in rung if (result := self.result(run))] for rung in self.rungs())
        values: dict[int, list[float]] = {}
        for result in [*third, *(result for result in second if result.trial in {of.trial for of in third})]:
            values.setdefault(result.trial, []).append(result.value if result.compared else -math.inf)
        return {trial: fmean(of) for trial, of in values.items()}

    def chosen(self) -> int | None:
        """The trial with the best mean over the seeds at the full budget, of equal ones that with the better first
        rung, then the first; None before the search is finished, where every finalist failed on one of the seeds, and
        where no trial is told apart from another."""
        values = self.full_budget()
        if not told_apart(self.results()):
            return None
        firsts = {run.trial: result.value for run in self.first if (result := self.result(run))}
        best = min(values, key=lambda trial: (-values[trial], -firsts[trial], trial), default=None)
        return best if best is not None and values[best] > -math.inf else None

    @property
    def untrained(self) -> bool:
        """Whether the first rung says nothing: no budget in it held a generation, every score is the first policy's."""
        results = [self.result(run) for run in self.first]
        scored = [result for result in results if result is not None and result.error is None]
        return None not in results and bool(scored) and not any(result.compared for result in scored)

    def _settled(self, runs: Sequence[TrialRun]) -> bool:
        return all(self.result(run) is not None for run in runs)

    def _best(self, runs: Sequence[TrialRun], number: int) -> list[int]:
        """The trials of the best results that are compared, at most `number`; equal ones in their order."""
        results = [result for run in runs if (result := self.result(run)) and result.compared]
        return [result.trial for result in sorted(results, key=lambda result: (-result.value, result.trial))][:number]

    def run(self, trial: int, rung: int, seed: int) -> TrialRun:
        """A run of the search, the same object each time: resolving it and reading its rows take time."""
        if (trial, rung, seed) not in self._runs:
            self._runs[trial, rung, seed] = self._make(trial, rung, seed)
        return self._runs[trial, rung, seed]

    def _make(self, trial: int, rung: int, seed: int) -> TrialRun:
        budget = max(1, self.budget // SHARE) if rung == 1 else self.budget
        part = "part" if rung == 1 else "full"
        options: dict[str, Any] = {
            "task": self.task_name,
            "algorithm": self.algorithm,
            "tier": self.tier,
            "steps": budget,
            "preset": OWN_DEFAULTS,
            "settings": dict(self.trials[trial]),
            "name": f"{default_name(self.algorithm)}-trial-{trial:03}-{part}",
            "out": str(self.out),
            "policy": self.policy,
            "start": self.start,
        }
        try:
            return TrialRun(trial, rung, seed, budget, Job(options, resolve(**options), seed))
        except InputError as error:
            return TrialRun(trial, rung, seed, budget, None, str(error))

    def _read(self, run: TrialRun) -> Result | None:
        result: dict[str, Any] = {
            "task": self.task.spec.id,
            "algorithm": default_name(self.algorithm),
            "trial": run.trial,
            "rung": run.rung,
            "seed": run.seed,
            "budget": run.budget,
            "settings": dict(self.trials[run.trial]),
            "measure": self.task.spec.measure,
        }
        if run.job is None:
            return Result(**result, error=run.refusal)
        now = status(run.job)
        if now == "failed":
            return Result(**result, **_spent(run.job.path), error=last_error(run.job.path) or "failed")
        if now != "finished":
            return None
        check_settings([run.job])
        (score,) = [row for row in RunDirectory.open(run.job.path).rows if row.final]
        return Result(
            **result,
            **_spent(run.job.path),
            score=agreed(float(normalized(score.value, self.task.spec))) if self.scored else None,
            mean=score.value,
            score_steps=score.useful_steps,
        )


def _spent(path: Path) -> dict[str, Any]:
    """What a run took, failed ones included, as far as it is on disk."""
    try:
        rows = RunDirectory.open(path).rows
    except InputError:
        return {}
    names = ("useful_steps", "train_seconds", "compile_seconds")
    return {name: getattr(rows[-1], name) for name in names} if rows else {}
