"""Applying the members of a population side by side: one matrix product for all, the same bits at any width."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import quax

from esbench.policies.networks import Params
from esbench.population.interface import Population

# On a CPU the rows of a matrix product have the same bits in every batch from some number of rows up, and others below:
# from fewer than 64 on one AMD EPYC, from 81 on another.
MIN_ROWS = 88


class MemberStore(NamedTuple):
    """How a population's members lie in lanes: only what differs per member is stored there.

    shared: the leaves that all members share, None where a leaf differs per member. tree: of a member. own_bytes: of
    one member's own leaves.
    """

    shared: list[jax.Array | None]
    tree: Any
    axes: Any
    own_bytes: int

    @classmethod
    def of(cls, population: Population) -> "MemberStore":
        leaves, tree = jax.tree.flatten(population.member(jnp.int32(0)))
        flat_axes = _flatten_axes(population.axes, tree)
        shared = [leaf if axis is None else None for leaf, axis in zip(leaves, flat_axes, strict=True)]
        own_bytes = sum(leaf.nbytes for leaf, axis in zip(leaves, flat_axes, strict=True) if axis is not None)
        return cls(shared, tree, population.axes, own_bytes)

    def rows(self, lanes: int) -> int:
        """How many rows the policy is applied to for so many lanes. Members that share nothing have no product in
        common, whose bits could depend on its rows."""
        return lanes if all(leaf is None for leaf in self.shared) else max(lanes, MIN_ROWS)

    def derive(self, population: Population, indices: jax.Array) -> list[jax.Array]:
        """The leaves of members `indices`, int32 (rows,), that differ per member, each (rows, ...).

        As jobs in a queue have them: each is the member before it or the next.
        """
        together = getattr(population, "members", jax.vmap(population.member, out_axes=self.axes))
        members = together(indices)
        return [own for own, shared in zip(jax.tree.leaves(members), self.shared, strict=True) if shared is None]

    def apply(self, function: Callable[..., Any], own: list[jax.Array], *rows: Any) -> Any:
        """`function(params, *row)` of each row's member and its row of `rows`, for as many rows as `rows` says.

        function: plain JAX or Flax, such as a policy's `apply`; it never sees that parameters are LowRank. Padding is
        the caller's, in its own loop state: done here, XLA would fuse it into the network's sums, whose last bits would
        then depend on how many rows are padding.
        """

        def one(own: list[jax.Array], *row: Any) -> Any:
            own_leaves = iter(own)
            leaves = [next(own_leaves) if shared is None else shared for shared in self.shared]
            params: Params = jax.tree.unflatten(self.tree, leaves)
            return quax.quaxify(function)(params, *row)

        return jax.vmap(one)(own, *rows)


def scores(population: Population, function: Callable[..., jax.Array], rows: int = 256) -> jax.Array:
    """`function(params)`, float (), of every member: float (size,). At most `rows` members at a time are in memory.

    For objectives that need no lanes, such as the loss on a batch: kernels stay shared by the members.
    """
    store = MemberStore.of(population)
    chunk = min(rows, population.size)
    chunks = -(-population.size // chunk)
    indices = jnp.minimum(jnp.arange(chunks * chunk), population.size - 1).reshape(chunks, chunk)
    values = jax.lax.map(lambda indices: store.apply(function, store.derive(population, indices)), indices)
    return values.reshape(-1)[: population.size]


def own_parts(population: Population, index: jax.Array) -> list[jax.Array]:
    """The leaves of a member that it shares with no other."""
    leaves, tree = jax.tree.flatten(population.member(index))
    return [leaf for leaf, axis in zip(leaves, _flatten_axes(population.axes, tree), strict=True) if axis is not None]


def _flatten_axes(axes: Any, tree: Any) -> list[int | None]:
    """The axis of each leaf of `tree`, from a prefix of it whose leaves are 0 or None."""
    filled = jax.tree.unflatten(tree, range(tree.num_leaves))
    flat: list[int | None] = [None] * tree.num_leaves

    def mark(axis: int | None, below: Any) -> None:
        for index in jax.tree.leaves(below):
            flat[index] = axis

    jax.tree.map(mark, axes, filled, is_leaf=lambda x: x is None)
    return flat
