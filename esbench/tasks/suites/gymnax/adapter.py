"""Tasks of gymnax: classic control."""

import functools
from collections.abc import Callable

import gymnasium
import gymnax
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Environment, State, Transition
from esbench.tasks.spec import TaskSpec

# gymnax gives the largest float where a coordinate is unbounded.
OBSERVATION_BOUNDS = {
    "CartPole-v1": [4.8, np.inf, 24 / 180 * np.pi, np.inf],
    "Pendulum-v1": [1.0, 1.0, 8.0],
}
ACTION_SPACES = {
    "CartPole-v1": gymnasium.spaces.Discrete(2),
    "Pendulum-v1": gymnasium.spaces.Box(-2.0, 2.0, (1,), np.float32),
}


def make(spec: TaskSpec) -> Environment:
    return Gymnax(spec.source_id)


class Gymnax:
    """A gymnax environment, which keeps its time limit outside `step_env`."""

    def __init__(self, name: str):
        self._name = name
        self._environment, self._params = gymnax.make(name)
        bound = np.asarray(OBSERVATION_BOUNDS[name], np.float32)
        self.observation_space = gymnasium.spaces.Box(-bound, bound, dtype=np.float32)
        self.action_space = ACTION_SPACES[name]

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        obs, state = self._environment.reset_env(key, self._params)
        return state, obs

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        obs, state, reward, terminated, _ = self._environment.step_env(key, state, action, self._params)
        return state, Transition(obs, reward, terminated, jnp.bool_(False))

    @functools.cached_property
    def render(self) -> Callable[[State], np.ndarray]:
        """Draws a state, uint8 (height, width, 3); what it takes to draw is loaded when first used."""
        from esbench.tasks.suites.gymnax.render import ClassicControl

        return ClassicControl(self._name)
