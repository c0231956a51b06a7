"""The twin of a task: the same task with its observations' and actions' indices in another order.

A method that learns meets the same problem. One that knows the task, by the place of a number in the observation or the
meaning of an action, does not.
"""

import dataclasses
import re
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Environment, State, Transition
from esbench.tasks.registry import Task, environment_of


class Permuted:
    """`environment` with permuted indices; rewards, ends and lengths are those of the original.

    observations, actions: int (n,), permutations. Number i of a twin's observation is number `observations[i]` of the
    original's. Action i of a Discrete twin is action `actions[i]` of the original's. Number i of a Box twin's action is
    number `actions[i]` of the original's.
    """

    def __init__(self, environment: Environment, observations: np.ndarray, actions: np.ndarray):
        self._environment = environment
        self._observations = observations
        self._continuous = isinstance(environment.action_space, gymnasium.spaces.Box)
        # Of a vector: where each of the original's numbers is found in the twin's action.
        self._actions = np.argsort(actions) if self._continuous else actions
        self.observation_space = _reordered(environment.observation_space, observations)
        self.action_space = _reordered(environment.action_space, actions)

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        state, obs = self._environment.reset(key)
        return state, obs[self._observations]

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        original = action[self._actions] if self._continuous else jnp.asarray(self._actions)[action]
        state, transition = self._environment.step(key, state, original)
        return state, transition._replace(obs=transition.obs[self._observations])


def permutations(environment: Environment, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the observation's and of the action's indices, int32, drawn from `seed`; neither leaves all in place where
    there are two or more."""
    generator = np.random.default_rng(seed)
    space = environment.action_space
    actions = int(space.n) if isinstance(space, gymnasium.spaces.Discrete) else space.shape[0]
    return _shuffled(generator, environment.observation_space.shape[0]), _shuffled(generator, actions)


def twin(task: Task, seed: int) -> Task:
    """The task's twin: `Name-v0` becomes `Name-twin-v0`, its anchors and budgets the same."""
    name = re.sub(r"(-v\d+)$", r"-twin\1", task.spec.id)
    spec = dataclasses.replace(task.spec, id=name, description=f"The twin of {task.spec.id}: permuted indices.")

    def make() -> Environment:
        environment = environment_of(task)
        return Permuted(environment, *permutations(environment, seed))

    return Task(spec, make)


def _shuffled(generator: np.random.Generator, size: int) -> np.ndarray:
    order = generator.permutation(size)
    while size > 1 and (order == np.arange(size)).all():
        order = generator.permutation(size)
    return order.astype(np.int32)


def _reordered(space: Any, order: np.ndarray) -> Any:
    if isinstance(space, gymnasium.spaces.Discrete):
        return space
    return gymnasium.spaces.Box(space.low[order], space.high[order], dtype=space.dtype)
