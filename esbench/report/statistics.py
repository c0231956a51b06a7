"""Statistics over seeds: the unit of replication is the run, not the episode."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def student_t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """The two-sided Student-t confidence interval of the mean of `values`, one value a seed.

    mean +- t * s / sqrt(n), with n - 1 degrees of freedom and the sample's standard deviation s. None for fewer than
    two values: one seed says nothing about the spread over seeds.
    """
    n = len(values)
    if n < 2:
        return None
    mean = float(np.mean(values))
    half = float(stats.t.ppf(0.5 + level / 2, n - 1) * np.std(values, ddof=1)) / math.sqrt(n)
    return mean - half, mean + half
