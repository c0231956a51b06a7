"""Random numbers of noise: the published hash, its laws, and no correlation over counters or keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from esbench.population.noise import LAWS, bits

CDFS = {
    "normal": stats.norm.cdf,
    "uniform": stats.uniform(-(3**0.5), 2 * 3**0.5).cdf,
    "skewed": lambda x: stats.expon.cdf(x + 1),
}


def pcg3d(x, y, z):
    """The hash as published, on Python integers."""
    x, y, z = ((word * 1664525 + 1013904223) % 2**32 for word in (x, y, z))
    for shift in (16, 0):
        x = (x + y * z) % 2**32
        y = (y + z * x) % 2**32
        z = (z + x * y) % 2**32
        if shift:
            x, y, z = (word ^ (word >> shift) for word in (x, y, z))
    return x, y, z


def test_bits_are_the_published_hash_of_counter_and_key():
    key = jax.random.key(11)
    first, second = (int(word) for word in jax.random.bits(key, (2,)))
    assert bits(key, 50).tolist() == [pcg3d(i, first, second)[2] for i in range(50)]


@pytest.mark.parametrize("law", CDFS)
def test_numbers_follow_their_law(law):
    numbers = np.concatenate(jax.vmap(lambda key: LAWS[law](key, 1000))(jax.random.split(jax.random.key(0), 200)))
    assert np.isfinite(numbers).all()
    assert stats.kstest(numbers, CDFS[law]).pvalue > 0.01


def test_integer_noise_is_minus_one_or_one():
    numbers = np.asarray(LAWS["integer"](jax.random.key(0), 100_000))
    assert set(np.unique(numbers)) == {-1, 1}
    assert abs(numbers.mean()) < 4 / len(numbers) ** 0.5


def test_every_bit_is_even():
    words = np.asarray(jax.vmap(lambda key: bits(key, 100))(jax.random.split(jax.random.key(1), 10_000)))
    share = ((words[..., None] >> np.arange(32)) & 1).mean((0, 1))
    assert np.abs(share - 0.5).max() < 4.5 * 0.5 / words.size**0.5


@pytest.mark.parametrize("across", ["counters", "keys"])
def test_numbers_are_uncorrelated_across(across):
    """Keys as a population makes them: one folded with consecutive numbers."""
    fold = jax.vmap(jax.random.fold_in, (None, 0))
    numbers = np.asarray(jax.vmap(lambda key: LAWS["normal"](key, 400))(fold(jax.random.key(2), jnp.arange(10_000))))
    rows = numbers.T if across == "counters" else numbers[:400]
    correlation = np.corrcoef(rows)[~np.eye(len(rows), dtype=bool)] * rows.shape[1] ** 0.5
    assert correlation.std() == pytest.approx(1, abs=0.02)
    assert np.abs(correlation).max() < 6
