"""The statistics of one tier: aggregates of the algorithms, comparisons of their pairs."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean
from typing import Any

import numpy as np

from esbench.report.digits import agreed
from esbench.report.learning import gained, learnt
from esbench.report.scored_runs import Cell, Tier
from esbench.statistics.aggregates import aggregate, probability_of_improvement
from esbench.statistics.comparison import (
    MARGIN_OF_GAIN,
    SIGNIFICANCE,
    Paired,
    Spread,
    Verdict,
    holm,
    mean_difference,
    paired_spread,
    rank_ranges,
    t_test,
    t_test_against,
    verdict,
    welch_spread,
)
from esbench.statistics.intervals import LEVEL, Estimate
from esbench.statistics.normalization import normalized, score_bounds


@dataclass(frozen=True)
class TaskComparison:
    """Two algorithms on one task, first less second, on the seeds they share.

    difference, p, p_holm: of the measure; Holm's over the tasks of the pair, paired where `starts_alike`. verdict: the
    first's. scores: the same of scores, NaN where the task has no anchors.
    """

    task: str
    seeds: int
    difference: Estimate
    p: float
    p_holm: float
    verdict: Verdict
    scores: Paired


@dataclass(frozen=True)
class NotWorse:
    """Non-inferiority of one algorithm to another on one task that one of them learnt. margin, difference, low: of
    scores. p_holm: over these tasks. not_worse: None where it cannot be tested."""

    margin: float
    seeds: int
    difference: float
    low: float
    p: float
    p_holm: float
    not_worse: bool | None


@dataclass(frozen=True)
class Comparison:
    """Two algorithms on the tasks that both have: how many those are, and those of each verdict. difference and
    improvement: over those with anchors, of scores. learnt_tasks: how many of these one of the two learnt.
    first_not_worse, second_not_worse: on how many of those, at equal useful steps."""

    first: str
    second: str
    tasks: int
    win: int
    tie: int
    loss: int
    untested: int
    difference: Estimate
    improvement: Estimate
    learnt_tasks: int
    first_not_worse: int
    second_not_worse: int
    by_task: list[TaskComparison]


def compare(tier: Tier, first: str, second: str) -> Comparison | None:
    """None unless both have scores on some task."""
    shared = [task for task in tier.tasks if tier.cell(task, first) and tier.cell(task, second)]
    if not shared:
        return None
    by_task = _by_task(tier, first, second, shared)
    verdicts = [result.verdict for result in by_task]
    scored = [task for task in shared if task in tier.scored_tasks]
    ones, others = ([tier.cells[task, name].scores for task in scored] for name in (first, second))
    clipped = [_differences(tier, task, first, second, _clipped) for task in scored]
    forth, back = not_worse(tier, first, second), not_worse(tier, second, first)
    return Comparison(
        first,
        second,
        tasks=len(shared),
        win=verdicts.count("win"),
        tie=verdicts.count("tie"),
        loss=verdicts.count("loss"),
        untested=verdicts.count("untested"),
        difference=mean_difference(clipped).within(-1, 1),
        improvement=probability_of_improvement(ones, others) if scored else Estimate(math.nan),
        learnt_tasks=len(forth),
        first_not_worse=sum(task.not_worse is True for task in forth.values()),
        second_not_worse=sum(task.not_worse is True for task in back.values()),
        by_task=by_task,
    )


def _by_task(tier: Tier, first: str, second: str, shared: list[str]) -> list[TaskComparison]:
    values = [_paired(tier, task, first, second) for task in shared]
    return [
        TaskComparison(
            task,
            value.seeds,
            value.difference,
            value.p_value,
            float(p),
            verdict(tier.specs[task].measure.sign * value.difference.value, p),
            _paired(tier, task, first, second, scores=True),
        )
        for task, value, p in zip(shared, values, holm([value.p_value for value in values]), strict=True)
    ]


def _paired(tier: Tier, task: str, first: str, second: str, scores: bool = False) -> Paired:
    """Of the measure or of scores; the interval ends where differences do."""
    found = t_test(difference(tier, task, first, second, attrgetter("scores" if scores else "values"), scores))
    most = _most_apart(tier, task, scores)
    return found._replace(difference=found.difference.within(-most, most))


def _most_apart(tier: Tier, task: str, scores: bool = False) -> float:
    """The largest possible difference of two means on a task, of the measure or of scores."""
    spec = tier.specs[task]
    low, high = score_bounds(spec) if scores else (spec.measure.lowest, spec.measure.highest)
    return math.inf if low is None or high is None else high - low


def not_worse(tier: Tier, first: str, second: str, at_seconds: bool = False) -> dict[str, NotWorse]:
    """Whether `first` is shown to be at most a little worse than `second`, by task that one of the two learnt. Where
    neither did, being no worse says nothing. A little: a share of what the better one gained. Compared at equal useful
    steps, or at equal training seconds. Seconds need one kind of hardware: empty for a tier with several."""
    if at_seconds and len(tier.hardware) != 1:
        return {}
    tests, margins = {}, {}
    for task in tier.scored_tasks:
        cells = [cell for name in (first, second) if (cell := tier.cell(task, name)) is not None]
        if len(cells) == 2 and any(map(learnt, cells)):
            margins[task] = MARGIN_OF_GAIN * max(map(gained, cells))
            seconds = tier.seconds(task, tier.hardware[0]) if at_seconds else math.inf
            spread = difference(
                tier, task, first, second, lambda cell, end=seconds: cell.at_seconds(end, scores=True), scores=True
            )
            test = t_test_against(spread, margins[task])
            tests[task] = test._replace(low=max(test.low, -_most_apart(tier, task, scores=True)))
    adjusted = holm([test.p_value for test in tests.values()])
    return {
        task: NotWorse(margins[task], *test, float(p), None if math.isnan(p) else bool(p < SIGNIFICANCE))
        for (task, test), p in zip(tests.items(), adjusted, strict=True)
    }


def difference(
    tier: Tier, task: str, first: str, second: str, of: Callable[[Cell], np.ndarray], scores: bool = False
) -> Spread:
    """First less second on the seeds that both have: paired where they start alike, else Welch's. of: a cell's values,
    or `scores`, one a run. Where they are equal, the spread is that of evaluating with a limited number of samples."""
    least = [_sample_spread(tier, task, name, scores) for name in (first, second)]
    if starts_alike(tier, first, second):
        return paired_spread(_differences(tier, task, first, second, of), math.hypot(*least))
    one, other = _on_shared_seeds(tier, task, first, second, of)
    return welch_spread(one, other, (least[0], least[1]))


def starts_alike(tier: Tier, first: str, second: str) -> bool:
    """Whether the two have the same untrained policy on a seed, as strategies of one population loop do: then a seed's
    luck at the start is shared, and differences are paired. Others share their evaluation's episodes only. It is seen
    where most of their first evaluations are equal: on another processor some differ by rounding."""
    shared = [task for task in tier.tasks if tier.cell(task, first) and tier.cell(task, second)]
    pairs = [zip(*_on_shared_seeds(tier, task, first, second, attrgetter("starts")), strict=True) for task in shared]
    alike = [one == other for pair in pairs for one, other in pair]
    return 2 * sum(alike) > len(alike)


def _sample_spread(tier: Tier, task: str, name: str, scores: bool) -> float:
    """The standard deviation that an algorithm's value, or score, of one seed has from its evaluation."""
    cell = tier.cells[task, name]
    errors = cell.sample_errors
    if scores:
        errors = normalized(cell.values + errors, tier.specs[task]) - cell.scores
    return math.sqrt(float(np.mean(errors**2)))


