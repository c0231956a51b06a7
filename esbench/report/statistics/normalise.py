"""Returns as scores: 0 is the task's random policy, 1 its reference."""

import math

import numpy as np

from esbench.tasks.spec import TaskSpec


def normalised(returns: np.ndarray | float, spec: TaskSpec) -> np.ndarray:
    """(return - random) / (reference - random) with the spec's anchors, float64, the shape of `returns`.

    On a task whose `score_scale` is "log2" returns and anchors are replaced by their binary logarithm, returns below 1
    counting as 1. Not clipped. NaN where the task lacks an anchor: it has no scores.
    """
    returns = np.asarray(returns, np.float64)
    if spec.random is None or spec.reference is None or not has_scores(spec):
        return np.full_like(returns, math.nan)
    random, reference = spec.random.value, spec.reference.value
    if spec.score_scale == "log2":
        returns, random, reference = np.log2(np.maximum(returns, 1.0)), math.log2(random), math.log2(reference)
    return (returns - random) / (reference - random)


def has_scores(spec: TaskSpec) -> bool:
    """Whether the task has the two anchors that a score needs, and they differ."""
    return spec.random is not None and spec.reference is not None and spec.random.value != spec.reference.value
