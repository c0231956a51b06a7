"""Tiny environments with known answers. They isolate one faculty each; the real tasks have tests of their own."""

from typing import NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Transition


class _WalkState(NamedTuple):
    position: jax.Array
    steps: jax.Array


class Walk:
    """A noisy walk in the plane, pushed by a continuous action: random start, random lengths, both kinds of end.

    Nothing about it is rounded away, so a difference in the last bit of an action shows in the return.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, limit: int = 60):
        self.limit = limit

    def reset(self, key):
        position = jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)
        return _WalkState(position, jnp.int32(0)), position

    def step(self, key, state, action):
        position = state.position + 0.3 * action + 0.3 * jax.random.normal(key, (2,))
        steps = state.steps + 1
        reward = -(position**2).sum() + 0.1 * action.sum()
        terminated = jnp.abs(position).max() > 2.0
        return _WalkState(position, steps), Transition(position, reward, terminated, steps >= self.limit)


class _DelayState(NamedTuple):
    left: jax.Array
    steps: jax.Array


class Delay:
    """Pays 1 on the step that ends an episode and NaN ever after: the return is exactly 1 and the length is known.

    An episode lasts as long as its first observation says, 1 to `longest` steps; `limit` truncates it.
    """

    observation_space = gymnasium.spaces.Box(0, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, longest: int = 20, limit: int = 1000):
        self.longest, self.limit = longest, limit

    def reset(self, key):
        left = jax.random.randint(key, (), 1, self.longest + 1)
        return _DelayState(left, jnp.int32(0)), left.astype(jnp.float32)[None]

    def step(self, key, state, action):
        left, steps = state.left - 1, state.steps + 1
        terminated, truncated = left <= 0, steps >= self.limit
        over = (state.left <= 0) | (state.steps >= self.limit)
        reward = jnp.where(over, jnp.nan, (terminated | truncated).astype(jnp.float32))
        return _DelayState(left, steps), Transition(left.astype(jnp.float32)[None], reward, terminated, truncated)


class Recall:
    """Three steps; only the first observation shows a bit, and the last action must repeat it. Return 1 or 0."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, key):
        bit = jax.random.bernoulli(key).astype(jnp.int32)
        return (bit, jnp.int32(0)), (2.0 * bit - 1)[None]

    def step(self, key, state, action):
        bit, steps = state
        over = steps + 1 >= 3
        reward = (over & (action == bit)).astype(jnp.float32)
        return (bit, steps + 1), Transition(jnp.zeros(1), reward, over, jnp.bool_(False))