def _clipped(cell: Cell) -> np.ndarray:
    return np.clip(cell.scores, 0, 1)


def _differences(tier: Tier, task: str, first: str, second: str, of: Callable[[Cell], np.ndarray]) -> np.ndarray:
    """First less second on every seed that both have, by ascending seed. of: a cell's values, one a run."""
    one, other = _on_shared_seeds(tier, task, first, second, of)
    return np.array([a - b for a, b in zip(one, other, strict=True)])


def _on_shared_seeds(
    tier: Tier, task: str, first: str, second: str, of: Callable[[Cell], Sequence[Any] | np.ndarray]
) -> tuple[list[Any], list[Any]]:
    """Of either algorithm what `of` says of a cell's runs, on every seed that both have, by ascending seed."""
    one, other = (
        {run.seed: value for run, value in zip(cell.runs, of(cell), strict=True)}
        for cell in (tier.cells[task, first], tier.cells[task, second])
    )
    seeds = [seed for seed in one if seed in other]
    return [one[seed] for seed in seeds], [other[seed] for seed in seeds]


def compare_all(tier: Tier) -> dict[tuple[str, str], Comparison]:
    """Every pair of the tier's algorithms that has a task in common."""
    pairs = {pair: compare(tier, *pair) for pair in itertools.combinations(tier.algorithms, 2)}
    return {pair: comparison for pair, comparison in pairs.items() if comparison is not None}


