"""What a run would be, without compiling or running anything."""

import math
from dataclasses import asdict

import jax
import jax.numpy as jnp

from esbench import sizes
from esbench.algorithms.evolution import EvolutionLoop
from esbench.experiment.one_run.prepare import bind, make_problem
from esbench.experiment.options.config import RunConfig
from esbench.jax_switches import pinned
from esbench.population.members import own_parts
from esbench.problem import Problem
from esbench.rollout.problem import EpisodicProblem
from esbench.text.objective import ROWS
from esbench.text.problem import LanguageModel


@pinned()
def plan(config: RunConfig, seed: int) -> list[tuple[str, str]]:
    """(name, text) of everything that is resolved before a run starts."""
    problem = make_problem(config)
    resolved = sizes.resolve(config.sizes)
    key = jax.random.key(0)
    spec, cost = config.task.spec, config.step_cost
    parameters = jax.eval_shape(problem.init_params, key)
    lines = [
        ("task", f"{spec.id} ({spec.requires or spec.suite})"),
        ("algorithm", config.algorithm_name),
        ("tier", f"{config.tier}, preset {config.options.preset}"),
        ("budget", f"{config.budget:,} {spec.cost_word}"),
        *((f"  {name}", str(value)) for name, value in config.settings.items()),
        *((f"  {name}", str(value)) for name, value in config.problem.items()),
        *(("policy" if name == "name" else f"  {name}", str(value)) for name, value in config.policy.items()),
        *(
            []
            if config.options.start is None
            else [("start", f"{config.options.start}, sha256 {config.options.start_sha256}")]
        ),
        ("sizes", ", ".join(f"{name} {value}" for name, value in asdict(resolved).items())),
        ("parameters", f"{sum(leaf.size for leaf in jax.tree.leaves(parameters)):,}"),
        *_lanes(problem, resolved),
        *_memory(config, problem),
        *config.options.numeric.items(),
        ("directory", str(config.path(seed))),
        *(("warning", text) for text in config.warnings()),
    ]
    if cost is not None:
        word = spec.cost_word
        exact, bounds = f"{cost.fewest:,} {word}", f"{cost.fewest:,} episodes, at most {cost.most:,} {word}"
        lines.insert(4, ("generation", exact if cost.fewest == cost.most else bounds))
    return lines


def _lanes(problem: Problem, resolved: sizes.Sizes) -> list[tuple[str, str]]:
    """What the episodes side by side take; empty for a problem without episodes."""
    if not isinstance(problem, EpisodicProblem):
        return []
    episode = jax.eval_shape(problem.environment.reset, jax.random.key(0))
    memory = resolved.lanes * _bytes(episode) / 2**20
    return [("lanes", f"{memory:.3g} MiB for {resolved.lanes} episodes' states")]


def _memory(config: RunConfig, problem: Problem) -> list[tuple[str, str]]:
    """What training on a text keeps, and what the members that read side by side have of their own."""
    if not isinstance(problem, LanguageModel):
        return []
    learner, key = bind(config, problem), jax.random.key(0)
    state = jax.eval_shape(learner.init, key)
    found = f"{_bytes(state) / 2**20:,.4g} MiB of state, twice while a step is taken"
    if isinstance(learner, EvolutionLoop):
        population, _ = jax.eval_shape(learner.ask, key, state.strategy)
        own = jax.eval_shape(lambda population: own_parts(population, jnp.int32(0)), population)
        rows = min(ROWS, population.size)
        found += f"; {rows * _bytes(own) / 2**20:,.4g} MiB of noise for {rows} members at a time"
    return [("memory", found)]


def _bytes(tree) -> int:
    def size(leaf) -> int:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.eval_shape(jax.random.key_data, leaf)
        return math.prod(leaf.shape) * leaf.dtype.itemsize

    return sum(size(leaf) for leaf in jax.tree.leaves(tree))
