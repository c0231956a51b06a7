"""Running statistics of observations: gathered in training, frozen with the policy, applied before it acts."""

import functools

import jax
import jax.numpy as jnp
from flax import struct

CLIP = 10.0


class Moments(struct.PyTreeNode):
    """Mean and sum of squared deviations of `count` vectors: float32 (), (n,), (n,)."""

    count: jax.Array
    mean: jax.Array
    deviations: jax.Array

    @classmethod
    def empty(cls, size: int) -> "Moments":
        return cls(jnp.float32(0), jnp.zeros(size), jnp.zeros(size))

    @classmethod
    def of(cls, x: jax.Array, mask: jax.Array) -> "Moments":
        """Of the rows of `x`, float32 (rows, n), where `mask`, bool (rows,), is true and all numbers are finite. One
        NaN or infinity would spread to all later observations."""
        mask = mask & jnp.isfinite(x).all(-1)
        weight = mask.astype(jnp.float32)[:, None]
        count = weight.sum()
        # A row that does not count may hold anything, NaN included.
        x = jnp.where(mask[:, None], x, 0)
        mean = x.sum(0) / jnp.maximum(count, 1)
        return cls(count, mean, (weight * (x - mean) ** 2).sum(0))

    def merge(self, other: "Moments") -> "Moments":
        """Of both samples together (Chan, Golub, LeVeque 1979: the pairwise update)."""
        count = self.count + other.count
        share = other.count / jnp.maximum(count, 1)
        delta = other.mean - self.mean
        deviations = self.deviations + other.deviations + delta**2 * self.count * share
        return Moments(count, self.mean + delta * share, deviations)

    @classmethod
    def merged(cls, parts: "Moments") -> "Moments":
        """Of all samples together, whose moments `parts` holds along its leaves' first axis."""
        each = [jax.tree.map(lambda leaf, i=i: leaf[i], parts) for i in range(len(parts.count))]
        return functools.reduce(cls.merge, each)

    def normalize(self, x: jax.Array) -> jax.Array:
        """`x` minus the mean, over the standard deviation, clipped to +-10; unchanged while nothing was seen."""
        variance = self.deviations / jnp.maximum(self.count, 1)
        # Features that never varied stay centred and unscaled.
        scale = jnp.where(variance > 1e-8, jax.lax.rsqrt(jnp.maximum(variance, 1e-8)), 1.0)
        return jnp.where(self.count > 0, jnp.clip((x - self.mean) * scale, -CLIP, CLIP), x)
