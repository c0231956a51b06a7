"""Members that a strategy made itself, all of them in memory."""

import jax
from flax import struct

from esbench.policies.networks import Params


class Stacked(struct.PyTreeNode):
    """`member(i) = params[i]`.

    params: parameters whose every leaf has the members along its first axis, (size, ...). This takes size times the
    memory of the parameters: a population that can be derived from counters, such as `Gaussian`, takes none.
    """

    params: Params

    @property
    def size(self) -> int:
        return jax.tree.leaves(self.params)[0].shape[0]

    @property
    def axes(self) -> int:
        return 0

    def pair(self, index: jax.Array) -> jax.Array:
        # What belongs together is the strategy's secret: every member sees episodes of its own.
        return index

    def member(self, index: jax.Array) -> Params:
        return jax.tree.map(lambda leaf: leaf[index], self.params)
