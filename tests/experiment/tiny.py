"""A task with known episode lengths and learners whose step counts are known: small, but run as any other."""

import os
import signal
from dataclasses import dataclass
from typing import Annotated, Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from pydantic import Field

from esbench.algorithms.interface import StepCost, StepMetrics
from esbench.keys import stream
from esbench.population.repeated import Repeated
from esbench.problem import DeployedPolicy, Problem
from esbench.rollout.episodes import run_episodes
from esbench.settings import settings
from esbench.tasks.environment import Transition
from esbench.tasks.registry import Task
from esbench.tasks.spec import TaskSpec
from esbench.tasks.tiers import Budgets

LENGTH = 10


class Echo:
    """Ten steps; the reward is 1 where the action is the bit that was shown."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, key):
        obs = self._show(key)
        return (jnp.int32(0), obs), obs

    def step(self, key, state, action):
        steps, shown = state
        obs = self._show(key)
        reward = jnp.float32(action == shown[0])
        return (steps + 1, obs), Transition(obs, reward, jnp.bool_(False), steps + 1 >= LENGTH)

    def _show(self, key):
        return jax.random.bernoulli(key, shape=(1,)).astype(jnp.float32)


SPEC = TaskSpec(
    id="Echo-v0",
    suite="tests",
    source_id="echo",
    max_episode_steps=LENGTH,
    action_kind="discrete",
    description="Repeat the bit that is shown.",
    budgets=Budgets(smoke=1000, lite=2000),
)
ECHO = Task(SPEC, Echo)


def _not_installed():
    from esbench.errors import InputError

    raise InputError("task 'Absent-v0' needs a suite that is not installed")


ABSENT = Task(TaskSpec("Absent-v0", "tests", "absent", LENGTH, "discrete", "Its suite is missing."), _not_installed)


class SearchState(struct.PyTreeNode):
    key: jax.Array
    steps: jax.Array
    params: Any
    best: jax.Array
    spread: jax.Array


@settings
class RandomSearch:
    """Keeps a change of the parameters where it scored no less than the best so far.

    pop_size: episodes of one step, LENGTH environment steps each. spread: of the change. slow: rounds of idle
    arithmetic before each step.
    """

    pop_size: Annotated[int, Field(ge=1)] = 10
    spread: Annotated[float, Field(gt=0)] = 0.1
    slow: Annotated[int, Field(ge=0)] = 0

    def bind(self, problem: Problem) -> "SearchLearner":
        return SearchLearner(self, problem)

    def step_cost(self, spec, problem):
        return StepCost(self.pop_size, self.pop_size * spec.cap, {"pop_size": self.pop_size})


@dataclass(frozen=True)
class SearchLearner:
    settings: RandomSearch
    problem: Problem

    def init(self, key):
        params = self.problem.init_params(stream(key, "init"))
        return SearchState(
            stream(key, "train"), jnp.int32(0), params, jnp.float32(-jnp.inf), jnp.float32(self.settings.spread)
        )

    def step(self, state):
        key = jax.random.fold_in(state.key, state.steps)
        leaves, structure = jax.tree.flatten(state.params)
        keys = jax.random.split(key, len(leaves))
        changed = structure.unflatten(
            leaf + state.spread * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)
        )
        result = run_episodes(
            self.problem, Repeated(changed, size=1), key, episodes=self.settings.pop_size, greedy=jnp.bool_(False)
        )
        score = result.returns.mean()
        idle = jnp.eye(128) * (1 + 0 * score)
        idle = jax.lax.fori_loop(0, self.settings.slow, lambda _, x: jnp.cos(x @ x), idle)
        better = score + 0 * idle.sum() >= state.best
        params = jax.tree.map(lambda new, old: jnp.where(better, new, old), changed, state.params)
        metrics = StepMetrics(
            useful_steps=result.lengths,
            computed_steps=result.computed_steps,
            sequential_steps=result.lengths.max(),
            training={"earlier_best": state.best, "score": score},
        )
        best = jnp.maximum(score, state.best)
        return state.replace(steps=state.steps + 1, params=params, best=best), metrics

    def deployed(self, state):
        return DeployedPolicy(state.params, None, "sample")


@dataclass(frozen=True)
class Failing(RandomSearch):
    """Cannot be bound to any problem."""

    def bind(self, problem: Problem):
        raise RuntimeError("nothing to learn here")


@dataclass(frozen=True)
class Dying(RandomSearch):
    """Its process is killed whenever it is tried."""

    def bind(self, problem: Problem):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Hungry(RandomSearch):
    """Wants more memory than there is."""

    def bind(self, problem: Problem):
        return np.zeros(10**15)


@settings
class Faulty(RandomSearch):
    """Fails after its third step: raises with the seed `raising`, has numbers that are not finite with `spoilt`."""

    raising: int = -1
    spoilt: int = -1

    def bind(self, problem: Problem) -> "FaultyLearner":
        return FaultyLearner(self, problem)


@dataclass(frozen=True)
class FaultyLearner(SearchLearner):
    def step(self, state):
        def is_seed(seed: int) -> jax.Array:
            own = stream(jax.random.key(max(seed, 0)), "train")
            same = jax.random.key_data(state.key) == jax.random.key_data(own)
            return same.all() & (state.steps == 3) & (seed >= 0)

        def check(fails: np.ndarray) -> np.ndarray:
            if fails:
                raise RuntimeError("the third step is too much")
            return np.float32(0)

        none = jax.pure_callback(
            check, jax.ShapeDtypeStruct((), jnp.float32), is_seed(self.settings.raising), vmap_method="sequential"
        )
        after, metrics = super().step(state)
        faults = {"its numbers are not finite": is_seed(self.settings.spoilt)}
        return after.replace(best=after.best + none), metrics.replace(faults=faults)
