"""Low-rank perturbation of any Flax module: kernels stay shared, only thin factors belong to a member.

A perturbed kernel is the value `LowRank(kernel, a, b)`. quax runs an unmodified network on such values, and the
rules below replace a product with the kernel by the product with the shared kernel plus two thin ones. Under vmap over
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
    """Stands for `kernel + a.T @ b`, which is never formed.

    kernel: float32 of any shape. contracted: the axes that a product sums over, n entries in all; the other axes hold
    m entries. a: float32 (rank, n). b: float32 (rank, m). Columns of a and b count the kernel's axes in their order: a
    processor reads a component of the noise in one piece.
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

    def factors(self, contracted: Contracted) -> tuple[jax.Array, jax.Array]:
        """The factors for a product that sums over `contracted`: these, or each other's place in the transposed one."""
        if contracted == self.contracted:
            return self.a, self.b
        if contracted == complement(self.contracted, self.kernel.ndim):
            return self.b, self.a
        return self.materialise()


def complement(axes: Contracted, ndim: int) -> Contracted:
    """The other axes of `ndim`."""
    return tuple(axis for axis in range(ndim) if axis not in axes)


def factor_sizes(shape: tuple[int, ...], contracted: Contracted) -> tuple[int, int]:
    """n and m: how many entries the contracted and the other axes of a kernel have."""
    n = math.prod(shape[axis] for axis in contracted)
    return n, math.prod(shape) // n


def outer(a: jax.Array, b: jax.Array, shape: tuple[int, ...], contracted: Contracted) -> jax.Array:
    """`a.T @ b`, a (rank, n) and b (rank, m), laid out as a kernel of `shape`."""
    order = contracted + complement(contracted, len(shape))
    matrix = (a.T @ b).reshape([shape[axis] for axis in order])
    return jnp.transpose(matrix, [order.index(axis) for axis in range(len(shape))])


class _Probe(quax.ArrayValue):
    """A parameter that notes how it is used during an abstract trace: the axes a product sums over, else None."""

    array: jax.Array
    note: Callable[[Contracted | None], None] = eqx.field(static=True)

    def aval(self) -> ShapedArray:
        return ShapedArray(self.array.shape, self.array.dtype)

    def materialise(self) -> jax.Array:
        self.note(None)
        return self.array


# Products with a Dense layer's kernel, an attention's.


@quax.register(jax.lax.dot_general_p)
def _(x: jax.Array, w: LowRank, *, dimension_numbers, **options):
    (x_contracted, w_contracted), (x_batch, w_batch) = dimension_numbers
    if x_batch or w_batch:
        return w.materialise()
    a, b = w.factors(tuple(sorted(w_contracted)))
    # The contracted axes of x, ordered as the kernel counts them, become one last axis of n entries.
    ordered = [axis for _, axis in sorted(zip(w_contracted, x_contracted, strict=True))]
    free = [axis for axis in range(x.ndim) if axis not in ordered]
    rows = jnp.transpose(x, free + ordered).reshape(*(x.shape[axis] for axis in free), a.shape[1])
    thin = _thin(rows, a, b)
    if w.kernel.size == a.shape[1]:
        # One output, such as one action's mean: XLA's product of a matrix and a vector has other bits than its product
        # of several runs' matrices and vectors.
        return thin + _total(rows * w.kernel.reshape(-1)).reshape(thin.shape)
    base = jax.lax.dot_general(x, w.kernel, dimension_numbers, **options)
    return base + thin.reshape(base.shape)


@quax.register(jax.lax.dot_general_p)
def _(x: jax.Array, w: _Probe, *, dimension_numbers, **options):
    (_, w_contracted), (x_batch, w_batch) = dimension_numbers
    w.note(None if x_batch or w_batch else tuple(sorted(w_contracted)))
    return jax.lax.dot_general(x, w.array, dimension_numbers, **options)


# Transposed matrices: a tied head multiplies by the transposed embedding.


@quax.register(jax.lax.transpose_p)
def _(w: LowRank, *, permutation):
    if w.kernel.ndim != 2:
        return w.materialise()
    return LowRank(
        jax.lax.transpose(w.kernel, permutation), w.a, w.b, tuple(permutation.index(c) for c in w.contracted)
    )


@quax.register(jax.lax.transpose_p)
def _(w: _Probe, *, permutation):
    if w.array.ndim != 2:
        return jax.lax.transpose(w.materialise(), permutation)

    def note(axes: Contracted | None) -> None:
        w.note(None if axes is None else tuple(permutation[axis] for axis in axes))

    return _Probe(jax.lax.transpose(w.array, permutation), note)


# Looking up rows of an embedding: a product with one-hot vectors, which sums over the first axis.


def looks_up_rows(ndim: int, indices: jax.Array, dimension_numbers: Any, slice_sizes: Any, shape: Any) -> bool:
    """Whether a gather from a matrix of `shape` takes whole rows of it, the first axis its only index."""
    return (
        ndim == 2
        and dimension_numbers.start_index_map == dimension_numbers.collapsed_slice_dims == (0,)
        and dimension_numbers.offset_dims == (indices.ndim - 1,)
        and tuple(slice_sizes) == (1, shape[1])
    )


@quax.register(jax.lax.gather_p)
def _(w: LowRank, indices: jax.Array, *, dimension_numbers, slice_sizes, **options):
    if not looks_up_rows(w.kernel.ndim, indices, dimension_numbers, slice_sizes, w.kernel.shape):
        return w.materialise()
    a, b = w.factors((0,))
    base = jax.lax.gather_p.bind(
        w.kernel, indices, dimension_numbers=dimension_numbers, slice_sizes=slice_sizes, **options
    )
    sizes = (1, len(a))
    rows = jax.lax.gather_p.bind(a.T, indices, dimension_numbers=dimension_numbers, slice_sizes=sizes, **options)
    return base + rows @ b


