"""A task of a user's own that can be drawn, for environments in which no suite is installed."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Transition


class Dot:
    """A dot on a line, moved left or right; every step costs its distance to the middle."""

    max_episode_steps = 20
    observation_space = gymnasium.spaces.Box(-2, 2, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, key):
        at = jax.random.uniform(key, (1,), minval=-1.0)
        return at, at

    def step(self, key, state, action):
        at = jnp.clip(state + 0.1 * (2 * action - 1), -2.0, 2.0)
        return at, Transition(at, -jnp.abs(at[0]), jnp.bool_(False), jnp.bool_(False))

    def render(self, state):
        picture = np.zeros((64, 256, 3), np.uint8)
        column = int(128 + 60 * float(state[0]))
        picture[28:36, column - 4 : column + 4] = 255
        return picture
