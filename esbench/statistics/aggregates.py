"""One number for many tasks, with a bootstrap over seeds, stratified by task.

A resample of n seeds is a row of counts: how often each of them was drawn. Every aggregate is computed from values and
counts, so that 10 000 resamples are a few matrix products. From counts of one it is the estimate itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from esbench.errors import InputError
from esbench.statistics.intervals import LEVEL, Estimate, bootstrap_interval, expansion

REPETITIONS = 10_000

ByTask = Mapping[str, Any] | pd.DataFrame | Iterable[Any]
"""Per task the scores of its seeds, few or uneven: arrays by task or in a row, or a DataFrame with a column per task.
NaN stands for a missing seed."""
Scores = Sequence[np.ndarray]
"""Per task the scores of its seeds, (n_t,) float64."""
Counts = Sequence[np.ndarray]
"""Per task how often each seed was drawn, (repetitions, n_t); each row sums to n_t."""


def resample(generator: np.random.Generator, sizes: Sequence[int], repetitions: int = REPETITIONS) -> list[np.ndarray]:
    """Draws with replacement within every task: per task the counts, (repetitions, n_t) float64."""

    def counts(n: int) -> np.ndarray:
        drawn = generator.integers(n, size=(repetitions, n)) + n * np.arange(repetitions)[:, None]
        return np.bincount(drawn.ravel(), minlength=repetitions * n).reshape(repetitions, n).astype(np.float64)

    return [counts(n) for n in sizes]


def task_means(scores: Scores, counts: Counts) -> np.ndarray:
    """The mean of every task's resampled seeds, (repetitions, tasks)."""
    return np.stack([drawn @ values / len(values) for values, drawn in zip(scores, counts, strict=True)], axis=1)


def stratified_mean(scores: Scores, counts: Counts) -> np.ndarray:
    """The mean over tasks of the tasks' means: every task weighs the same, however many seeds it has."""
    return task_means(scores, counts).mean(1)


def median(scores: Scores, counts: Counts) -> np.ndarray:
    """The median over tasks of the tasks' means."""
    return np.median(task_means(scores, counts), axis=1)


def optimality_gap(scores: Scores, counts: Counts) -> np.ndarray:
    """How far scores fall short of 1 in the task-stratified mean; what is above 1 does not make up for it."""
    return 1 - stratified_mean([np.minimum(values, 1.0) for values in scores], counts)


def interquartile_mean(scores: Scores, counts: Counts) -> np.ndarray:
    """The mean of the runs that are left of the pooled N when floor(N / 4) at either end are cut off.

    Every task has the same weight, its runs share it; with equal numbers of seeds this is
    `scipy.stats.trim_mean(runs, 0.25)`. It can leave out all runs of a task: rank by `stratified_mean`.
    """
    pooled = np.concatenate(scores)
    weights = np.concatenate([drawn / len(values) for values, drawn in zip(scores, counts, strict=True)], axis=1)
    order = np.argsort(pooled, kind="stable")
    cut = len(pooled) // 4 / len(pooled) * len(scores)
    ordered, end = pooled[order], len(scores) - cut
    # Weight up to and including each run, within the cuts; the sum over runs of what they add to it, by parts.
    reached = np.cumsum(weights[:, order], axis=1)
    np.clip(reached, cut, end, out=reached)
    return (end * ordered[-1] - cut * ordered[0] - reached[:, :-1] @ np.diff(ordered)) / (end - cut)


AGGREGATES: dict[str, Callable[[Scores, Counts], np.ndarray]] = {
    "mean": stratified_mean,
    "iqm": interquartile_mean,
    "median": median,
    "optimality_gap": optimality_gap,
}
WITHOUT_INTERVAL = ("median",)
"""The middle one of a few tasks' means jumps: simulated, its bootstrap interval covers between 69 and 100 %."""


def by_task(scores: ByTask) -> list[np.ndarray]:
    """InputError without tasks, and for a task without a score."""
    tasks = [values for _, values in scores.items()] if isinstance(scores, Mapping | pd.DataFrame) else list(scores)
    arrays = [np.asarray(values, np.float64) for values in tasks]
    if not arrays or any(values.ndim != 1 or np.isnan(values).all() for values in arrays):
        raise InputError(f"scores of {len(arrays)} tasks: expected one or more, each with its seeds' scores in a row")
    return [values[~np.isnan(values)] for values in arrays]


