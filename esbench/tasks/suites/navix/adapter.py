"""Tasks of navix: grid worlds in the manner of MiniGrid, seen as the full grid of (tag, colour, state) triples."""

import functools
from collections.abc import Callable

import gymnasium
import jax
import jax.numpy as jnp
import navix
import numpy as np
from navix.states import EventsManager
from navix.states import State as NavixState

from esbench.tasks.environment import Environment, State, Transition
from esbench.tasks.spec import TaskSpec

# The largest tag (the player), colour and state (the direction "north"), by which observations are scaled to [0, 1].
SCALE = np.array([10, 5, 3], np.float32)


def make(spec: TaskSpec) -> Environment:
    return Navix(spec.source_id)


class Navix:
    """A navix environment without its time limit.

    The carried state leaves out two parts of navix's. The rendering cache is a picture of the bare grid, up to 70 kB,
    which no rule reads. Of the events, those that a rule reads only happen at an episode's end.
    """

    def __init__(self, name: str):
        self._environment = navix.make(name)
        size = self._environment.height * self._environment.width * len(SCALE)
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (size,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(len(self._environment.action_set))

    def _observe(self, state: NavixState) -> jax.Array:
        return (self._environment.observation_fn(state) / SCALE).ravel()

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        state = self._environment.reset(key).state
        return state.replace(cache=None, events=None), self._observe(state)

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        # navix draws from the key in its state, which came from the episode's reset.
        environment = self._environment
        before = state.replace(events=EventsManager())
        after = environment.transitions_fn(before, action, environment.action_set)
        reward = environment.reward_fn(before, action, after)
        terminated = environment.termination_fn(before, action, after)
        obs = self._observe(after)
        return after.replace(events=None), Transition(obs, reward, terminated, jnp.bool_(False))

    @functools.cached_property
    def render(self) -> Callable[[State], np.ndarray]:
        """Draws a state, uint8 (height, width, 3); what it takes to draw is loaded when first used."""
        from esbench.tasks.suites.navix.render import draw

        return draw
