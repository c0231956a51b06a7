"""From fitness to weights: what a strategy makes of its population's scores."""

import jax
import jax.numpy as jnp

from esbench.errors import InputError


def z_score(fitness: jax.Array) -> jax.Array:
    """Fitness, float32 (size,), with mean 0 and standard deviation 1; all zero where all are equal. InputError for
    fewer than two members."""
    _check_several(fitness)
    centred = fitness - fitness.mean()
    deviation = jnp.sqrt((centred**2).mean())
    # Equal fitness leaves rounding errors in `centred`: they must not be blown up to a signal.
    equal = fitness.max() == fitness.min()
    return jnp.where(equal, 0.0, centred / jnp.where(equal, 1.0, deviation))


def centred_ranks(fitness: jax.Array) -> jax.Array:
    """Ranks scaled to [-0.5, 0.5], equal fitness sharing the mean of its ranks; float32 (size,). InputError for fewer
    than two members.

    Returns of 0 and 1 tie often, and ranks by position alone would give equal members different weights.
    """
    _check_several(fitness)
    ordered = jnp.sort(fitness)
    below = jnp.searchsorted(ordered, fitness, side="left")
    not_above = jnp.searchsorted(ordered, fitness, side="right")
    # The mean rank minus the middle one, in whole numbers: exactly zero where all are equal.
    return ((below + not_above - len(fitness)) / (2 * (len(fitness) - 1))).astype(jnp.float32)


def finite(fitness: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Fitness with every NaN or infinity replaced by the worst finite value, and how many there were, int32 ().

    Where all are infinite or NaN, all become 0: equal members teach nothing. Integers stay as they are.
    """
    if jnp.issubdtype(fitness.dtype, jnp.integer):
        return fitness, jnp.int32(0)
    ok = jnp.isfinite(fitness)
    worst = jnp.where(ok.any(), jnp.where(ok, fitness, jnp.inf).min(), 0.0)
    return jnp.where(ok, fitness, worst), (~ok).sum()


def within_groups(fitness: jax.Array, group: jax.Array) -> jax.Array:
    """Fitness minus the mean of its group, group int32 (size,) with values below size: comparable across groups."""
    size = len(fitness)
    total = jnp.zeros(size).at[group].add(fitness)
    count = jnp.zeros(size).at[group].add(1.0)
    return fitness - (total / jnp.maximum(count, 1))[group]


def _check_several(fitness: jax.Array) -> None:
    """Relative scores say nothing about one member alone: the strategy could never learn from them."""
    if len(fitness) < 2:
        raise InputError(f"pop_size {len(fitness)}: expected 2 or more, for members are compared with each other")
