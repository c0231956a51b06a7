"""Named random streams. Every key in esbench is derived from a run's seed through these names."""

import zlib

import jax


def stream(key: jax.Array, name: str) -> jax.Array:
    """The key of the stream `name` below `key` (a typed PRNG key of shape ()).

    A run's key has the streams `init` and `train`; a generation's has `ask`, `evaluate` and `tell`. An episode's has
    `reset`, `action` and `environment`, the last two folded with the step's number.
    """
    return jax.random.fold_in(key, zlib.crc32(name.encode()) & 0x7FFFFFFF)


def evaluation_key(task: str, seed: int, index: int) -> jax.Array:
    """The key of a run's evaluation number `index`: the same for every algorithm, and never one seen in training."""
    root = stream(jax.random.key(0), f"evaluate/{task}")
    return jax.random.fold_in(jax.random.fold_in(root, seed), index)
