"""The twin is the same problem: the same rewards for the same actions, in another order."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.leaderboard.verification.twin import Permuted, permutations, twin
from esbench.tasks.environment import Transition, check_environment
from esbench.tasks.registry import task


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "Knapsack-v1"])
def test_an_episode_is_the_originals(name):
    original = task(name).make()
    observations, actions = permutations(original, seed=3)
    permuted = Permuted(original, observations, actions)
    discrete = hasattr(original.action_space, "n")
    key = jax.random.key(0)
    state, obs = original.reset(key)
    other_state, other_obs = permuted.reset(key)
    step, other_step = jax.jit(original.step), jax.jit(permuted.step)
    rng = np.random.default_rng(0)
    for number in range(5):
        np.testing.assert_array_equal(other_obs, obs[observations])
        if discrete:
            chosen = int(rng.integers(original.action_space.n))  # the twin's
            action, other_action = np.int32(actions[chosen]), np.int32(chosen)
        else:
            action = rng.uniform(-1, 1, original.action_space.shape).astype(np.float32)
            other_action = action[actions]
        key = jax.random.key(number)
        state, one = step(key, state, action)
        other_state, other = other_step(key, other_state, other_action)
        assert float(one.reward) == float(other.reward)
        assert bool(one.terminated) == bool(other.terminated)
        obs, other_obs = one.obs, other.obs


def test_a_vector_of_actions_is_put_back_in_order():
    class Recorder:
        observation_space = task("Pendulum-v1").make().observation_space
        action_space = gymnasium.spaces.Box(-np.arange(1.0, 5), np.arange(1.0, 5), dtype=np.float64)

        def step(self, key, state, action):
            return action, Transition(jnp.zeros(3), jnp.float32(0), False, False)

    order = np.array([2, 0, 3, 1])
    permuted = Permuted(Recorder(), np.arange(3), order)
    original = np.array([10.0, 11.0, 12.0, 13.0])
    got, _ = permuted.step(None, None, original[order])
    np.testing.assert_array_equal(got, original)
    np.testing.assert_array_equal(permuted.action_space.high, np.array([3.0, 1.0, 4.0, 2.0]))


def test_the_permutation_is_the_seeds_and_moves_something():
    environment = task("CartPole-v1").make()
    for seed in range(20):
        observations, actions = permutations(environment, seed)
        assert sorted(observations) == [0, 1, 2, 3]
        assert list(observations) != [0, 1, 2, 3]
        assert list(actions) == [1, 0]
    np.testing.assert_array_equal(permutations(environment, 5)[0], permutations(environment, 5)[0])


def test_the_twin_keeps_the_contract_under_a_name_of_its_own():
    found = twin(task("CartPole-v1"), seed=0)
    assert found.spec.id == "CartPole-twin-v1"
    assert found.spec.budgets == task("CartPole-v1").spec.budgets
    check_environment(found.make())
