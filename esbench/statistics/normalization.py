"""Values of a measure as scores: 0 is the task's random policy, 1 its reference, whichever way is better."""

import math
from collections.abc import Sequence

import numpy as np

from esbench.tasks.spec import TaskSpec


def normalized_scores(
    values: np.ndarray | Sequence[float] | float, random: float, reference: float, log2: bool = False
) -> np.ndarray:
    """(value - random) / (reference - random), float64, the shape of `values`; not clipped.

    log2: values and anchors are replaced by their binary logarithm, values below 1 counting as 1.
    """
    values = np.asarray(values, np.float64)
    if log2:
        values, random, reference = np.log2(np.maximum(values, 1.0)), math.log2(random), math.log2(reference)
    return (values - random) / (reference - random)


def normalized(values: np.ndarray | Sequence[float] | float, spec: TaskSpec) -> np.ndarray:
    """`normalized_scores` with a task's anchors, in log2 where its `score_scale` says so. NaN where it lacks an anchor:
    it has no scores."""
    if spec.random is None or spec.reference is None or not has_scores(spec):
        return np.full_like(np.asarray(values, np.float64), math.nan)
    return normalized_scores(values, spec.random.value, spec.reference.value, spec.score_scale == "log2")


def score_bounds(spec: TaskSpec) -> tuple[float | None, float | None]:
    """The lowest and the highest score that the measure's bounds allow; None for a missing bound."""
    if spec.random is None or spec.reference is None or not has_scores(spec):
        return None, None
    bounds = spec.measure.lowest, spec.measure.highest
    low, high = (None if bound is None else float(normalized(bound, spec)) for bound in bounds)
    return (low, high) if spec.reference.value > spec.random.value else (high, low)


def has_scores(spec: TaskSpec) -> bool:
    """Whether the task has the two anchors that a score needs, and they differ."""
    return spec.random is not None and spec.reference is not None and spec.random.value != spec.reference.value
