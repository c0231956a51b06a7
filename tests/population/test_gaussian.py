"""The Gaussian population: its law, its pairs, and the sum that an ES update is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.population import gaussian
from esbench.population.gaussian import Gaussian
from esbench.population.low_rank import LowRank
from esbench.population.noise import LAWS

MEAN = {"bias": jnp.arange(5.0), "kernel": jnp.ones((6, 5))}


def population(rank, size=64, **changes):
    return Gaussian(MEAN, jax.random.key(3), jnp.float32(0.5), size=size, rank=rank, **changes)


def dense_noise(members):
    """The noise of every member, {name: (size, ...)}, from the members themselves."""

    def one(index):
        member = members.member(index)
        leaves = {name: leaf.dense() if isinstance(leaf, LowRank) else leaf for name, leaf in member.items()}
        return jax.tree.map(lambda leaf, mean: (leaf - mean) / members.sigma, leaves, members.mean)

    return jax.vmap(one)(jnp.arange(members.size))


@pytest.mark.parametrize("rank", [None, 1, 3])
def test_noise_has_mean_zero_and_unit_variance(rank):
    noise = dense_noise(population(rank, size=20_000, antithetic=False))
    for leaf in jax.tree.leaves(noise):
        assert abs(float(leaf.mean())) < 0.02
        # The variance of a product of normals has heavier tails than a normal's.
        assert float(leaf.var()) == pytest.approx(1, abs=0.05)
        assert np.abs(leaf.var(0) - 1).max() < 0.15


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("rank", [None, 2])
def test_members_derived_together_are_those_derived_alone(rank, antithetic):
    members = population(rank, antithetic=antithetic)
    alone = jax.jit(jax.vmap(members.member, out_axes=members.axes))
    together = jax.jit(members.members)
    for indices in (range(8), range(3, 11), [6, 6, 6, 7, 7, 7, 8, 8], [63] * 8):
        rows = jnp.array(list(indices))
        jax.tree.map(np.testing.assert_array_equal, together(rows), alone(rows))


# Mean 0 and variance 1 always; E x^3 and E x^4.
MOMENTS = {"normal": (0, 3), "uniform": (0, 9 / 5), "integer": (0, 1), "skewed": (2, 9)}


@pytest.mark.parametrize("law", LAWS)
def test_moments_of_each_law(law):
    noise = dense_noise(population(None, size=20_000, antithetic=False, law=law))["kernel"]
    third, fourth = MOMENTS[law]
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert float((noise**2).mean()) == pytest.approx(1, abs=0.02)
    assert float((noise**3).mean()) == pytest.approx(third, abs=0.1)
    assert float((noise**4).mean()) == pytest.approx(fourth, rel=0.1)


@pytest.mark.parametrize("rank", [1, 4])
@pytest.mark.parametrize("law", LAWS)
def test_moments_of_a_kernels_noise_at_low_rank(law, rank):
    """Sums of `rank` products of two independent factors: cumulants divide by powers of the rank."""
    noise = dense_noise(population(rank, size=40_000, antithetic=False, law=law))["kernel"]
    third, fourth = MOMENTS[law]
    assert float((noise**2).mean()) == pytest.approx(1, abs=0.05)
    assert float((noise**3).mean()) == pytest.approx(third**2 / rank**0.5, abs=0.6)
    assert float((noise**4).mean()) == pytest.approx(3 + (fourth**2 - 3) / rank, rel=0.2)


def test_skewed_noise_is_symmetric_over_a_pair():
    noise = dense_noise(population(1, law="skewed"))["kernel"]
    np.testing.assert_allclose(noise[0::2], -noise[1::2], atol=1e-6)


@pytest.mark.parametrize("rank", [None, 1, 3])
def test_pairs_are_antithetic_and_different(rank):
    noise = dense_noise(population(rank))
    for leaf in jax.tree.leaves(noise):
        assert jnp.allclose(leaf[0::2], -leaf[1::2], atol=1e-6)
        assert len(np.unique(np.asarray(leaf).reshape(64, -1)[:, 0])) == 64


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_members_kernel_noise_has_the_rank(rank):
    noise = dense_noise(population(rank, size=4))["kernel"]
    assert [int(np.linalg.matrix_rank(e, tol=1e-4)) for e in noise] == [rank] * 4


@pytest.mark.parametrize("size", [64, 63])  # of an odd size, the last member is alone
@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("rank", [None, 1, 3])
def test_weighted_sum_is_the_sum_over_members(rank, antithetic, size):
    members = population(rank, size=size, antithetic=antithetic)
    weights = jax.random.normal(jax.random.key(5), (members.size,))
    expected = jax.tree.map(lambda leaf: jnp.tensordot(weights, leaf, 1), dense_noise(members))
    total = members.weighted_sum(weights)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), total, expected)


def test_sum_in_many_chunks_is_the_sum_in_one(monkeypatch):
    members = population(rank=2, size=62)
    weights = jax.random.normal(jax.random.key(5), (62,))
    one = members.weighted_sum(weights)
    monkeypatch.setattr(gaussian, "CPU_CHUNK_BYTES", 4 * 27 * 4)  # four pairs of 5 + 2 * 11 numbers: 31 do not divide
    many = members.weighted_sum(weights)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), one, many)


@pytest.mark.parametrize(("rank", "pairs", "expected"), [(1, 2, 2), (1, 3, 3), (2, 2, 4), (1, 8, 5), (3, 8, 5)])
def test_update_rank_is_the_smaller_of_noise_ranks_summed_and_the_kernels_sides(rank, pairs, expected):
    members = population(rank, size=2 * pairs)
    weights = jax.random.normal(jax.random.key(1), (members.size,))
    assert np.linalg.matrix_rank(np.asarray(members.weighted_sum(weights)["kernel"]), tol=1e-4) == expected


@pytest.mark.parametrize("rank", [None, 1])
def test_pairs_of_equal_weight_cancel_exactly(rank):
    weights = jnp.repeat(jax.random.normal(jax.random.key(1), (32,)), 2)
    for leaf in jax.tree.leaves(population(rank).weighted_sum(weights)):
        assert not leaf.any()


def test_another_key_gives_other_noise():
    one, other = population(1), population(1).replace(key=jax.random.key(4))
    assert not jnp.array_equal(one.member(jnp.int32(0))["bias"], other.member(jnp.int32(0))["bias"])
