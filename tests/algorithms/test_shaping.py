"""What a strategy makes of fitness, on cases small enough to do by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.algorithms.shaping import centred_ranks, finite, within_groups, z_score
from esbench.errors import InputError


def test_z_score_of_a_known_sample():
    np.testing.assert_allclose(z_score(jnp.array([1.0, 2.0, 3.0, 6.0])), np.array([-2, -1, 0, 3]) / 3.5**0.5, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 500.0, 1e-20, 0.1, -1229.37])
def test_z_score_of_equal_fitness_is_exactly_zero(value):
    np.testing.assert_array_equal(z_score(jnp.full(64, value)), 0.0)


def test_centred_ranks_average_ties():
    np.testing.assert_allclose(
        centred_ranks(jnp.array([3.0, 1.0, 1.0, 9.0])), [2 / 3 - 0.5, -1 / 3, -1 / 3, 0.5], atol=1e-7
    )
    np.testing.assert_array_equal(centred_ranks(jnp.zeros(512)), 0.0)


def test_centred_ranks_sum_to_zero_and_ignore_scale():
    fitness = jnp.array([0.0, 1.0, 0.0, 1.0, 1.0, 7.0])
    assert abs(float(centred_ranks(fitness).sum())) < 1e-6
    np.testing.assert_array_equal(centred_ranks(fitness), centred_ranks(fitness * 1000 - 3))


def test_what_is_not_finite_becomes_the_worst_and_is_counted():
    fitness, count = finite(jnp.array([2.0, jnp.nan, -1.0, jnp.inf, -jnp.inf]))
    np.testing.assert_array_equal(fitness, [2.0, -1.0, -1.0, -1.0, -1.0])
    assert count == 3


def test_a_population_without_any_finite_member_is_equal():
    fitness, count = finite(jnp.full(4, jnp.nan))
    np.testing.assert_array_equal(fitness, 0.0)
    assert count == 4


def test_groups_are_compared_within_themselves():
    fitness, group = jnp.array([1.0, 3.0, 100.0, 104.0, 102.0]), jnp.array([0, 0, 4, 4, 4])
    np.testing.assert_allclose(within_groups(fitness, group), [-1, 1, -2, 2, 0])


@pytest.mark.parametrize("score", [z_score, centred_ranks])
@pytest.mark.parametrize("size", [0, 1])
def test_one_member_alone_is_compared_with_none(score, size):
    with pytest.raises(InputError, match=f"pop_size {size}: expected 2 or more"):
        jax.eval_shape(score, jnp.ones(size))
    np.testing.assert_array_equal(score(jnp.array([1.0, 3.0])), score(jnp.array([0.0, 9.0])))
