"""A population: the perturbed parameters of one generation, derived member by member, never stored whole."""

from typing import Any, Protocol

import jax

from esbench.policies.networks import Params


class Population(Protocol):
    """A registered pytree of `size` members.

    axes: a pytree prefix of a member with 0 where a leaf differs per member and None where all members share it;
    valid as `in_axes` and `out_axes` of jax.vmap. Nobody vmaps `member` without it: shared kernels would be copied.

    A population whose members are cheaper to derive together also has `members(indices)`, int32 (rows,), each index
    the one before it or the next: what `member` gives, along axis 0 where `axes` says so. One whose members try the
    same episodes several times has `attempt(index)`, int32 (), the number of the member's try.
    """

    size: int

    @property
    def axes(self) -> Any: ...

    def member(self, index: jax.Array) -> Params:
        """Member `index` (int32 (), may be traced). Leaves may be LowRank."""
        ...

    def pair(self, index: jax.Array) -> jax.Array:
        """The number of the member's antithetic pair, the member's own where there are none. Members of a pair see
        the same episodes."""
        ...
