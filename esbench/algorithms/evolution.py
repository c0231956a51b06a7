"""The loop that every evolution strategy runs in: ask, evaluate, tell."""

import functools
from dataclasses import dataclass, replace
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from flax import struct
from pydantic import Field

from esbench.algorithms.contract import Checked
from esbench.algorithms.interface import StepMetrics, Strategy
from esbench.algorithms.shaping import finite, within_groups
from esbench.keys import stream
from esbench.population.gaussian import Gaussian
from esbench.population.interface import Population
from esbench.population.low_rank import Layout
from esbench.population.objective import Objective
from esbench.problem import DeployedPolicy, Problem
from esbench.rollout.objective import EpisodicReturn
from esbench.settings import settings


@settings
class Evolution:
    """How a strategy meets a task; the same settings for every strategy.

    n_parallel_evaluations: episodes a member's fitness is the mean of. deterministic_policy: whether actions are the
    distribution's mode, in training and when scored, instead of samples. normalize_observations: by the moments of
    all earlier generations' observations.
    """

    n_parallel_evaluations: Annotated[int, Field(ge=1)] = 1
    deterministic_policy: bool = False
    normalize_observations: bool = False


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EvolutionAlgorithm:
    """A strategy and how it meets a task, as the runner drives it."""

    strategy: Strategy
    evolution: Evolution

    def bind(self, problem: Problem) -> "EvolutionLoop":
        evolution = self.evolution
        check = getattr(self.strategy, "check", None)
        if callable(check):
            check(jax.eval_shape(problem.init_params, jax.random.key(0)))
        objective = EpisodicReturn(
            problem,
            episodes=evolution.n_parallel_evaluations,
            greedy=evolution.deterministic_policy,
            normalize_observations=evolution.normalize_observations,
        )
        return EvolutionLoop(self.strategy, objective)


class EvolutionState(struct.PyTreeNode):
    """key: typed PRNG key () of training. generation: int32 ()."""

    key: jax.Array
    generation: jax.Array
    strategy: Any
    objective: Any


@dataclass(frozen=True)
class EvolutionLoop:
    """A learner: one step is one generation of `strategy` on `objective`."""

    strategy: Strategy
    objective: Objective

    @functools.cached_property
    def checked(self) -> Checked:
        """The strategy, its answers checked against the objective's parameters."""
        params, _ = jax.eval_shape(lambda key: self.objective.init(key, self.strategy.pop_size), jax.random.key(0))
        return Checked(self.strategy, params)

    def init(self, key: jax.Array) -> EvolutionState:
        init_key = stream(key, "init")
        params, objective = self.objective.init(stream(init_key, "objective"), self.strategy.pop_size)
        strategy = self.checked.init(stream(init_key, "strategy"), params)
        return EvolutionState(stream(key, "train"), jnp.int32(0), strategy, objective)

    def step(self, state: EvolutionState) -> tuple[EvolutionState, StepMetrics]:
        key = jax.random.fold_in(state.key, state.generation)
        population, strategy = self.ask(key, state.strategy)
        evaluation, objective = self.objective.evaluate(stream(key, "evaluate"), state.objective, population)
        fitness, nonfinite = finite(evaluation.fitness)
        known = jnp.where(nonfinite < len(fitness), fitness, jnp.nan)  # a row has no value where no member has one
        told = fitness if evaluation.group is None else within_groups(fitness, evaluation.group)
        strategy = self.checked.tell(stream(key, "tell"), strategy, population, told)
        metrics = StepMetrics(
            useful_steps=evaluation.useful_steps,
            computed_steps=evaluation.computed_steps,
            sequential_steps=evaluation.sequential_steps,
            training={
                "fitness_mean": known.mean(),
                "fitness_max": known.max(),
                "nonfinite_members": nonfinite,
                **evaluation.training,
                **{name: getattr(strategy, name) for name in ("sigma", "learning_rate") if hasattr(strategy, name)},
            },
            faults=self.checked.nonfinite(population, strategy),
        )
        return EvolutionState(state.key, state.generation + 1, strategy, objective), metrics

    def ask(self, key: jax.Array, strategy: Any) -> tuple[Population, Any]:
        """The population that the strategy, in the state `strategy`, asks for in the generation of `key`, and its
        state after."""
        population, asked = self.checked.ask(stream(key, "ask"), strategy)
        if isinstance(population, Gaussian):
            population = replace(population, layout=self.layout(population))
        return population, asked

    def layout(self, population: Gaussian) -> Layout | None:
        """How the objective contracts each parameter: decides which are perturbed at low rank."""
        return None if population.rank is None else self.objective.layout(population.mean)

    def describe(self) -> list[str]:
        """How a generation perturbs each parameter, a line each; nothing for populations that are not Gaussian."""
        state = jax.eval_shape(self.init, jax.random.key(0))
        population, _ = jax.eval_shape(self.ask, jax.random.key(0), state.strategy)
        if not isinstance(population, Gaussian):
            return []
        lines = []
        leaves = jax.tree_util.tree_leaves_with_path(population.mean)
        for (path, leaf), axes in zip(leaves, population.contracted, strict=True):
            how = "densely" if axes is None else f"at rank {population.rank}, as a kernel that contracts axes {axes}"
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            lines.append(f"{name} {leaf.shape}: perturbed {how}")
        return lines

    def deployed(self, state: EvolutionState) -> DeployedPolicy:
        return self.objective.deploy(self.checked.deployed(state.strategy), state.objective)
