"""Step counts: partial counts on the device, whole ones on the host."""

import jax
import numpy as np


def total(counts: jax.Array | np.ndarray) -> int:
    """The sum of partial counts (int32, any shape) as a Python integer: one generation can overflow 32 bits."""
    return int(np.asarray(counts).astype(np.int64).sum())
