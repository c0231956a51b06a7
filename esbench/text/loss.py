"""What a prediction is worth: in the integers of training, and exactly."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from esbench.population.integers import FIXED_POINT, ONE, log2_sixteenths

_OFFSET = 128
POWERS = np.floor(ONE * np.exp2(np.arange(256) / ONE)).astype(np.int32)
"""`floor(16 * 2**(i / 16))`."""


def integer_log_likelihood(logits: jax.Array, target: jax.Array) -> jax.Array:
    """log2 of the probability of `target`, int32 (), in sixteenths of a bit: int32 ().

    logits: int8 (symbols,), log2 of unscaled probabilities in sixteenths. Powers and logarithm are rounded down, so
    that predictions look slightly better than they are; `bits` is exact.
    """
    shifted = logits.astype(jnp.int32) + _OFFSET
    total = jnp.asarray(POWERS).at[shifted].get(mode="promise_in_bounds").sum()
    own = shifted.at[target].get(mode="promise_in_bounds")
    # The powers' own factor of 16 is taken off again.
    return own - (log2_sixteenths(total) - ONE * FIXED_POINT)


def bits(logits: jax.Array, target: jax.Array) -> jax.Array:
    """Bits that `target`, int32 (), takes: float32 (). logits: (symbols,), log2 of unscaled probabilities, in
    sixteenths where they are integers."""
    scale = math.log(2) / (ONE if jnp.issubdtype(logits.dtype, jnp.integer) else 1)
    return -jax.nn.log_softmax(logits * scale)[target] / math.log(2)
