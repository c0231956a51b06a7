"""The loop that every evolution strategy runs in: ask, evaluate, tell."""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from esbench.algorithms.contract import CheckedStrategy
from esbench.algorithms.interface import StepCost, StepMetrics, Strategy
from esbench.algorithms.shaping import finite, within_groups
from esbench.errors import InputError
from esbench.keys import stream
from esbench.population.gaussian import Gaussian
from esbench.population.interface import Population
from esbench.population.low_rank import Layout
from esbench.population.objective import Objective
from esbench.problem import DeployedPolicy, Evolution, Problem
from esbench.tasks.spec import TaskSpec


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EvolutionAlgorithm:
    """A strategy and how it meets a problem, as the runner drives it."""

    strategy: Strategy
    evolution: Evolution = field(default_factory=Evolution)

    def bind(self, problem: Problem) -> "EvolutionLoop":
        check = getattr(self.strategy, "check", None)
        if callable(check):
            check(jax.eval_shape(problem.init_params, jax.random.key(0)))
        loop = EvolutionLoop(self.strategy, problem.objective(self.evolution))
        loop.check_pairs()
        return loop

    def step_cost(self, spec: TaskSpec, problem: Mapping[str, Any]) -> StepCost | None:
        """Of a generation: evaluations of all members, each within the task's bounds; on a text, their tokens."""
        factors = {"pop_size": self.strategy.pop_size}
        if spec.evaluation_cost is not None:
            factors["n_parallel_evaluations"] = self.evolution.n_parallel_evaluations
            bounds = spec.evaluation_cost
        elif "tokens" in problem:
            factors["tokens"] = problem["tokens"]
            bounds = (1, 1)
        else:
            return None
        fewest, most = (math.prod(factors.values()) * cost for cost in bounds)
        return StepCost(fewest, most, factors)


class EvolutionState(struct.PyTreeNode):
    """key: typed PRNG key () of training. generation: int32 (). spent, budget: useful steps, float32 (); a budget of
    infinity: none."""

    key: jax.Array
    generation: jax.Array
    spent: jax.Array
    budget: jax.Array
    strategy: Any
    objective: Any


@dataclass(frozen=True)
class EvolutionLoop:
    """A learner: one step is one generation of `strategy` on `objective`."""

    strategy: Strategy
    objective: Objective

    @functools.cached_property
    def checked(self) -> CheckedStrategy:
        """The strategy, its answers checked against the objective's parameters."""
        params, _ = jax.eval_shape(lambda key: self.objective.init(key, self.strategy.pop_size), jax.random.key(0))
        return CheckedStrategy(self.strategy, params)

    def check_pairs(self) -> None:
        """InputError where members come in pairs and one would be alone."""
        size = self.strategy.pop_size
        if size % 2 == 0:
            return
        state = jax.eval_shape(self.init, jax.random.key(0))
        population, _ = jax.eval_shape(self.checked.ask, jax.random.key(0), state.strategy)
        if isinstance(population, Gaussian) and population.antithetic:
            raise InputError(f"pop_size = {size}: expected an even number, members come in pairs, mean + and - noise")

    def init(self, key: jax.Array) -> EvolutionState:
        init_key = stream(key, "init")
        params, objective = self.objective.init(stream(init_key, "objective"), self.strategy.pop_size)
        strategy = self.checked.init(stream(init_key, "strategy"), params)
        return EvolutionState(
            stream(key, "train"), jnp.int32(0), jnp.float32(0), jnp.float32(jnp.inf), strategy, objective
        )

    def within(self, state: EvolutionState, budget: jax.Array) -> EvolutionState:
        """The first state of a run of so many useful steps."""
        return state.replace(budget=budget)

    def step(self, state: EvolutionState) -> tuple[EvolutionState, StepMetrics]:
        key = jax.random.fold_in(state.key, state.generation)
        population, strategy = self.ask(key, state.strategy)
        evaluation, objective = self.objective.evaluate(stream(key, "evaluate"), state.objective, population)
        fitness, nonfinite = finite(evaluation.fitness)
        known = jnp.where(nonfinite < len(fitness), fitness, jnp.nan)  # a row has no value where no member has one
        told = fitness if evaluation.group is None else within_groups(fitness, evaluation.group)
        # Under vmap (several runs in one program) an update's sums would be batched, and have other last bits.
        tell = jax.custom_batching.sequential_vmap(self.checked.tell)
        strategy = tell(stream(key, "tell"), strategy, population, told)
        spent = state.spent + evaluation.useful_steps.astype(jnp.float32).sum()
        before, after = (jnp.minimum(steps / state.budget, 1) for steps in (state.spent, spent))
        strategy = self.checked.scheduled(strategy, before, after)
        metrics = StepMetrics(
            useful_steps=evaluation.useful_steps,
            computed_steps=evaluation.computed_steps,
            sequential_steps=evaluation.sequential_steps,
            training={
                "fitness_mean": known.mean(),
                "fitness_max": known.max(),
                "nonfinite_members": nonfinite,
                **evaluation.training,
                **self.checked.metrics(strategy),
            },
            faults=self.checked.nonfinite(population, strategy),
        )
        return EvolutionState(state.key, state.generation + 1, spent, state.budget, strategy, objective), metrics

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
        for (path, leaf), axes, frozen in zip(leaves, population.contracted, population.shared, strict=True):
            how = "perturbed "
            how += "densely" if axes is None else f"at rank {population.rank}, as a kernel that contracts axes {axes}"
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            lines.append(f"{name} {leaf.shape}: {'frozen' if frozen else how}")
        return lines

    def deployed(self, state: EvolutionState) -> DeployedPolicy:
        return self.objective.deploy(self.checked.deployed(state.strategy), state.objective)
