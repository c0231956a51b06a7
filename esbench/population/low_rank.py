"""Low-rank perturbation of any Flax module: kernels stay shared, only thin factors belong to a member.

A perturbed kernel is the value `LowRank(kernel, a, b)`. quax runs an unmodified network on such values, and the rule
below replaces its product with the kernel by the product with the shared kernel plus two thin ones. Under vmap over
members XLA sees one matrix product for all of them (EGGROLL, arXiv 2511.16652, section 4.3).
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import quax
from jax.core import ShapedArray

from esbench.policies.networks import Params

Contracted = tuple[int, ...]
Layout = tuple[Contracted | None, ...]


class LowRank(quax.ArrayValue):
    """Stands for `kernel + a @ b.T`, which is never formed.

    kernel: float32 of any shape. contracted: its axes that a product sums over, n entries in all; the other axes hold
    m entries. a: float32 (n, rank). b: float32 (m, rank). Rows of a and b count the kernel's axes in their order.
    """

    kernel: jax.Array
    a: jax.Array
    b: jax.Array
    contracted: Contracted = eqx.field(static=True)

    def aval(self) -> ShapedArray:
        return ShapedArray(self.kernel.shape, self.kernel.dtype)

    def materialise(self) -> Any:
        raise NotImplementedError("a parameter perturbed at low rank was used in a way that its layout did not record")

    def dense(self) -> jax.Array:
        """The perturbed kernel itself; for tests and for parameters that leave the population."""
        return self.kernel + outer(self.a, self.b, self.kernel.shape, self.contracted)


def factor_sizes(shape: tuple[int, ...], contracted: Contracted) -> tuple[int, int]:
    """n and m: how many entries the contracted and the other axes of a kernel have."""
    n = math.prod(shape[axis] for axis in contracted)
    return n, math.prod(shape) // n


def outer(a: jax.Array, b: jax.Array, shape: tuple[int, ...], contracted: Contracted) -> jax.Array:
    """`a @ b.T`, a (n, rank) and b (m, rank), laid out as a kernel of `shape`."""
    others = tuple(axis for axis in range(len(shape)) if axis not in contracted)
    order = contracted + others
    matrix = (a @ b.T).reshape([shape[axis] for axis in order])
    return jnp.transpose(matrix, [order.index(axis) for axis in range(len(shape))])


@quax.register(jax.lax.dot_general_p)
def _(x: jax.Array, w: LowRank, *, dimension_numbers, **options):
    (x_contracted, w_contracted), (x_batch, w_batch) = dimension_numbers
    if tuple(sorted(w_contracted)) != w.contracted or x_batch or w_batch:
        w.materialise()
    base = jax.lax.dot_general(x, w.kernel, dimension_numbers, **options)
    # The contracted axes of x, ordered as the kernel counts them, become one last axis of n entries.
    ordered = [axis for _, axis in sorted(zip(w_contracted, x_contracted, strict=True))]
    free = [axis for axis in range(x.ndim) if axis not in ordered]
    rows = jnp.transpose(x, free + ordered).reshape(*(x.shape[axis] for axis in free), w.a.shape[0])
    return base + _thin(rows, w.a, w.b).reshape(base.shape)


def _thin(x: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """`(x @ a) @ b.T` for x (..., n) as multiplications and sums: under vmap, thousands of matrix products with one
    thin side are many times slower than these, which XLA fuses."""
    terms = [(x * a[:, k]).sum(-1, keepdims=True) * b[:, k] for k in range(a.shape[1])]
    return functools.reduce(jnp.add, terms)


class _Probe(quax.ArrayValue):
    """A parameter that notes how it is used during an abstract trace."""

    array: jax.Array
    note: Callable[[Contracted | None], None] = eqx.field(static=True)

    def aval(self) -> ShapedArray:
        return ShapedArray(self.array.shape, self.array.dtype)

    def materialise(self) -> jax.Array:
        self.note(None)
        return self.array


@quax.register(jax.lax.dot_general_p)
def _(x: jax.Array, w: _Probe, *, dimension_numbers, **options):
    (_, w_contracted), (x_batch, w_batch) = dimension_numbers
    w.note(None if x_batch or w_batch else tuple(sorted(w_contracted)))
    return jax.lax.dot_general(x, w.array, dimension_numbers, **options)


def layout(apply: Callable[..., Any], params: Params, *inputs: Any) -> Layout:
    """How `apply(params, *inputs)` contracts each parameter, in the order of `jax.tree.leaves(params)`.

    A kernel's contracted axes cannot be read off its shape, so one abstract trace records them. None stands for a
    parameter that is perturbed densely: it is not the right side of products without batch axes, or of several that
    contract different axes, or is not used.
    """
    leaves, tree = jax.tree.flatten(params)
    uses: list[set[Contracted | None]] = [set() for _ in leaves]

    def traced(leaves, inputs):
        probes = [_Probe(leaf, note.add) for leaf, note in zip(leaves, uses, strict=True)]
        return quax.quaxify(apply)(jax.tree.unflatten(tree, probes), *inputs)

    jax.eval_shape(traced, leaves, inputs)
    return tuple(next(iter(use)) if len(use) == 1 else None for use in uses)
