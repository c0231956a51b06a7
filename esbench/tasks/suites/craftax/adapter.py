"""Tasks of craftax: an open world of crafting and survival, seen as symbols."""

import functools
from collections.abc import Callable

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from craftax.craftax_env import make_craftax_env_from_name

from esbench.tasks.environment import Environment, State, Transition
from esbench.tasks.spec import TaskSpec

# Everything is scaled to [0, 1] but Craftax's attributes: mana reaches (6 + 3 * 5) / 10, the most of them.
OBSERVATION_HIGH = {"Craftax-Classic-Symbolic-v1": 1.0, "Craftax-Symbolic-v1": 2.1}


def make(spec: TaskSpec) -> Environment:
    return Craftax(spec.source_id)


class Craftax:
    """A craftax environment without its time limit, which it would merge with death and victory."""

    def __init__(self, name: str):
        self._name = name
        self._environment = make_craftax_env_from_name(name, auto_reset=False)
        self._params = self._environment.default_params.replace(max_timesteps=np.iinfo(np.int32).max)
        size = self._environment.observation_space(self._params).shape[0]
        self.observation_space = gymnasium.spaces.Box(0.0, OBSERVATION_HIGH[name], (size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(self._environment.num_actions)

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        obs, state = self._environment.reset_env(key, self._params)
        return state, obs

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        obs, state, reward, terminated, _ = self._environment.step_env(key, state, action, self._params)
        return state, Transition(obs, reward, terminated, jnp.bool_(False))

    @functools.cached_property
    def render(self) -> Callable[[State], np.ndarray]:
        """Draws a state, uint8 (height, width, 3); what it takes to draw is loaded when first used."""
        from esbench.tasks.suites.craftax.render import World

        return World(self._name)
