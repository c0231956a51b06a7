"""The population of EGGROLL and OpenES: noise around a mean, derived from counters."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from esbench.policies.networks import Params
from esbench.population.devices import device_count, summed
from esbench.population.low_rank import Layout, LowRank, factor_sizes, outer
from esbench.population.noise import LAWS, Law

# Noise derived at a time in `weighted_sum`. What fits a core's cache is 3 to 5 times as fast as what does not (OpenES,
# 3 x 256, 2 cores); an accelerator wants large products.
CPU_CHUNK_BYTES = 2 * 2**20
ACCELERATOR_CHUNK_BYTES = 256 * 2**20


class Gaussian(struct.PyTreeNode):
    """`member(i) = mean + sigma * noise_i`, where the noise has unit variance in every entry.

    The noise of a kernel at low rank is `a.T @ b / sqrt(rank)`, the entries of a and b drawn from the law (arXiv
    2511.16652, eq. 8, with the normal one).

    Attributes:
        mean: parameters.
        key: typed PRNG key (), this generation's.
        sigma: float32 ().
        size: members.
        rank: of the noise of a kernel, None for full rank; what is no kernel gets full noise either way.
        antithetic: members 2k and 2k+1 have the same noise with opposite signs, so that even skewed noise is symmetric
            over a pair; the last of an odd size is alone.
        law: of the numbers that noise is made of (`LAWS`; the class has the name of the default).
        frozen: per leaf of the mean whether all members share it as it is; None for none.
        layout: how the network contracts each parameter (`low_rank.layout`), set by the loop; without it a matrix is
            taken to contract its first axis, as Flax's Dense does.
    """

    mean: Params
    key: jax.Array
    sigma: jax.Array
    size: int = struct.field(pytree_node=False)
    rank: int | None = struct.field(pytree_node=False, default=None)
    antithetic: bool = struct.field(pytree_node=False, default=True)
    law: Law = struct.field(pytree_node=False, default="normal")
    layout: Layout | None = struct.field(pytree_node=False, default=None)
    frozen: tuple[bool, ...] | None = struct.field(pytree_node=False, default=None)

    @property
    def shared(self) -> tuple[bool, ...]:
        """Per leaf of the mean: whether it is frozen."""
        return self.frozen or (False,) * len(jax.tree.leaves(self.mean))

    @property
    def contracted(self) -> Layout:
        """Per leaf of the mean: the contracted axes of what is perturbed at low rank, None for what is not."""
        leaves = jax.tree.leaves(self.mean)
        if self.rank is None:
            return (None,) * len(leaves)
        return self.layout or tuple((0,) if leaf.ndim == 2 else None for leaf in leaves)

    @property
    def axes(self) -> Any:
        shared: Any = None
        own: Any = 0
        perturbed = [own if axes is None else LowRank(shared, own, own, axes) for axes in self.contracted]
        leaves = [shared if frozen else leaf for frozen, leaf in zip(self.shared, perturbed, strict=True)]
        return jax.tree.unflatten(jax.tree.structure(self.mean), leaves)

    def pair(self, index: jax.Array) -> jax.Array:
        return index // 2 if self.antithetic else index

    def sign(self, index: jax.Array) -> jax.Array:
        """float32 (): the sign of the member's noise."""
        return 1.0 - 2.0 * (index % 2) if self.antithetic else jnp.ones_like(index, jnp.float32)

    def member(self, index: jax.Array) -> Params:
        return self._perturbed(index, self._noise(self.pair(index)))

    def members(self, indices: jax.Array) -> Params:
        """Members `indices`, int32 (rows,), of which each is the one before it or the next: `member` of all, but with
        the noise of a pair derived once."""
        pairs = len(indices) // 2 + 1 if self.antithetic else len(indices)
        first = self.pair(indices[0])
        noise = jax.vmap(self._noise)(first + jnp.arange(pairs))
        own = jax.tree.map(lambda leaf: leaf[self.pair(indices) - first], noise)
        return jax.vmap(self._perturbed, out_axes=self.axes)(indices, own)

    def _perturbed(self, index: jax.Array, own_noise: list[Any]) -> Params:
        scale = self.sigma * self.sign(index)
        leaves, tree = jax.tree.flatten(self.mean)
        perturbed = []
        for leaf, axes, noise in zip(leaves, self.contracted, own_noise, strict=True):
            if noise is None:
                perturbed.append(leaf)
            elif axes is None:
                perturbed.append(leaf + scale * noise)
            else:
                a, b = noise
                perturbed.append(LowRank(leaf, scale / math.sqrt(len(a)) * a, b, axes))
        return jax.tree.unflatten(tree, perturbed)

    def weighted_sum(self, weights: jax.Array) -> Params:
        """The ES estimate: the sum over members of `weights[i] * noise_i`, weights float32 (size,).

        Noise is derived again, a chunk of pairs at a time, so memory does not grow with the population.
        """
        if weights.shape != (self.size,):
            raise ValueError(f"weights of shape {weights.shape}: expected one per member, {(self.size,)}")
        if self.antithetic:
            weights = jnp.pad(weights, (0, self.size % 2))
            weights = weights[0::2] - weights[1::2]
        devices = device_count()
        chunk = min(-(-len(weights) // devices), self._chunk())
        chunks = -(-len(weights) // (chunk * devices))  # of a device
        weights = jnp.pad(weights, (0, devices * chunks * chunk - len(weights))).reshape(devices, chunks, chunk)
        pairs = jnp.arange(weights.size).reshape(weights.shape)
        total = summed(
            lambda device, own, pairs, weights: own._share(pairs[device], weights[device]), self, pairs, weights
        )
        return jax.tree.unflatten(jax.tree.structure(self.mean), total)

    def _share(self, pairs: jax.Array, weights: jax.Array) -> list[jax.Array]:
        """The sum over pairs, int32 (chunks, chunk), of their weights, alike, times their noise; per leaf."""

        def add(total, chunk):
            pairs, weights = chunk
            return jax.tree.map(jnp.add, total, self._chunk_sum(jax.vmap(self._noise)(pairs), weights)), None

        total, _ = jax.lax.scan(add, [jnp.zeros_like(leaf) for leaf in jax.tree.leaves(self.mean)], (pairs, weights))
        return total

    def _chunk_sum(self, noise: list[Any], weights: jax.Array) -> list[jax.Array]:
        total = []
        for leaf, axes, value in zip(jax.tree.leaves(self.mean), self.contracted, noise, strict=True):
            if value is None:
                total.append(jnp.zeros_like(leaf))
            elif axes is None:
                total.append(jnp.tensordot(weights, value, 1))
            else:
                # (a scaled by the weights).T @ b, all members side by side: one product of full size in all.
                a, b = (factor.reshape(-1, factor.shape[2]) for factor in value)
                rank = len(a) // len(weights)
                scaled = a * (jnp.repeat(weights, rank) / math.sqrt(rank))[:, None]
                total.append(outer(scaled, b, leaf.shape, axes))
        return total

    def _noise(self, pair: jax.Array) -> list[Any]:
        """The noise of one pair, per leaf: the factors (a, b) of a kernel at low rank, None of what is frozen, else an
        array.

        One draw for all leaves: a draw for each compiles several times as long and runs no faster.
        """
        draw = LAWS[self.law](jax.random.fold_in(self.key, pair), self._entries())
        noise: list[Any] = []
        for leaf, axes, frozen in zip(jax.tree.leaves(self.mean), self.contracted, self.shared, strict=True):
            if frozen:
                noise.append(None)
            elif axes is None:
                own, draw = draw[: leaf.size], draw[leaf.size :]
                noise.append(own.reshape(leaf.shape))
            else:
                n, m = (size * (self.rank or 1) for size in factor_sizes(leaf.shape, axes))
                a, b, draw = draw[:n], draw[n : n + m], draw[n + m :]
                noise.append((a.reshape(-1, self.rank).T, b.reshape(-1, self.rank).T))
        return noise

    def _entries(self) -> int:
        """How many random numbers a pair takes."""
        entries = 0
        for leaf, axes, frozen in zip(jax.tree.leaves(self.mean), self.contracted, self.shared, strict=True):
            if frozen:
                continue
            entries += leaf.size if axes is None else sum(factor_sizes(leaf.shape, axes)) * (self.rank or 1)
        return entries

    def _chunk(self) -> int:
        """How many pairs' noise fits into a chunk."""
        chunk_bytes = CPU_CHUNK_BYTES if jax.default_backend() == "cpu" else ACCELERATOR_CHUNK_BYTES
        return max(1, chunk_bytes // (4 * self._entries()))