def bootstrapped(
    statistic: Callable[[Scores, Counts], np.ndarray], scores: Scores, counts: Counts | None, level: float = LEVEL
) -> Estimate:
    """A statistic of scores with the percentiles of its resamples, widened by `expansion`. counts: None where a task
    has a single seed. Its spread is unknown, so there is no interval."""
    value = float(statistic(scores, [np.ones((1, len(values))) for values in scores])[0])
    if counts is None:
        return Estimate(settled(value))
    interval = bootstrap_interval(value, statistic(scores, counts), expansion(scores, level), level)
    return Estimate(*map(settled, (value, *interval)))


def aggregate(
    scores: ByTask,
    generator: np.random.Generator | None = None,
    repetitions: int = REPETITIONS,
    level: float = LEVEL,
) -> dict[str, Estimate]:
    """Every aggregate of one algorithm's normalized scores: "mean", "iqm", "median", "optimality_gap".

    `scores` are clipped here to [0, 1]. For the optimality gap they are clipped only from above, so that scores below
    random count. The intervals are those of the bootstrap over seeds, stratified by task, widened for few seeds and cut
    to where the value can lie. The median has none, and no aggregate has one where a task has a single seed. generator:
    of the resamples; None: the same ones on every call.
    """
    capped = [np.minimum(values, 1.0) for values in by_task(scores)]
    clipped = [np.maximum(values, 0.0) for values in capped]
    sizes = [len(values) for values in capped]
    counts = resample(generator or np.random.default_rng(0), sizes, repetitions) if min(sizes) > 1 else None
    return {
        name: bootstrapped(statistic, capped, counts, level).within(0.0, None)
        if name == "optimality_gap"
        else bootstrapped(statistic, clipped, None if name in WITHOUT_INTERVAL else counts, level).within(0.0, 1.0)
        for name, statistic in AGGREGATES.items()
    }


def settled(value: float) -> float:
    """`value`, or 0 where it is what rounding leaves of scores that cancel: other bits on every processor."""
    return 0.0 if abs(value) < 1e-12 else value


def probability_of_improvement(
    scores: ByTask,
    others: ByTask,
    generator: np.random.Generator | None = None,
    repetitions: int = REPETITIONS,
    level: float = LEVEL,
) -> Estimate:
    """The mean over tasks of P(X > Y) + P(X = Y) / 2, X a run of one algorithm and Y of the other.

    Per task it is Mann and Whitney's U / (n m). The bootstrap draws the seeds of both, independently; the widening is
    that of the statistic's linear part, one term a seed. A task with a single seed of either leaves no interval. So do
    tasks on which all runs of one are above, or below, all of the other: resampling then shows no spread. generator: as
    of `aggregate`. InputError where the two have other tasks.
    """
    generator = generator or np.random.default_rng(0)
    wins = [(one[:, None] > other) + 0.5 * (one[:, None] == other) for one, other in _paired(scores, others)]
    value = float(np.mean([table.mean() for table in wins]))
    if min(min(table.shape) for table in wins) < 2 or all(np.ptp(table) == 0 for table in wins):
        return Estimate(value)
    counts, other_counts = (resample(generator, [table.shape[axis] for table in wins], repetitions) for axis in (0, 1))
    replicates = np.mean(
        [((c @ table) * d).sum(1) / table.size for table, c, d in zip(wins, counts, other_counts, strict=True)], axis=0
    )
    factor = expansion([mean for table in wins for mean in (table.mean(0), table.mean(1))], level)
    low, high = bootstrap_interval(value, replicates, factor, level)
    return Estimate(*map(settled, (value, low, high))).within(0.0, 1.0)


def _paired(scores: ByTask, others: ByTask) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per task the scores of both; by name where they have names."""
    if isinstance(scores, Mapping | pd.DataFrame) and isinstance(others, Mapping | pd.DataFrame):
        if set(scores) != set(others):
            raise InputError(f"scores on {', '.join(scores)} and on {', '.join(others)}: expected the same tasks")
        others = [others[task] for task in scores]
    one, other = by_task(scores), by_task(others)
    if len(one) != len(other):
        raise InputError(f"scores on {len(one)} and on {len(other)} tasks: expected the same")
    return list(zip(one, other, strict=True))
