"""Random numbers of noise: the published hash, its laws, and no correlation over counters or keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from esbench.population.noise import LAWS, words

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
    assert np.transpose(words(key, 50)).tolist() == [list(pcg3d(i, first, second)) for i in range(50)]


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
    hashed = np.stack(jax.vmap(lambda key: words(key, 100))(jax.random.split(jax.random.key(1), 10_000)))
    share = ((hashed[..., None] >> np.arange(32)) & 1).mean((1, 2))
    assert np.abs(share - 0.5).max() < 4.5 * 0.5 / hashed[0].size ** 0.5


def test_normal_numbers_are_those_of_box_and_muller():
    """Of the same words, with sines and cosines in double precision."""
    key, size = jax.random.key(3), 999
    _, y, z = (np.asarray(word, np.int64) for word in words(key, 500))
    radius = np.sqrt(-2 * np.log(((y >> 8) + 1) / 2**24))
    angle = ((z & 0x3FFFFFFF) // 256 + 0.5) / 2**22 * np.pi / 2 - np.pi / 4
    cosine, sine = np.where(z >> 30 & 1, 1, -1) * np.cos(angle), np.sin(angle)
    pair = np.where(z >> 31, (sine, cosine), (cosine, sine)) * radius
    np.testing.assert_allclose(LAWS["normal"](key, size), pair.reshape(-1)[:size], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("across", ["counters", "keys"])
def test_numbers_are_uncorrelated_across(across, power):
    """Keys as a population makes them: one folded with consecutive numbers. Squares too: radii are shared by two."""
    fold = jax.vmap(jax.random.fold_in, (None, 0))
    numbers = np.asarray(jax.vmap(lambda key: LAWS["normal"](key, 400))(fold(jax.random.key(2), jnp.arange(10_000))))
    rows = (numbers.T if across == "counters" else numbers[:400]) ** power
    correlation = np.corrcoef(rows)[~np.eye(len(rows), dtype=bool)] * rows.shape[1] ** 0.5
    assert correlation.std() == pytest.approx(1, abs=0.02)
    assert np.abs(correlation).max() < 6
