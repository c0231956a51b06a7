"""The same parameters several times: what evaluation runs, through the same lanes as a population."""

import jax
from flax import struct

from esbench.policies.networks import Params


class Repeated(struct.PyTreeNode):
    """`size` members that all are `params`."""

    params: Params
    size: int = struct.field(pytree_node=False)

    @property
    def axes(self) -> None:
        return None

    def pair(self, index: jax.Array) -> jax.Array:
        # One pair: all members see the same episodes.
        return jax.numpy.zeros_like(index)

    def member(self, index: jax.Array) -> Params:
        return self.params


class Attempts(Repeated):
    """Members that all are `params` and try the same episodes, each with actions that are drawn from a stream of its
    own."""

    def attempt(self, index: jax.Array) -> jax.Array:
        return index
