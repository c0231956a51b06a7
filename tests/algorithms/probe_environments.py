"""Tiny environments, each of which isolates one faculty of an algorithm and has an answer that is known.

They satisfy the Environment contract. Every one ends by itself within a few steps, except `Alive` and `Counter`.
"""

from typing import NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Transition

UNBOUNDED = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
NO = jnp.bool_(False)
YES = jnp.bool_(True)


def _vector(x) -> jax.Array:
    return jnp.float32(x).reshape(1)


def _sign(key: jax.Array) -> jax.Array:
    return jax.random.rademacher(key, (), jnp.float32)


class Probe:
    """Two actions, one observed number, no memory beyond it: the state is the observation."""

    observation_space = UNBOUNDED
    action_space: gymnasium.Space = gymnasium.spaces.Discrete(2)

    def reset(self, key):
        obs = _vector(0)
        return obs, obs


class ConstantReward(Probe):
    """One step, reward 1. The value is 1."""

    def step(self, key, state, action):
        return state, Transition(state, jnp.float32(1), YES, NO)


class ObservedReward(Probe):
    """One step; the observation is -1 or 1 and the reward equals it. So does the value."""

    def reset(self, key):
        obs = _vector(_sign(key))
        return obs, obs

    def step(self, key, state, action):
        return state, Transition(state, state[0], YES, NO)


class DelayedReward(Probe):
    """Two steps, observed as 0 and 1; reward 1 on the second only. The values are gamma and 1."""

    def step(self, key, state, action):
        return _vector(1), Transition(_vector(1), state[0], state[0] > 0, NO)


class Alive(Probe):
    """Reward 1 on every step, no end of its own. Under any time limit the value is 1 / (1 - gamma)."""

    def step(self, key, state, action):
        return state, Transition(state, jnp.float32(1), NO, NO)


class RewardedAction(Probe):
    """One step; action 1 pays 1 and action 0 nothing. The best return is 1."""

    def step(self, key, state, action):
        return state, Transition(state, jnp.float32(action), YES, NO)


class MatchObservation(Probe):
    """One step; the observation is -1 or 1 and pays 1 for action 0 or 1 respectively, else -1. The best return is 1."""

    def reset(self, key):
        obs = _vector(_sign(key))
        return obs, obs

    def step(self, key, state, action):
        return state, Transition(state, state[0] * jnp.float32(2 * action - 1), YES, NO)


class Aim(Probe):
    """One step; the action in [-1, 1] pays minus its squared distance to half the observation, -1 or 1. The best
    return is 0."""

    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, key):
        obs = _vector(_sign(key))
        return obs, obs

    def step(self, key, state, action):
        return state, Transition(state, -((action[0] - state[0] / 2) ** 2), YES, NO)


class Count(NamedTuple):
    start: jax.Array
    steps: jax.Array


class Counter(Probe):
    """Observes a random start, uniform in [0, 1000), plus the steps taken; ends after `length` of them. Reward 1."""

    def __init__(self, length: int):
        self.length = length

    def reset(self, key):
        start = jnp.floor(jax.random.uniform(key, (), jnp.float32, 0, 1000))
        return Count(start, jnp.int32(0)), _vector(start)

    def step(self, key, state, action):
        steps = state.steps + 1
        return Count(state.start, steps), Transition(
            _vector(state.start + steps), jnp.float32(1), steps >= self.length, NO
        )


class Broken(Probe):
    """Reward and next observation are not numbers."""

    def step(self, key, state, action):
        return _vector(jnp.nan), Transition(_vector(jnp.nan), jnp.float32(jnp.nan), NO, NO)
