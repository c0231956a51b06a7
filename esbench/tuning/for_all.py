"""One setting of an algorithm for all tasks: successive halving of the same trials by their mean over the tasks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from esbench.experiment.many_runs.jobs import Job
from esbench.report.digits import agreed
from esbench.tuning.halving import SEEDS, Result, Search, TrialRun, told_apart

Rung = Sequence[Sequence[Result]]
"""The results of each task."""


@dataclass(frozen=True, eq=False)
class ForAll:
    """The searches of one algorithm on its tasks, whose trials are the same. The best two at the first rung, by their
    mean score over the tasks, run at the whole budget on every task; the better mean there is chosen. On a single task
    that is what its search is for, so the first rung chooses."""

    searches: Sequence[Search]

    @property
    def algorithm(self) -> str:
        return self.searches[0].algorithm

    def most(self, search: Search) -> int:
        """How many runs at the whole budget a task has, at most, besides those of its search."""
        return search.finalists if search.scored and len(self.searches) > 1 else 0

    def firsts(self) -> Rung | None:
        """The results of the first rung; None before all are settled."""
        rung: list[list[Result]] = []
        for search in self.searches:
            rung.append([])
            for run in search.first:
                if (result := search.result(run)) is None:
                    return None
                rung[-1].append(result)
        return rung

    def finalists(self) -> list[list[TrialRun]]:
        """The runs at the whole budget, those of a task in a list: none before all first rungs are settled, where no
        trial is compared on every task that tells, on a task without scores, and on a single one."""
        means = self._first_means()
        order = sorted(means, key=lambda trial: (-means[trial], trial))
        return [[search.run(trial, 2, SEEDS[0]) for trial in order[: self.most(search)]] for search in self.searches]

    def due(self) -> list[Job]:
        """The runs at the whole budget that can be run now and are not settled."""
        return [
            run.job
            for search, runs in zip(self.searches, self.finalists(), strict=True)
            for run in runs
            if search.result(run) is None and run.job is not None
        ]

    def results(self) -> Rung:
        """What is settled of the runs at the whole budget."""
        return [
            [result for run in runs if (result := search.result(run)) is not None]
            for search, runs in zip(self.searches, self.finalists(), strict=True)
        ]

    @property
    def finished(self) -> bool:
        """Whether all runs are settled."""
        return self.firsts() is not None and list(map(len, self.results())) == list(map(len, self.finalists()))

    def means(self) -> dict[int, float]:
        """By trial the mean that decides, the best first, of equal ones that with the better first rung; empty before
        all runs are settled, and where no trial was trained on every task."""
        if not self.finished:
            return {}
        firsts = self._first_means()
        means = firsts if len(self.searches) == 1 else mean_scores(self.results(), _trained)
        order = sorted(means, key=lambda trial: (-means[trial], -firsts[trial], trial))
        return {trial: means[trial] for trial in order}

    def chosen(self) -> int | None:
        """The trial with the best mean, None where there is none."""
        return next(iter(self.means()), None)

    def _first_means(self) -> dict[int, float]:
        rungs = zip(self.searches, self.firsts() or [], strict=False)
        return mean_scores([results for search, results in rungs if search.scored], told_apart)


def for_all(searches: Sequence[Search]) -> list[ForAll]:
    """The searches of each algorithm together; none of one task that has a search of its own."""
    names = dict.fromkeys(search.algorithm for search in searches)
    found = [ForAll([search for search in searches if search.algorithm == name]) for name in names]
    return [one for one in found if len(one.searches) > 1 or one.searches[0].first_only]


def results_of(search: Search, shared: Sequence[ForAll]) -> list[Result]:
    """All that is settled of a search, and of its task at the whole budget for a setting for all."""
    runs = dict.fromkeys(run for rung in (*search.rungs(), finalists_of(search, shared)) for run in rung)
    return [result for run in runs if (result := search.result(run)) is not None]


def finalists_of(search: Search, shared: Sequence[ForAll]) -> list[TrialRun]:
    """The runs of its task at the whole budget for a setting for all, as far as they are known."""
    one = next((one for one in shared if search in one.searches), None)
    return one.finalists()[one.searches.index(search)] if one is not None else []


def mean_scores(rung: Rung, counts: Callable[[Sequence[Result]], bool]) -> dict[int, float]:
    """By trial its mean score over the tasks that count. A score counts at most 1 and below 0 in full: what a setting
    breaks on one task, it cannot hide. A trial that failed, or was not trained for a generation, on one of these tasks
    has none.

    rung: of tasks that have scores.
    """
    values: dict[int, list[float]] = {}
    tasks = [results for results in rung if counts(results)]
    for results in tasks:
        for result in results:
            values.setdefault(result.trial, []).append(min(result.value, 1.0) if result.compared else -math.inf)
    means = {trial: agreed(fmean(of)) for trial, of in values.items() if len(of) == len(tasks)}
    return {trial: mean for trial, mean in means.items() if mean > -math.inf}


def _trained(results: Sequence[Result]) -> bool:
    """Whether the budget holds a generation of one of the trials, or one failed: which counts against it."""
    return any(result.compared or result.error is not None for result in results)
