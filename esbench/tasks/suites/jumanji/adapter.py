"""Tasks of jumanji: 2048, Knapsack and Snake. Action masks are part of the observation and are not applied."""

import builtins
import contextlib
import functools
from collections.abc import Callable, Generator
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Environment, State, Transition
from esbench.tasks.spec import TaskSpec


@contextlib.contextmanager
def _outside_ipython() -> Generator[None]:
    """Inside, IPython's mark is hidden: a notebook that imports jumanji would get another matplotlib backend, ipympl,
    which is not installed."""
    mark = vars(builtins).pop("__IPYTHON__", None)
    try:
        yield
    finally:
        if mark is not None:
            vars(builtins)["__IPYTHON__"] = mark


with _outside_ipython():
    import jumanji
    from jumanji.environments import Game2048, Knapsack, Snake


def make(spec: TaskSpec) -> Environment:
    return {"Game2048-v1": game_2048, "Knapsack-v1": knapsack, "Snake-v1": snake}[spec.source_id](spec)


def game_2048(spec: TaskSpec) -> Environment:
    # The board holds exponents of two; by the rules no tile on 4 x 4 exceeds 2**17.
    high = np.concatenate([np.full(16, 17), np.ones(4)])
    return Jumanji(Game2048(), high, lambda seen: [seen.board, seen.action_mask])


def knapsack(spec: TaskSpec) -> Environment:
    return Jumanji(
        Knapsack(), np.ones(200), lambda seen: [seen.weights, seen.values, seen.packed_items, seen.action_mask]
    )


def snake(spec: TaskSpec) -> Environment:
    # jumanji reports its time limit as a termination: it is put out of reach, and the task's own cap truncates.
    environment = Snake(time_limit=np.iinfo(np.int32).max)
    cap = spec.max_episode_steps

    def parts(seen) -> list[jax.Array]:
        # Under a longer cap, which Gymnasium can ask for, the clock stays at its end.
        return [seen.grid, jnp.minimum(seen.step_count / cap, 1), seen.action_mask]

    return Jumanji(environment, np.ones(725), parts)


class Jumanji:
    """A jumanji environment without a time limit, every end of which is a termination.

    high: bounds of the flat observation, from 0. parts: the arrays of an observation in the order they are flattened.
    """

    def __init__(self, environment: jumanji.Environment, high: np.ndarray, parts: Callable):
        self._environment = environment
        self._parts = parts
        self.observation_space = gymnasium.spaces.Box(np.zeros_like(high, np.float32), high.astype(np.float32))
        self.action_space = gymnasium.spaces.Discrete(int(environment.action_spec.num_values))

    def _flatten(self, observation) -> jax.Array:
        return jnp.concatenate([jnp.ravel(part).astype(jnp.float32) for part in self._parts(observation)])

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        state, timestep = self._environment.reset(key)
        return state, self._flatten(timestep.observation)

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        # jumanji draws from the key in its state, which came from the episode's reset.
        state, timestep = self._environment.step(state, action)
        obs = self._flatten(timestep.observation)
        reward, terminated = jnp.asarray(timestep.reward), jnp.asarray(timestep.last())
        return state, Transition(obs, reward, terminated, jnp.bool_(False))

    @functools.cached_property
    def render(self) -> Callable[[State], np.ndarray]:
        """Draws a state, uint8 (height, width, 3); what it takes to draw is loaded when first used."""
        from esbench.tasks.suites.jumanji import render

        draw: dict[Any, Callable[[State], np.ndarray]] = {
            Game2048: render.game_2048,
            Knapsack: render.knapsack,
            Snake: render.snake,
        }
        return draw[type(self._environment)]
