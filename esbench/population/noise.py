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


def words(key: jax.Array, size: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Three times uint32 (size,), all values alike: the three words of the hash of i and of two words of the key.

    The hash is pcg3d (Jarzynski, Olano: Hash Functions for GPU Rendering, JCGT 9(3), 2020).
    """
    of_key = jax.random.bits(key, (2,))
    counter = jnp.arange(size, dtype=jnp.uint32)
    x, y, z = (word * jnp.uint32(1664525) + jnp.uint32(1013904223) for word in (counter, of_key[0], of_key[1]))
    x, y, z = _stir(x, y, z)
    return _stir(*(word ^ (word >> 16) for word in (x, y, z)))


def _stir(x: jax.Array, y: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    x = x + y * z
    y = y + z * x
    return x, y, z + x * y


def _normal(key: jax.Array, size: int) -> jax.Array:
    """Box and Muller's: a radius and an angle, from one hash, make two numbers.

    JAX's own normal numbers, the inverse of their distribution, take half as much time again.
    """
    _, y, z = words(key, -(-size // 2))
    radius = jnp.sqrt(-2 * jnp.log(((y >> 8) + 1).astype(jnp.float32) * 2.0**-24))
    # Within an eighth of a turn of 0, where short series give sine and cosine to float32; 2 bits choose the quarter.
    angle = (((z << 2) >> 10).astype(jnp.float32) + 0.5) * (math.pi / 2 * 2.0**-22) - math.pi / 4
    square = angle * angle
    sine = angle * (1 + square * (-1 / 6 + square * (1 / 120 - square / 5040)))
    cosine = 1 + square * (-1 / 2 + square * (1 / 24 + square * (-1 / 720 + square / 40320)))
    cosine = jnp.where((z >> 30) & 1, cosine, -cosine)
    upright = z >> 31 == 1
    one, other = jnp.where(upright, sine, cosine), jnp.where(upright, cosine, sine)
    return jnp.concatenate([radius * one, radius * other])[:size]


def _centred(key: jax.Array, size: int) -> jax.Array:
    """Uniform over the 2^24 odd multiples of 2^-24 between -1 and 1: never either of them, never 0."""
    _, _, z = words(key, size)
    return (z >> 8).astype(jnp.float32) * 2.0**-23 - (1 - 2.0**-24)


# Each gives independent numbers of mean 0 and variance 1, float32 (size,). All but the last are symmetric.
LAWS: dict[Law, Callable[[jax.Array, int], jax.Array]] = {
    "normal": _normal,
    "uniform": lambda key, size: math.sqrt(3) * _centred(key, size),
    # -1 and 1 alike: what an integer model adds.
    "integer": lambda key, size: jnp.sign(_centred(key, size)),
    # Exponential, centred: skewness 2.
    "skewed": lambda key, size: -jnp.log((_centred(key, size) + 1) / 2) - 1,
}
