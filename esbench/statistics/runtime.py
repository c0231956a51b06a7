"""Curves read sideways: what a run has by a time, and the time it takes to a target."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

TARGETS = np.linspace(0.05, 1.0, 20)
"""The targets of every task, as normalized scores: every twentieth of the way from random to reference."""


def carry_forward(times: np.ndarray, values: np.ndarray, at: np.ndarray | float) -> np.ndarray:
    """The value at each of `at`: that of the last of `times` (ascending) not after it. All one-dimensional.

    Before the first of `times` it is the first value: the first row shows the untrained policy, which was there before
    its clock was read.
    """
    return values[np.maximum(np.searchsorted(times, at, side="right") - 1, 0)]


def area_under(times: np.ndarray, values: np.ndarray, end: float) -> float:
    """The mean of the staircase through (`times`, `values`) from 0 to `end`, values carried forward."""
    inner = times[(times > 0) & (times < end)]
    edges = np.concatenate([[0.0], inner, [end]])
    return float(np.diff(edges) @ carry_forward(times, values, edges[:-1]) / end)


def first_hits(times: np.ndarray, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The first of `times` at which `values` is at or above each target, (targets,); infinity: not reached."""
    best = np.maximum.accumulate(values)
    found = np.searchsorted(best, targets, side="left")
    return np.append(times, np.inf)[found]


class ToTarget(NamedTuple):
    """How long a target takes, over seeds. Runs that ended before it are censored at their end, and stay in.

    reached, runs: how many did, of how many. median: over all runs, infinity where it lies among the censored.
    expected: the time of all runs until the target or their end, divided by the number that reached it (the field's
    ERT). Infinity where all ended before it. spent: the longest that a run was followed.
    """

    reached: int
    runs: int
    median: float
    expected: float
    spent: float


def to_target(hits: Sequence[float] | np.ndarray, ends: Sequence[float] | np.ndarray) -> ToTarget:
    """From each run's time of reaching the target (infinity: not reached) and its end."""
    hits, ends = np.asarray(hits, np.float64), np.asarray(ends, np.float64)
    reached = int(np.isfinite(hits).sum())
    lower, upper = np.sort(hits)[[(len(hits) - 1) // 2, len(hits) // 2]]
    median = float((lower + upper) / 2)
    expected = float(np.minimum(hits, ends).sum() / reached) if reached else np.inf
    return ToTarget(reached, len(hits), median, expected, float(ends.max()))


def runtime_distribution(hits: Sequence[np.ndarray], at: np.ndarray) -> np.ndarray:
    """The share of (run, target) pairs reached by each of `at`, every task weighing the same; the shape of `at`.

    hits: per task (runs, targets), infinity where a target was not reached: those stay in the denominator.
    """
    shares = [np.searchsorted(np.sort(table, axis=None), at, side="right") / table.size for table in hits]
    return np.mean(shares, axis=0)
