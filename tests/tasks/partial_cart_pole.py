"""A task of memory: CartPole whose observation shows where cart and pole are, and not how fast they move."""

import gymnasium
import numpy as np

import esbench
from esbench.tasks.environment import Transition

SHOWN = np.array([0, 2])


class PartialCartPole:
    """esbench's CartPole-v1, seen as the cart's position and the pole's angle: velocities must be remembered."""

    max_episode_steps = 500

    def __init__(self):
        self._whole = esbench.make("CartPole-v1")
        bounds = self._whole.observation_space
        self.observation_space = gymnasium.spaces.Box(bounds.low[SHOWN], bounds.high[SHOWN], dtype=np.float32)
        self.action_space = self._whole.action_space

    def reset(self, key):
        state, observation = self._whole.reset(key)
        return state, observation[SHOWN]

    def step(self, key, state, action):
        state, transition = self._whole.step(key, state, action)
        return state, Transition(transition.obs[SHOWN], *transition[1:])
