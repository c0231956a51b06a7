"""Populations of integer networks: int8 parameters, perturbed by integers of low rank that are derived from counters.

A perturbed matrix is the value `Lattice(kernel, a, b)`; quax runs an unmodified network on it, as on `LowRank`. Nothing
between a generation's key and its votes is a float (EGG of arXiv 2511.16652).
"""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import quax
from flax import struct
from jax.core import ShapedArray

from esbench.policies.networks import Params
from esbench.population.devices import device_count, summed
from esbench.population.integers import FIXED_POINT, ONE, halved, normal_table, saturate
from esbench.population.low_rank import looks_up_rows
from esbench.population.noise import words

# Pairs whose noise is derived at a time in `votes`: its numbers, one byte each and a few more on the way, fit a cache.
CHUNK_BYTES = 2**20
_NUMBERS = 6
"""16-bit numbers of one hash."""


class Lattice(quax.ArrayValue):
    """Stands for the matrix `kernel + a @ b.T / 2**shift`, which is never formed: most of it lies between integers.

    kernel: int8 (m, n), used in products over its second axis and in looking up rows. a: int8 (m, rank). b: int8
    (n, rank). A product is the kernel's own, int32, plus, per rank, `halved` of the thin one; a row is saturated.
    """

    kernel: jax.Array
    a: jax.Array
    b: jax.Array
    shift: int = eqx.field(static=True)

    def aval(self) -> ShapedArray:
        return ShapedArray(self.kernel.shape, self.kernel.dtype)

    def materialise(self) -> Any:
        raise NotImplementedError("an integer matrix was used otherwise than in products and for its rows")

    def thin(self, inner: jax.Array, outer: jax.Array) -> jax.Array:
        """The sum over ranks of `halved(inner[..., k] * outer[:, k])`: int32 (..., outer's rows)."""
        inner, outer = inner.astype(jnp.int32), outer.astype(jnp.int32)
        terms = [halved(inner[..., k, None] * outer[:, k], self.shift) for k in range(outer.shape[1])]
        return functools.reduce(jnp.add, terms)


@quax.register(jax.lax.dot_general_p)
def _(x: jax.Array, w: Lattice, *, dimension_numbers, **options):
    (x_contracted, w_contracted), (x_batch, _) = dimension_numbers
    if x_batch or tuple(w_contracted) != (1,) or tuple(x_contracted) != (x.ndim - 1,):
        return w.materialise()
    base = jax.lax.dot_general(x, w.kernel, dimension_numbers, **options)
    wide, b = x.astype(jnp.int32), w.b.astype(jnp.int32)
    inner = jnp.stack([(wide * b[:, k]).sum(-1) for k in range(b.shape[1])], -1)
    return base + w.thin(inner, w.a)


@quax.register(jax.lax.gather_p)
def _(w: Lattice, indices: jax.Array, *, dimension_numbers, slice_sizes, **options):
    if not looks_up_rows(w.kernel.ndim, indices, dimension_numbers, slice_sizes, w.kernel.shape):
        return w.materialise()

    def rows(matrix: jax.Array) -> jax.Array:
        sizes = (1, matrix.shape[1])
        return jax.lax.gather_p.bind(matrix, indices, dimension_numbers=dimension_numbers, slice_sizes=sizes, **options)

    return saturate(rows(w.kernel).astype(jnp.int32) + w.thin(rows(w.a), w.b))


