"""The network equals its description, number by number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.population.integers import halved, kept, log2_sixteenths, normal_table
from esbench.text.egg import _RECIPROCALS, _SHIFT, Egg
from esbench.text.loss import POWERS, bits, integer_log_likelihood
from tests.text import reference


def wide(params):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.int64), params)


def random_params(network, seed=0):
    """Parameters none of which is what it is at the start, some of them at the ends of their range."""
    rng, start = np.random.default_rng(seed), network.init(jax.random.key(seed))
    return jax.tree.map(
        lambda leaf: jnp.clip(leaf + rng.normal(0, 12, leaf.shape).round().astype(np.int32), -127, 127).astype(
            jnp.int8
        ),
        start,
    )


@pytest.mark.parametrize(("width", "layers"), [(4, 2), (16, 1), (64, 2)])
def test_a_thousand_tokens_equal_numpy_to_the_bit(width, layers):
    network = Egg(30, width, layers)
    params = random_params(network)
    tokens = np.random.default_rng(1).integers(0, 30, 1000)

    def read(memory, token):
        memory, logits = network.step(params, memory, token)
        return memory, (memory, logits)

    _, outputs = jax.jit(lambda tokens: jax.lax.scan(read, network.blank(), tokens))(jnp.asarray(tokens))
    memories, logits = jax.device_get(outputs)
    likelihoods = jax.vmap(integer_log_likelihood)(logits, jnp.roll(jnp.asarray(tokens), -1))
    params, memory = wide(params), np.zeros((layers, width), np.int64)
    for number, token in enumerate(tokens):
        memory, expected = reference.step(params, memory, token)
        np.testing.assert_array_equal(memory, np.asarray(memories[number]))
        np.testing.assert_array_equal(expected, np.asarray(logits[number]))
        assert likelihoods[number] == reference.log_likelihood(expected, tokens[(number + 1) % 1000])


def test_the_paper_has_so_many_parameters():
    """Its formula: 513 D + l (4 D + 12 D^2), with 256 symbols."""
    leaves = jax.tree.leaves(jax.eval_shape(Egg(256, 256, 6).init, jax.random.key(0)))
    assert sum(leaf.size for leaf in leaves) == 4_856_064
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(jnp.int8)}


def test_parameters_begin_as_normal_numbers_of_deviation_16():
    params = Egg(72, 64, 1).init(jax.random.key(0))
    up = np.asarray(params["layers"]["0"]["up"], float)
    assert abs(up.std() - 16) < 0.3 and abs(up.mean()) < 0.3
    assert (np.asarray(params["norm"]) == 16).all()


def test_quotients_by_reciprocals_are_exact():
    for mean in range(1, 128):
        numbers = np.arange(256 * mean, dtype=np.int64)
        products = numbers * int(_RECIPROCALS[mean])
        assert products[-1] < 2**31
        np.testing.assert_array_equal(products >> _SHIFT, numbers // mean)


def test_logarithms_are_exact_at_every_step_of_theirs():
    edges = np.ceil(2 ** (np.arange(1, 31 * 16) / 16)).astype(np.int64)
    numbers = np.unique(np.concatenate([edges + by for by in (-1, 0, 1)] + [np.arange(1, 5000)]))
    numbers = numbers[(numbers > 0) & (numbers < 2**31)]
    # Exactly, with whole numbers: the largest k with 2^k at most n^16.
    expected = [int(n**16).bit_length() - 1 for n in numbers.astype(object)]
    np.testing.assert_array_equal(log2_sixteenths(jnp.asarray(numbers, jnp.int32)), expected)


def test_powers():
    assert POWERS[0] == 16 and POWERS[16] == 32 and POWERS[255] == int(16 * 2 ** (255 / 16))


@pytest.mark.parametrize("times", [0, 1, 4, 8])
def test_halving_is_odd_and_rounds_to_the_nearest(times):
    numbers = np.arange(-5000, 5001)
    result = np.asarray(halved(jnp.asarray(numbers), times))
    np.testing.assert_array_equal(result, -result[::-1])
    np.testing.assert_array_equal(result, reference.half_away(numbers / 2**times))


def test_the_table_of_normal_numbers_is_symmetric_and_has_its_deviation():
    table = normal_table(16.0).astype(int)
    assert sorted(table) == sorted(-table) and len(table) == 2**16
    assert abs(table.std() - 16) < 0.02


def test_the_integer_loss_is_a_little_lower_than_the_exact_one():
    logits = jnp.asarray(np.random.default_rng(0).integers(-60, 60, (500, 72)), jnp.int8)
    targets = jnp.arange(500) % 72
    exact = np.asarray(jax.vmap(bits)(logits, targets))
    whole = -np.asarray(jax.vmap(integer_log_likelihood)(logits, targets)) / 16
    assert 0 <= (exact - whole).mean() < 1 / 16
    probabilities = 2 ** (np.asarray(logits, float) / 16)
    expected = -np.log2(probabilities[np.arange(500), targets] / probabilities.sum(1))
    np.testing.assert_allclose(exact, expected, rtol=1e-5)


def test_what_is_kept_is_unchanged():
    numbers = jnp.asarray(np.random.default_rng(0).integers(-127, 128, (3, 4, 5)), jnp.int8)
    for function in (kept, jax.vmap(kept), jax.vmap(jax.vmap(kept)), jax.jit(jax.vmap(kept))):
        np.testing.assert_array_equal(function(numbers), numbers)
