"""Random numbers for noise: two dozen integer operations each, so that a generation is not spent on drawing them.

JAX's own generator is a cipher of 20 rounds: on a CPU 2.5 times as slow a normal number, and drawing them was a fifth
of a generation on CartPole and most of one of OpenES. Noise needs less: numbers without visible correlation, from a
key and a counter.
"""

import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

Law = Literal["normal", "uniform", "integer", "skewed"]


def bits(key: jax.Array, size: int) -> jax.Array:
    """uint32 (size,), all values alike: number i is the hash of i and two words of the key.

    The hash is pcg3d (Jarzynski, Olano: Hash Functions for GPU Rendering, JCGT 9(3), 2020), last of its three words.
    """
    words = jax.random.bits(key, (2,))
    counter = jnp.arange(size, dtype=jnp.uint32)
    x, y, z = (word * jnp.uint32(1664525) + jnp.uint32(1013904223) for word in (counter, words[0], words[1]))
    x, y, z = _stir(x, y, z)
    _, _, z = _stir(*(word ^ (word >> 16) for word in (x, y, z)))
    return z


def _stir(x: jax.Array, y: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    x = x + y * z
    y = y + z * x
    return x, y, z + x * y


def _centred(key: jax.Array, size: int) -> jax.Array:
    """Uniform over the 2^24 odd multiples of 2^-24 between -1 and 1: never either of them, never 0."""
    return (bits(key, size) >> 8).astype(jnp.float32) * 2.0**-23 - (1 - 2.0**-24)


# Each gives independent numbers of mean 0 and variance 1, float32 (size,). All but the last are symmetric.
LAWS: dict[Law, Callable[[jax.Array, int], jax.Array]] = {
    "normal": lambda key, size: math.sqrt(2) * jax.lax.erf_inv(_centred(key, size)),
    "uniform": lambda key, size: math.sqrt(3) * _centred(key, size),
    # -1 and 1 alike: what an integer model adds.
    "integer": lambda key, size: jnp.sign(_centred(key, size)),
    # Exponential, centred: skewness 2.
    "skewed": lambda key, size: -jnp.log((_centred(key, size) + 1) / 2) - 1,
}
