"""Two algorithms on the same seeds: differences, paired or not, tests that hold together over tasks, verdicts."""

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from esbench.statistics.aggregates import REPETITIONS, Scores, bootstrapped, resample, stratified_mean
from esbench.statistics.intervals import LEVEL, Estimate, standard_error

SIGNIFICANCE = 0.05
MARGIN = 0.05
"""Non-inferiority: how much of a score may be lost, where nothing else is said."""
MARGIN_OF_GAIN = 0.1
"""In a report: how much of what the better of two algorithms gained may be lost."""

Verdict = Literal["win", "tie", "loss", "untested"]


class Spread(NamedTuple):
    """What a mean difference can be tested by. error, freedom: of a t test; NaN for fewer than two seeds."""

    seeds: int
    mean: float
    error: float = math.nan
    freedom: float = math.nan


def paired_spread(differences: Sequence[float] | np.ndarray, least: float = 0.0) -> Spread:
    """Of differences, one a shared seed. least: of a difference, as for `standard_error`."""
    n = len(differences)
    if n < 2:
        return Spread(n, fmean(differences) if n else math.nan)
    return Spread(n, fmean(differences), standard_error(differences, least), n - 1)


def welch_spread(
    values: Sequence[float] | np.ndarray, others: Sequence[float] | np.ndarray, least: tuple[float, float] = (0.0, 0.0)
) -> Spread:
    """Of two means, one value a seed each, where nothing but the seed's number ties a value to another: by Welch's t
    test, with the degrees of freedom of Welch and Satterthwaite. least: of a value of either, as for
    `standard_error`."""
    sizes = len(values), len(others)
    if min(sizes) == 0:
        return Spread(0, math.nan)
    mean = fmean(values) - fmean(others)
    if min(sizes) < 2:
        return Spread(min(sizes), mean)
    variances = [standard_error(own, of) ** 2 for own, of in zip((values, others), least, strict=True)]
    parts = sum(variance**2 / (n - 1) for variance, n in zip(variances, sizes, strict=True))
    freedom = sum(variances) ** 2 / parts if parts > 0 else sum(sizes) - 2
    return Spread(min(sizes), mean, math.sqrt(sum(variances)), freedom)


class Paired(NamedTuple):
    """One algorithm less another on the same seeds. The p-value is NaN for fewer than two."""

    seeds: int
    difference: Estimate
    p_value: float


def paired(differences: Sequence[float] | np.ndarray, level: float = LEVEL, least: float = 0.0) -> Paired:
    """The paired t test of `differences`, one a shared seed, against 0, with the interval of their mean.

    least: of a difference, as for `standard_error`. Where nothing varies and that is 0 too, p is 1 for differences of
    0, and 0 for others.
    """
    return t_test(paired_spread(differences, least), level)


def t_test(spread: Spread, level: float = LEVEL) -> Paired:
    """The two-sided t test against 0, with the interval of the mean."""
    seeds, mean, error, freedom = spread
    if math.isnan(error):
        return Paired(seeds, Estimate(mean), math.nan)
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    p_value = float(mean == 0) if error == 0 else float(2 * stats.t.sf(abs(mean) / error, freedom))
    return Paired(seeds, Estimate(mean, mean - half, mean + half), p_value)


def holm(p_values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values, in the order given: comparing each with a level keeps the chance of any false rejection
    among them below it. NaN marks a missing test: it stays NaN and is left out of the count."""
    p_values = np.asarray(p_values, np.float64)
    adjusted = np.full_like(p_values, np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def verdict(difference: float, adjusted_p: float, significance: float = SIGNIFICANCE) -> Verdict:
    """A win or a loss where the adjusted p-value is below `significance`, by the difference's sign; else a tie."""
    if math.isnan(adjusted_p):
        return "untested"
    if adjusted_p >= significance or difference == 0:
        return "tie"
    return "win" if difference > 0 else "loss"


class NonInferiority(NamedTuple):
    """One algorithm's scores less another's on the same seeds, against what may be lost.

    low: the one-sided lower confidence bound of the mean difference. p_value: of the t test of "at least the margin is
    lost". NaN, both, for fewer than two seeds.
    """

    seeds: int
    difference: float
    low: float
    p_value: float


def non_inferiority(
    differences: Sequence[float] | np.ndarray,
    margin: float = MARGIN,
    significance: float = SIGNIFICANCE,
    least: float = 0.0,
) -> NonInferiority:
    """The one-sided paired t test of score `differences`, one a shared seed, against -`margin`.

    `least` as for `paired`; where nothing varies, p is 0 for differences above -margin, else 1.
    """
    return t_test_against(paired_spread(differences, least), margin, significance)


def t_test_against(spread: Spread, margin: float, significance: float = SIGNIFICANCE) -> NonInferiority:
    """The one-sided t test against -`margin`."""
    seeds, mean, error, freedom = spread
    if math.isnan(error):
        return NonInferiority(seeds, mean, math.nan, math.nan)
    low = mean - float(stats.t.isf(significance, freedom)) * error
    if error == 0:
        return NonInferiority(seeds, mean, low, float(mean <= -margin))
    return NonInferiority(seeds, mean, low, float(stats.t.sf((mean + margin) / error, freedom)))


def mean_difference(
    differences: Scores,
    generator: np.random.Generator | None = None,
    repetitions: int = REPETITIONS,
    level: float = LEVEL,
) -> Estimate:
    """The task-stratified mean of paired score differences, per task (shared seeds,), with the corrected bootstrap.

    The interval needs two shared seeds on each task; the value needs one, and a task. generator: as of `aggregate`.
    """
    sizes = [len(values) for values in differences]
    if not sizes or min(sizes) == 0:
        return Estimate(math.nan)
    counts = resample(generator or np.random.default_rng(0), sizes, repetitions) if min(sizes) > 1 else None
    return bootstrapped(stratified_mean, differences, counts, level)


def rank_ranges(values: Mapping[str, float], separated: Mapping[tuple[str, str], Estimate]) -> dict[str, range]:
    """Per algorithm the ranks it may have: from 1 + those separated above it to the number not separated below it.

    values: the ranking score. separated: for each pair (in either order) the difference of first and second with an
    interval. A pair is separated where the interval leaves out 0; a pair without an interval counts as joined.
    """
    above = dict.fromkeys(values, 0)
    below = dict.fromkeys(values, 0)
    for first, second in itertools.combinations(values, 2):
        pair = (first, second) if (first, second) in separated else (second, first)
        estimate = separated[pair]
        if estimate.has_interval and not estimate.low <= 0 <= estimate.high:
            better, worse = pair if estimate.value > 0 else pair[::-1]
            above[worse] += 1
            below[better] += 1
    return {name: range(1 + above[name], len(values) - below[name] + 1) for name in values}
