"""Performance profiles: which share of the runs is above each score."""

import numpy as np

from esbench.statistics.aggregates import REPETITIONS, ByTask, by_task, resample
from esbench.statistics.intervals import LEVEL


def performance_profile(
    scores: ByTask,
    thresholds: np.ndarray,
    generator: np.random.Generator | None = None,
    repetitions: int = REPETITIONS,
    level: float = LEVEL,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(share, low, high), each of the shape of `thresholds`: the share of runs with a score above each of them.

    Every task weighs the same. low and high are the bootstrap's percentiles at each threshold by itself. They are NaN
    where a task has a single seed. generator: as of `aggregate`.
    """
    scores = by_task(scores)
    above = [(values[:, None] > thresholds).astype(np.float64) for values in scores]
    share = np.mean([table.mean(0) for table in above], axis=0)
    if min(map(len, scores)) < 2:
        nothing = np.full_like(share, np.nan)
        return share, nothing, nothing
    counts = resample(generator or np.random.default_rng(0), [len(values) for values in scores], repetitions)
    replicates = np.mean([drawn @ table / len(table) for drawn, table in zip(counts, above, strict=True)], axis=0)
    low, high = np.quantile(replicates, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return share, low, high
