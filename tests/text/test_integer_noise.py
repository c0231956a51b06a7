"""Integer populations: members are the mean with their noise, votes are its sum, and signs are mirrors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import quax

from esbench.population.lattice import IntegerNoise, Lattice
from esbench.population.members import MemberStore
from esbench.text.egg import Egg
from tests.text import reference

NETWORK = Egg(20, 16, 2)


def population(rank=1, size=12, shift=4):
    return IntegerNoise(NETWORK.init(jax.random.key(0)), jax.random.key(7), size, shift, rank)


def whole_noise(noise, pair):
    """The noise of a pair, int64 arrays of the parameters' shapes, before its division."""
    leaves = []
    for a, b in jax.jit(IntegerNoise._noise)(noise, jnp.int32(pair)):
        a = np.asarray(a, np.int64)
        if b is None:
            leaves.append(16 * a)
        else:
            b = np.asarray(b, np.int64)
            leaves.append((a, b))
    flat = jax.tree.leaves(noise.mean)
    return [
        value
        if not isinstance(value, tuple)
        else (value[0] @ value[1].T if leaf.ndim == 2 else (value[0] * value[1]).sum(1))
        for value, leaf in zip(leaves, flat, strict=True)
    ]


@pytest.mark.parametrize("rank", [1, 3])
def test_a_members_products_and_rows_are_those_of_its_dense_matrices(rank):
    noise = population(rank)
    rng = np.random.default_rng(0)
    for index in (0, 1, 6, 7):
        sign = 1 - 2 * (index % 2)
        member = jax.jit(IntegerNoise.member)(noise, jnp.int32(index))
        per_rank = jax.jit(IntegerNoise._noise)(noise, jnp.int32(index // 2))
        leaves = jax.tree.leaves(member, is_leaf=lambda leaf: isinstance(leaf, Lattice))
        for leaf, mean, (a, b) in zip(leaves, jax.tree.leaves(noise.mean), per_rank, strict=True):
            a, b, mean = (np.asarray(x, np.int64) for x in (a, b, mean))
            if mean.ndim == 1:
                moved = mean + reference.half_away(sign * (a * b).sum(1) / 256)
                np.testing.assert_array_equal(leaf, reference.sat(moved))
                continue
            x = rng.integers(-127, 128, mean.shape[1])
            product = quax.quaxify(
                lambda w, x: jax.lax.dot_general(x, w, (((0,), (1,)), ((), ())), preferred_element_type=jnp.int32)
            )(leaf, jnp.asarray(x, jnp.int8))
            dense = [np.outer(a[:, k], b[:, k]) * sign for k in range(rank)]
            expected = mean @ x + sum(reference.half_away((one @ x) / 256) for one in dense)
            np.testing.assert_array_equal(product, expected)
            row = quax.quaxify(lambda w, at: w.at[at].get(mode="promise_in_bounds"))(leaf, jnp.int32(3))
            expected = mean[3] + sum(reference.half_away(one[3] / 256) for one in dense)
            np.testing.assert_array_equal(row, reference.sat(expected))


def test_a_member_of_full_rank_is_its_dense_matrices():
    noise = population(None)
    for index in (0, 1):
        member, sign = noise.member(jnp.int32(index)), 1 - 2 * (index % 2)
        for leaf, mean, own in zip(
            jax.tree.leaves(member), jax.tree.leaves(noise.mean), whole_noise(noise, 0), strict=True
        ):
            expected = np.asarray(mean, np.int64) + reference.half_away(sign * own / 256)
            np.testing.assert_array_equal(leaf, reference.sat(expected))


@pytest.mark.parametrize("rank", [1, 4, None])
def test_members_read_alike_side_by_side_and_alone(rank):
    noise = population(rank)
    store = MemberStore.of(noise)
    tokens = jnp.asarray([0, 3, 19, 7])
    memory = jnp.asarray(np.random.default_rng(0).integers(-90, 91, (4, 2, 16)), jnp.int8)
    own = store.derive(noise, jnp.arange(4, 8))
    together = jax.jit(lambda own: store.apply(NETWORK.step, own, memory, tokens))(own)
    for row, index in enumerate(range(4, 8)):
        alone = quax.quaxify(NETWORK.step)(noise.member(jnp.int32(index)), memory[row], tokens[row])
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other[row])


@pytest.mark.parametrize("rank", [1, 3, None])
def test_votes_are_the_sum_of_the_pairs_noise(rank):
    noise = population(rank, size=40)
    votes = jnp.asarray(np.random.default_rng(2).integers(-1, 2, 20), jnp.int8)
    expected = [0] * len(jax.tree.leaves(noise.mean))
    for pair, vote in enumerate(np.asarray(votes)):
        expected = [total + int(vote) * own for total, own in zip(expected, whole_noise(noise, pair), strict=True)]
    for got, want in zip(jax.tree.leaves(noise.votes(votes)), expected, strict=True):
        assert got.dtype == jnp.int32
        np.testing.assert_array_equal(got, want)
    for got, want in zip(jax.tree.leaves(noise.votes(-votes)), expected, strict=True):
        np.testing.assert_array_equal(got, -want)


def test_votes_are_summed_in_chunks(monkeypatch):
    noise, votes = population(size=40), jnp.ones(20, jnp.int8)
    whole = noise.votes(votes)
    monkeypatch.setattr("esbench.population.lattice.CHUNK_BYTES", 3 * noise._entries())
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(noise.votes(votes)), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="expected one per pair"):
        noise.votes(jnp.ones(40, jnp.int8))


@pytest.mark.parametrize("rank", [1, 2, 8, None])
def test_an_entry_of_the_noise_has_the_same_deviation_at_every_rank(rank):
    noise = population(rank, size=2)
    draws = jax.jit(jax.vmap(noise._noise))(jnp.arange(300))
    for (a, b), leaf in zip(draws, jax.tree.leaves(noise.mean), strict=True):
        a = np.asarray(a, float)
        entries = 16 * a if b is None else np.einsum("pmk,pnk->pmn" if leaf.ndim == 2 else "pmk,pmk->pm", a, b)
        assert abs(entries.std() / 256 - 1) < 0.1
        assert abs(entries.mean()) < 20


def test_no_matrix_of_a_members_own_is_in_the_program():
    noise = population(size=64)
    store = MemberStore.of(noise)

    def read(noise):
        own = store.derive(noise, jnp.arange(64))
        return store.apply(NETWORK.step, own, jnp.zeros((64, 2, 16), jnp.int8), jnp.zeros(64, jnp.int32))

    text = jax.jit(read).lower(noise).compile().as_text()
    assert "[64,64,16]" not in text and "[64,16,64]" not in text