@quax.register(jax.lax.gather_p)
def _(w: _Probe, indices: jax.Array, *, dimension_numbers, slice_sizes, **options):
    w.note((0,) if looks_up_rows(w.array.ndim, indices, dimension_numbers, slice_sizes, w.array.shape) else None)
    return jax.lax.gather_p.bind(
        w.array, indices, dimension_numbers=dimension_numbers, slice_sizes=slice_sizes, **options
    )


# The same of one row: indexing by a scalar is a slice that begins at it.


def slices_a_row(shape: tuple[int, ...], slice_sizes: Any) -> bool:
    """Whether a slice from a matrix of `shape` is a whole row of it."""
    return tuple(slice_sizes) == (1, shape[1])


@quax.register(jax.lax.dynamic_slice_p)
def _(w: LowRank, row: Any, column: Any, *, slice_sizes):
    if not slices_a_row(w.kernel.shape, slice_sizes):
        return w.materialise()
    a, b = w.factors((0,))
    base = jax.lax.dynamic_slice(w.kernel, (row, column), slice_sizes)
    return base + (jax.lax.dynamic_slice(a, (column, row), (len(a), 1)) * b).sum(0, keepdims=True)


@quax.register(jax.lax.dynamic_slice_p)
def _(w: _Probe, row: Any, column: Any, *, slice_sizes):
    w.note((0,) if slices_a_row(w.array.shape, slice_sizes) else None)
    return jax.lax.dynamic_slice(w.array, (row, column), slice_sizes)


# Convolutions: the thin factor is a kernel of `rank` features, mixed into the output's by the other.


def _is_plain(options: dict[str, Any]) -> bool:
    return options["feature_group_count"] == options["batch_group_count"] == 1


@quax.register(jax.lax.conv_general_dilated_p)
def _(x: jax.Array, w: LowRank, *, dimension_numbers, **options):
    if not _is_plain(options):
        return w.materialise()
    output_axis, feature_axis = dimension_numbers.rhs_spec[0], dimension_numbers.out_spec[1]
    contracted = complement((output_axis,), w.kernel.ndim)
    a, b = w.factors(contracted)
    convolve = functools.partial(jax.lax.conv_general_dilated_p.bind, dimension_numbers=dimension_numbers, **options)
    thin = a.T.reshape(*(w.kernel.shape[axis] for axis in contracted), len(a))
    features = convolve(x, jnp.moveaxis(thin, -1, output_axis))
    return convolve(x, w.kernel) + jnp.moveaxis(jnp.tensordot(features, b, ((feature_axis,), (0,))), -1, feature_axis)


@quax.register(jax.lax.conv_general_dilated_p)
def _(x: jax.Array, w: _Probe, *, dimension_numbers, **options):
    w.note(complement((dimension_numbers.rhs_spec[0],), w.array.ndim) if _is_plain(options) else None)
    return jax.lax.conv_general_dilated_p.bind(x, w.array, dimension_numbers=dimension_numbers, **options)


def _thin(x: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """`(x @ a.T) @ b` for x (..., n) as multiplications and sums: under vmap, thousands of matrix products with one
    thin side are many times slower than these, which XLA fuses."""
    inner = _total(x[..., None, :] * a)
    return functools.reduce(jnp.add, [inner[..., k, None] * b[k] for k in range(len(b))])


_REGISTER = 16  # float32 numbers that a CPU adds at once; 8 and 32 measured slower


def _total(x: jax.Array) -> jax.Array:
    """The sum over the last axis. XLA's code for a CPU adds along the last axis number by number, and along one before
    it a register at a time: a third less time for the whole of a member's own work at width 256. A GPU loses a tenth
    by it."""
    whole = x.shape[-1] // _REGISTER * _REGISTER
    if whole <= _REGISTER or jax.default_backend() != "cpu":
        return x.sum(-1)
    registers = x[..., :whole].reshape(*x.shape[:-1], -1, _REGISTER).sum(-2)
    # Without the barrier XLA makes one sum of the two again.
    return jax.lax.optimization_barrier(registers).sum(-1) + x[..., whole:].sum(-1)


def layout(apply: Callable[..., Any], params: Params, *inputs: Any) -> Layout:
    """How `apply(params, *inputs)` contracts each parameter, in the order of `jax.tree.leaves(params)`.

    A kernel's contracted axes cannot be read off its shape, so one abstract trace records them: of products, row
    look-ups and convolutions. Uses of a parameter agree where they sum over the same axes or over all the others (an
    embedding and its tied head). None stands for a parameter that is perturbed densely: it is used otherwise, in ways
    that do not agree, or not at all.
    """
    leaves, tree = jax.tree.flatten(params)
    uses: list[list[Contracted | None]] = [[] for _ in leaves]

    def traced(leaves, inputs):
        probes = [_Probe(leaf, use.append) for leaf, use in zip(leaves, uses, strict=True)]
        return quax.quaxify(apply)(jax.tree.unflatten(tree, probes), *inputs)

    jax.eval_shape(traced, leaves, inputs)

    def agreed(use: list[Contracted | None], ndim: int) -> Contracted | None:
        if not use or use[0] is None:
            return None
        same = (use[0], complement(use[0], ndim))
        return use[0] if all(other in same for other in use) else None

    return tuple(agreed(use, leaf.ndim) for use, leaf in zip(uses, leaves, strict=True))
