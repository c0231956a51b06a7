"""Work shared out over devices: each does its part of a population, then all know the whole.

The devices are those of the ambient mesh (`jax.set_mesh`), along its axis `population`. Without a mesh there is one
device, and nothing is added to the program.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh
from jax.sharding import PartitionSpec as P

AXIS = "population"


def mesh(devices: int) -> Mesh:
    """A mesh of the first `devices` devices, of all processes together."""
    return jax.make_mesh((devices,), (AXIS,), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices])


def device_count() -> int:
    """How many devices share the work where this is traced."""
    return jax.sharding.get_abstract_mesh().shape.get(AXIS, 1)


def gathered(part: Callable[..., Any], *operands: Any) -> Any:
    """`part(device, *operands)` of every device, int32 () device: leaves have one more axis, the devices, in front."""

    def own(device: jax.Array, *operands: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[None], part(device, *operands))

    if device_count() == 1:
        return own(jnp.int32(0), *operands)
    parts = _on_every_device(own, P(AXIS), operands)
    return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, P()), parts)


def summed(part: Callable[..., Any], *operands: Any) -> Any:
    """The sum over devices of `part(device, *operands)`, int32 () device, leaf by leaf."""

    def total(device: jax.Array, *operands: Any) -> Any:
        return jax.lax.psum(part(device, *operands), AXIS)

    if device_count() == 1:
        return part(jnp.int32(0), *operands)
    return _on_every_device(total, P(), operands)


def _on_every_device(function: Callable[..., Any], out: P, operands: tuple[Any, ...]) -> Any:
    # Without check_vma: quax has no rule for the casts that the check inserts, and would form full kernels.
    body = jax.shard_map(
        lambda *operands: function(jax.lax.axis_index(AXIS), *operands), in_specs=P(), out_specs=out, check_vma=False
    )
    return body(*operands)
