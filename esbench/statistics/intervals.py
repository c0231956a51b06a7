"""Intervals: Student's t for one mean, the corrected bootstrap for what is made of many."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
"""The confidence level of every interval that a report shows."""


class Estimate(NamedTuple):
    """A number and its confidence interval; low and high are NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def has_interval(self) -> bool:
        return not math.isnan(self.low)

    def within(self, lowest: float | None, highest: float | None) -> "Estimate":
        """The same with an interval cut at the values' bounds; None: unbounded. The value stays inside: a sum of floats
        may lie past a bound by its last digits."""
        if not self.has_interval:
            return self
        low = self.low if lowest is None else max(self.low, min(lowest, self.value))
        high = self.high if highest is None else min(self.high, max(highest, self.value))
        return Estimate(self.value, low, high)


def standard_error(values: Sequence[float] | np.ndarray, least: float = 0.0) -> float:
    """The standard error s / sqrt(n) of the mean of at least two values, one a seed.

    Values that are equal up to rounding show no spread. Then s is `least`: the standard deviation of a value that comes
    from evaluating with so many episodes.
    """
    values = np.asarray(values, np.float64)
    alike = np.ptp(values) <= 1e-9 * np.abs(values).max() + 1e-12
    return (least if alike else float(np.std(values, ddof=1))) / math.sqrt(len(values))


def student_t_interval(
    values: Sequence[float] | np.ndarray, level: float = LEVEL, least: float = 0.0
) -> tuple[float, float] | None:
    """The two-sided Student-t confidence interval of the mean of `values`, one value a seed.

    The mean +- t times its `standard_error`, with n - 1 degrees of freedom. None for fewer than two values, since the
    spread over seeds needs two.
    """
    n = len(values)
    if n < 2:
        return None
    mean = fmean(values)  # rounded once, in any order: what cancels leaves 0
    half = float(stats.t.ppf(0.5 + level / 2, n - 1)) * standard_error(values, least)
    return mean - half, mean + half


def mean_estimate(values: Sequence[float] | np.ndarray, least: float = 0.0) -> Estimate:
    """The mean of at least one value, with its Student-t interval where there are two. least: as for
    `standard_error`."""
    return Estimate(fmean(values), *(student_t_interval(values, least=least) or ()))


def expansion(parts: Sequence[np.ndarray], level: float = LEVEL) -> float:
    """By how much a bootstrap of few seeds is too narrow for a sum of independent means, one of each of `parts`.

    Two causes, two factors. Resampling n values spreads their mean by (n - 1) / n of its variance: with the variances
    v_i = s_i^2 / n_i of the parts' means, sqrt(sum v_i / sum v_i (n_i - 1) / n_i) undoes it. And the quantiles are
    those of a known spread: t / z, with the degrees of freedom of Welch and Satterthwaite,
    (sum v_i)^2 / sum(v_i^2 / (n_i - 1)), is what estimating it costs. 1 where nothing varies.

    parts: arrays (n_i,) of at least two values each.
    """
    sizes = np.array([len(part) for part in parts])
    variances = np.array([np.var(part, ddof=1) for part in parts]) / sizes
    total = variances.sum()
    if not total > 0:
        return 1.0
    spread = math.sqrt(total / (variances * (sizes - 1) / sizes).sum())
    freedom = total**2 / (variances**2 / (sizes - 1)).sum()
    tail = 0.5 + level / 2
    return spread * float(stats.t.ppf(tail, freedom) / stats.norm.ppf(tail))


def bootstrap_interval(
    value: float, replicates: np.ndarray, factor: float, level: float = LEVEL
) -> tuple[float, float]:
    """The percentile interval of `replicates` (repetitions,), widened by `factor` about the estimate `value`."""
    tails = [0.5 - level / 2, 0.5 + level / 2]
    low, high = np.quantile(value + factor * (replicates - value), tails)
    return float(low), float(high)
