"""One setting of an algorithm for all tasks: successive halving of the same trials by their mean over the tasks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from esbench.experiment.many_runs.jobs import Job
from esbench.report.digits import agreed
from esbench.tuning.halving import FINALISTS, SEEDS, Result, Search, TrialRun, told_apart


@dataclass(frozen=True, eq=False)
class ForAll:
    """The searches of one algorithm on several tasks, whose trials are the same. The best two at the first rung, by
    their mean score over the tasks, run at the whole budget on every task; the better mean there is chosen."""

    searches: Sequence[Search]

    @property
    def algorithm(self) -> str:
        return self.searches[0].algorithm

    def most(self, search: Search) -> int:
        """How many runs at the whole budget a task has, at most, besides those of its search: on a single task both
        promote the same trials."""
        alone = len(self.searches) == 1 and not search.first_only
        return 0 if alone or not search.scored else min(FINALISTS, len(search.trials))

    @property
    def firsts(self) -> list[list[Result]] | None:
        """The results of the first rung, those of a task in a list; None before all are settled."""
        rungs = [[search.result(run) for run in search.first] for search in self.searches]
        settled = [[result for result in rung if result is not None] for rung in rungs]
        return settled if list(map(len, settled)) == list(map(len, rungs)) else None

    def finalists(self) -> list[list[TrialRun]]:
        """The runs at the whole budget, those of a task in a list: none before all first rungs are settled, where no
        trial is compared on every task that tells, and on tasks without scores."""
        means = mean_scores(self.firsts or [])
        order = sorted(means, key=lambda trial: (-means[trial], trial))
        return [
            [search.run(trial, 2, SEEDS[0]) for trial in order[:FINALISTS] if search.scored] for search in self.searches
        ]

    def due(self) -> list[Job]:
        """The runs at the whole budget that can be run now and are not settled."""
        return [
            run.job
            for search, runs in zip(self.searches, self.finalists(), strict=True)
            for run in runs
            if search.result(run) is None and run.job is not None
        ]

    def results(self) -> list[list[Result]]:
        """What is settled of the runs at the whole budget, those of a task in a list."""
        return [
            [result for run in runs if (result := search.result(run)) is not None]
            for search, runs in zip(self.searches, self.finalists(), strict=True)
        ]

    @property
    def finished(self) -> bool:
        """Whether all runs are settled."""
        return self.firsts is not None and list(map(len, self.results())) == list(map(len, self.finalists()))

    def chosen(self) -> int | None:
        """The finalist with the best mean score over the tasks at the whole budget, of equal ones that with the better
        first rung. None before all runs are settled, and where there is none."""
        if not self.finished:
            return None
        means, firsts = mean_scores(self.results()), mean_scores(self.firsts or [])
        return max(means, key=lambda trial: (means[trial], firsts[trial], -trial), default=None)


def results_of(search: Search, shared: Sequence[ForAll]) -> list[Result]:
    """All that is settled of a search, and of its task at the whole budget for a setting for all."""
    runs = dict.fromkeys(run for rung in (*search.rungs(), finalists_of(search, shared)) for run in rung)
    return [result for run in runs if (result := search.result(run)) is not None]


def finalists_of(search: Search, shared: Sequence[ForAll]) -> list[TrialRun]:
    """The runs of its task at the whole budget for a setting for all, as far as they are known."""
    pairs = [pair for one in shared for pair in zip(one.searches, one.finalists(), strict=True)]
    return [run for of, runs in pairs if of is search for run in runs]


def for_all(searches: Sequence[Search]) -> list[ForAll]:
    """The searches of each algorithm together."""
    names = dict.fromkeys(search.algorithm for search in searches)
    return [ForAll([search for search in searches if search.algorithm == name]) for name in names]


def mean_scores(rung: Sequence[Sequence[Result]]) -> dict[int, float]:
    """By trial its mean score over the tasks that tell trials apart. A score counts at most 1 and below 0 in full: what
    a setting breaks on one task, it cannot hide. A trial that failed, or was not trained for a generation, on one of
    these tasks has none.

    rung: the results of each task.
    """
    told = telling(rung)
    values: dict[int, list[float]] = {}
    for of_task in told:
        for result in of_task:
            score = min(result.value, 1.0) if result.compared else -math.inf
            values.setdefault(result.trial, []).append(score)
    means = {trial: agreed(fmean(of)) for trial, of in values.items() if len(of) == len(told)}
    return {trial: mean for trial, mean in means.items() if mean > -math.inf}


def telling(rung: Sequence[Sequence[Result]]) -> list[Sequence[Result]]:
    """Those of tasks that have scores, and tell trials apart."""
    return [of_task for of_task in rung if any(result.score is not None for result in of_task) and told_apart(of_task)]
