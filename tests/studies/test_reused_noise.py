"""The ablation's strategy differs from EGGROLL in one thing."""

import jax
import jax.numpy as jnp
import numpy as np

from baselines.studies.reused_noise import ReusedNoise
from esbench.algorithms.eggroll import EGGROLL


def noise_keys(strategy):
    """Of the populations of two generations, and the state after both."""
    state = strategy.init(jax.random.key(0), {"kernel": jnp.ones((3, 2))})
    keys = []
    for generation in (1, 2):
        key = jax.random.key(generation)
        population, state = strategy.ask(key, state)
        keys.append(jax.random.key_data(population.key))
        state = jax.jit(strategy.tell)(key, state, population, jnp.arange(4.0))
    return keys, state


def test_only_the_reused_noise_is_the_same_in_every_generation():
    for strategy, same in ((EGGROLL(pop_size=4), False), (ReusedNoise(pop_size=4), True)):
        (first, second), state = noise_keys(strategy)
        assert np.array_equal(first, second) == same
        assert not np.allclose(state.mean["kernel"], 1.0)