@dataclass(frozen=True)
class Aggregate:
    """An algorithm over all tasks with anchors.

    estimates: by name. "mean" is the ranking score; "iqm", "median", "optimality_gap"; "improvement" (over the other
    algorithms' mean), "area" (the ranking score's mean over training), "equal_seconds" (the ranking score at equal
    training seconds; absent where the tier was computed on several kinds of hardware). ranks: those it may have.
    otherwise: the names by which it would rank differently.
    """

    algorithm: str
    seeds: range
    estimates: dict[str, Estimate]
    ranks: range
    otherwise: frozenset[str]


def aggregates(tier: Tier, comparisons: dict[tuple[str, str], Comparison]) -> list[Aggregate]:
    """Of the algorithms that have every task, by falling ranking score. Others have no aggregate: a mean over other
    tasks is another number."""
    names = tier.complete
    estimates = {name: _estimates(tier, name) for name in names}
    pairs = {pair: comparisons[pair] for pair in itertools.combinations(names, 2)}
    if len(names) > 1:
        for name in names:
            chances = [
                pair.improvement.value if pair.first == name else 1 - pair.improvement.value
                for pair in pairs.values()
                if name in (pair.first, pair.second)
            ]
            estimates[name]["improvement"] = Estimate(fmean(chances))
    means = {name: estimates[name]["mean"].value for name in names}
    # Bonferroni: the ranges hold together, over all pairs, at the stated level.
    level = 1 - (1 - LEVEL) / max(len(pairs), 1)
    separated = {pair: _difference(tier, *pair, level) for pair in pairs}
    ranks = rank_ranges(means, separated)
    order = sorted(names, key=lambda name: -agreed(means[name]))
    return [
        Aggregate(
            name,
            _seeds(tier, name),
            estimates[name],
            ranks[name],
            frozenset(
                statistic
                for statistic in estimates[name]
                if _rank(name, statistic, estimates) != _rank(name, "mean", estimates)
            ),
        )
        for name in order
    ]


def _estimates(tier: Tier, name: str) -> dict[str, Estimate]:
    cells = tier.row(name)
    estimates = aggregate([cell.scores for cell in cells.values()])
    areas = [cell.areas(tier.budgets[task]) for task, cell in cells.items()]
    estimates["area"] = aggregate(areas)["mean"]
    if len(tier.hardware) == 1:
        (hardware,) = tier.hardware
        early = [cell.at_seconds(tier.seconds(task, hardware), scores=True) for task, cell in cells.items()]
        estimates["equal_seconds"] = aggregate(early)["mean"]
    return estimates


def _difference(tier: Tier, first: str, second: str, level: float) -> Estimate:
    differences = [_differences(tier, task, first, second, _clipped) for task in tier.scored_tasks]
    return mean_difference(differences, level=level)


def _rank(name: str, statistic: str, estimates: dict[str, dict[str, Estimate]]) -> int:
    """1 + how many algorithms are better by a statistic; differences below rounding are none."""
    sign = -1 if statistic == "optimality_gap" else 1
    own = estimates[name][statistic].value
    return 1 + sum(sign * (other[statistic].value - own) > 1e-9 for other in estimates.values())


def _seeds(tier: Tier, name: str) -> range:
    counts = [len(cell.runs) for cell in tier.row(name).values()]
    return range(min(counts), max(counts) + 1)
