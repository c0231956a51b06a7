"""Arithmetic of networks that are integers only: int8 values from -127 to 127, of which 16 stand for 1.

Nothing here makes a float: what is no whole number (logarithms, normal quantiles) comes from tables that were made
when the module was imported.
"""

import functools
import math
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap

TOP = 127
"""The largest value of an int8 number; -128 is none, so that every number has its negative."""
FIXED_POINT = 4
"""Bits behind the point: 16 stands for 1."""
ONE = 1 << FIXED_POINT

_MANTISSAS = [math.ceil(2 ** (30 + k / 16)) for k in range(1, 16)]


def saturate(x: jax.Array) -> jax.Array:
    """`x` of any integer type, clipped to -127 and 127, as int8."""
    return jnp.clip(x, -TOP, TOP).astype(jnp.int8)


def halved(x: jax.Array, times: int) -> jax.Array:
    """`x / 2**times`, rounded, halves away from 0: int32, any shape. Unlike a shift alone, which rounds down, it gives
    the negative of `x` the negative result: noise of both signs moves a value equally far."""
    half = (1 << times) >> 1
    return (x + half + (x >> 31)) >> times if times else x


@custom_vmap
def kept(x: jax.Array) -> jax.Array:
    """`x`, int8, side by side computed once: XLA's code for a CPU would compute it again for each of its uses, and what
    it is made of too, which was a third of a generation."""
    return x


@kept.def_vmap
def _(_size: int, _batched: list[bool], x: jax.Array) -> tuple[jax.Array, bool]:
    # What a conditional is given and gives is kept in memory. -128 is no number here, which XLA does not know.
    return jax.lax.cond(x.reshape(-1)[0] >= -TOP, lambda x: x, jnp.zeros_like, x), True


def log2_sixteenths(x: jax.Array) -> jax.Array:
    """`floor(16 * log2(x))`, int32, for int32 x from 1 on, exactly."""
    whole = 31 - jax.lax.clz(x)
    mantissa = x << (30 - whole)
    # A whole number is at least an irrational one exactly where it is at least that rounded up.
    return 16 * whole + functools.reduce(jnp.add, [(mantissa >= least).astype(jnp.int32) for least in _MANTISSAS])


@functools.cache
def normal_table(deviation: float) -> np.ndarray:
    """The 2^16 quantiles of a normal number of this standard deviation, rounded: int8. A uniform 16-bit number picks a
    normal one."""
    law = NormalDist(0, deviation)
    half = np.array([law.inv_cdf((i + 0.5) / 2**16) for i in range(2**15)])
    upper = np.rint(np.minimum(-half[::-1], TOP))  # mirrored: exactly as many of n as of -n
    return np.concatenate([-upper[::-1], upper]).astype(np.int8)
