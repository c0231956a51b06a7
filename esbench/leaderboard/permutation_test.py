"""Whether fresh runs do worse than reported ones: a stratified permutation test, pooled over tasks.

If an entry is honest, a task's reported and fresh scores are draws of one distribution. Then every way to deal them out
is equally likely. The statistic is the sum over tasks of the difference of means, each in units of the task's own
spread. The p-value is the share of dealings, task by task, that are at least as bad.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALPHA = 0.001
"""An entry is rejected at p <= ALPHA: an honest one once in a thousand verifications, at the most."""
PERMUTATIONS = 99_999


@dataclass(frozen=True)
class Stratum:
    """The normalized scores of one task, one of each run: float64 (reported,) and (fresh,)."""

    reported: np.ndarray
    fresh: np.ndarray


def worse(strata: Sequence[Stratum], permutations: int = PERMUTATIONS) -> float:
    """The one-sided p-value of "fresh runs are worse than reported ones".

    Monte Carlo with a fixed generator; the observed dealing counts as one of them, so the test keeps its level at any
    number of permutations. A task whose scores are all equal says nothing.
    """
    generator = np.random.default_rng(0)
    observed = 0.0
    dealt = np.zeros(permutations)
    for stratum in strata:
        scores = np.concatenate([stratum.fresh, stratum.reported])
        fresh = len(stratum.fresh)
        spread = scores.std()
        if spread == 0:
            continue
        scores = (scores - scores.mean()) / spread
        # With the sum over all fixed, the difference of means is a multiple of the fresh ones' sum.
        scale = 1 / fresh + 1 / len(stratum.reported)
        observed += scale * scores[:fresh].sum()
        order = generator.permuted(np.broadcast_to(scores, (permutations, len(scores))), axis=1)
        dealt += scale * order[:, :fresh].sum(1)
    # Equal dealings differ in their last bits.
    as_bad = np.count_nonzero(dealt <= observed + 1e-9)
    return float((1 + as_bad) / (1 + permutations))