class IntegerNoise(struct.PyTreeNode):
    """`member(i) = mean + noise_i`, in antithetic pairs: members 2k and 2k+1 have opposite signs of the same noise.

    The noise of a matrix is `a @ b.T`, of a vector the sum over ranks of `a * b`, entries of a and b normal numbers
    rounded to integers, so that every entry has a standard deviation of 256; it is divided by 2^(4 + shift). At shift 4
    that is one step of the lattice, where the weights' own is 16.

    Attributes:
        mean: int8 parameters, matrices (m, n) and vectors (m,).
        key: typed PRNG key (), this generation's.
        size: members, an even number.
        shift: how often the noise is halved.
        rank: of a matrix's noise; None for noise of full rank, with which a member has matrices of its own.
        earlier: the keys of the generations that belong to one unroll with this one, (longest unroll,), the first `age`
            of which, int32 (), are past; None where every generation is by itself. Votes are for the noise of all.
    """

    mean: Params
    key: jax.Array
    size: int = struct.field(pytree_node=False)
    shift: int = struct.field(pytree_node=False, default=4)
    rank: int | None = struct.field(pytree_node=False, default=1)
    earlier: jax.Array | None = None
    age: jax.Array | None = None

    @property
    def begins(self) -> jax.Array | None:
        """Whether an unroll begins, bool (): members then remember nothing. None where there are no unrolls."""
        return None if self.age is None else self.age == 0

    @property
    def axes(self) -> Any:
        shared: Any = None
        own: Any = 0
        return jax.tree.map(
            lambda leaf: Lattice(shared, own, own, self._thin_shift) if self._is_thin(leaf) else own, self.mean
        )

    @property
    def table(self) -> np.ndarray:
        """The numbers that noise is made of, int8 (2^16,), each as likely as any other. At a higher rank they are
        smaller, so that entries of the noise are not larger."""
        return normal_table(ONE / (self.rank or 1) ** 0.25)

    @property
    def largest_vote(self) -> int:
        """What an entry of `votes` can be at most, as a Python integer: it must fit 31 bits."""
        top = int(self.table.max())
        generations = 1 if self.earlier is None else len(self.earlier)
        return (ONE * top if self.rank is None else top * top * self.rank) * (self.size // 2) * generations

    def pair(self, index: jax.Array) -> jax.Array:
        return index // 2

    def member(self, index: jax.Array) -> Params:
        return self._perturbed(index, self._noise(self.pair(index)))

    def members(self, indices: jax.Array) -> Params:
        """Members `indices`, int32 (rows,), of which each is the one before it or the next: `member` of all, but with
        the noise of a pair derived once."""
        first = self.pair(indices[0])
        noise = jax.vmap(self._noise)(first + jnp.arange(len(indices) // 2 + 1))
        own = jax.tree.map(lambda leaf: leaf[self.pair(indices) - first], noise)
        return jax.vmap(self._perturbed, out_axes=self.axes)(indices, own)

    def votes(self, votes: jax.Array) -> Params:
        """The sum over pairs of `votes[k] * noise_k`, before the noise's division, and over the generations of an
        unroll: an int32 tree, exactly, where `largest_vote` fits. votes: int8 (size / 2,) of -1, 0 and 1."""
        if self.earlier is not None and self.age is not None:
            alone, keys = self.replace(earlier=None, age=None), self.earlier

            def add(number: jax.Array, total: Params) -> Params:
                return jax.tree.map(jnp.add, total, alone.replace(key=keys[number]).votes(votes))

            return jax.lax.fori_loop(0, self.age, add, alone.votes(votes))
        if votes.shape != (self.size // 2,):
            raise ValueError(f"votes of shape {votes.shape}: expected one per pair, {(self.size // 2,)}")
        devices = device_count()
        chunk = min(-(-len(votes) // devices), max(1, CHUNK_BYTES // self._entries()))
        chunks = -(-len(votes) // (chunk * devices))  # of a device
        padded = jnp.pad(votes, (0, devices * chunks * chunk - len(votes))).reshape(devices, chunks, chunk)
        pairs = jnp.arange(padded.size).reshape(padded.shape)
        total = summed(lambda device, own, pairs, votes: own._share(pairs[device], votes[device]), self, pairs, padded)
        return jax.tree.unflatten(jax.tree.structure(self.mean), total)

    def _share(self, pairs: jax.Array, votes: jax.Array) -> list[jax.Array]:
        """The sum over pairs, int32 (chunks, chunk), of their votes, alike, times their noise; per leaf."""

        def add(total, chunk):
            pairs, votes = chunk
            return jax.tree.map(jnp.add, total, self._chunk_sum(jax.vmap(self._noise)(pairs), votes)), None

        zeros = [jnp.zeros(leaf.shape, jnp.int32) for leaf in jax.tree.leaves(self.mean)]
        total, _ = jax.lax.scan(add, zeros, (pairs, votes))
        return total

    def _chunk_sum(self, noise: list[Any], votes: jax.Array) -> list[jax.Array]:
        total = []
        for leaf, (a, b) in zip(jax.tree.leaves(self.mean), noise, strict=True):
            if b is None:
                total.append(ONE * _summed("p,p...->...", votes, a))
            elif leaf.ndim == 2:
                total.append(_summed("pmk,pnk->mn", a * votes[:, None, None], b))
            else:
                total.append(_summed("pmk,pmk->m", a * votes[:, None, None], b))
        return total

    def _perturbed(self, index: jax.Array, own_noise: list[Any]) -> Params:
        sign = (1 - 2 * (index % 2)).astype(jnp.int8)
        leaves, tree = jax.tree.flatten(self.mean)
        perturbed: list[Any] = []
        for leaf, (a, b) in zip(leaves, own_noise, strict=True):
            if b is None:
                perturbed.append(_moved(leaf, halved((a * sign).astype(jnp.int32), self.shift)))
            elif leaf.ndim == 2:
                perturbed.append(Lattice(leaf, a * sign, b, self._thin_shift))
            else:
                noise = ((a * sign).astype(jnp.int32) * b.astype(jnp.int32)).sum(-1)
                perturbed.append(_moved(leaf, halved(noise, self._thin_shift)))
        return jax.tree.unflatten(tree, perturbed)

    def _noise(self, pair: jax.Array) -> list[Any]:
        """The noise of one pair, per leaf: the factors (a, b), each (entries, rank), or (noise, None) at full rank."""
        draw = self._draw(jax.random.fold_in(self.key, pair))
        noise: list[Any] = []
        for leaf in jax.tree.leaves(self.mean):
            if self.rank is None:
                own, draw = draw[: leaf.size], draw[leaf.size :]
                noise.append((own.reshape(leaf.shape), None))
            else:
                m, n = (size * self.rank for size in (leaf.shape[0], leaf.shape[-1]))
                a, b, draw = draw[:m], draw[m : m + n], draw[m + n :]
                noise.append((a.reshape(-1, self.rank), b.reshape(-1, self.rank)))
        return noise

    def _draw(self, key: jax.Array) -> jax.Array:
        """The numbers of one pair: int8 (entries,)."""
        hashes = words(key, -(-self._entries() // _NUMBERS))
        picked = jnp.concatenate([part for word in hashes for part in (word & 0xFFFF, word >> 16)])
        return jnp.asarray(self.table).at[picked[: self._entries()]].get(mode="promise_in_bounds")

    def _entries(self) -> int:
        """How many random numbers a pair takes."""
        leaves = jax.tree.leaves(self.mean)
        if self.rank is None:
            return sum(leaf.size for leaf in leaves)
        return sum(self.rank * (leaf.shape[0] + leaf.shape[-1]) for leaf in leaves)

    def _is_thin(self, leaf: Any) -> bool:
        return self.rank is not None and leaf.ndim == 2

    @property
    def _thin_shift(self) -> int:
        return FIXED_POINT + self.shift


def _moved(leaf: jax.Array, by: jax.Array) -> jax.Array:
    return saturate(leaf.astype(jnp.int32) + by)


def _summed(form: str, *factors: jax.Array) -> jax.Array:
    return jnp.einsum(form, *factors, preferred_element_type=jnp.int32)
