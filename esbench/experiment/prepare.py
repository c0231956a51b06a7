"""From a configuration to compiled programs: what the seeds of one algorithm on one task share."""

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from esbench import sizes
from esbench.algorithms.interface import Learner, StepMetrics
from esbench.experiment import compilation_cache, devices
from esbench.experiment.config import RunConfig
from esbench.problem import ActionMode, DeployedPolicy, Problem
from esbench.rollout.evaluation import evaluate
from esbench.tasks import registry

State = Any


@dataclass(frozen=True)
class Prepared:
    """A configuration and its programs, compiled ahead of time.

    init: run key -> state. step: state -> state, metrics. evaluate: state, key -> the deployed policy, returns float32
    (2, episodes) and lengths int32 (2, episodes), greedy first.
    parameters: of the policy. training: names of the step's own metrics. compile_seconds: tracing and compilation of
    the three programs. cache: whether they were found in the persistent cache.
    """

    config: RunConfig
    sizes: sizes.Sizes
    init: Callable[[jax.Array], State]
    step: Callable[[State], tuple[State, StepMetrics]]
    evaluate: Callable[[State, jax.Array], tuple[DeployedPolicy, jax.Array, jax.Array]]
    action_mode: ActionMode
    parameters: int
    training: tuple[str, ...]
    compile_seconds: float
    cache: compilation_cache.Status


def make_problem(config: RunConfig) -> Problem:
    """The environment and the policy of a configuration.

    InputError where the task's suite is not installed, or the devices are not there.
    """
    resolved = sizes.resolve(config.sizes)
    devices.claim(resolved.devices)
    environment = registry.environment_of(config.task)
    policy = config.policy.for_actions(environment.action_space)
    return Problem(environment, policy, resolved)  # ty: ignore[invalid-argument-type] Flax types init and apply loosely


def prepare(config: RunConfig, problem: Problem, learner: Learner) -> Prepared:
    """Compiles what the runs of `config` need; nothing is written, the compilation cache apart."""
    key = jax.random.key(0)

    def score(state, key):
        deployed = learner.deployed(state)
        return deployed, *evaluate(problem, deployed, key, config.episodes)

    numbers = _numbers(config.algorithm)
    everywhere = devices.replicated(problem.sizes.devices)
    jit = functools.partial(jax.jit, in_shardings=everywhere, out_shardings=everywhere)
    with (
        compilation_cache.watch() as use,
        jax.default_matmul_precision(config.precision),
        devices.ambient(problem.sizes.devices),
    ):
        start = time.perf_counter()
        if numbers is None:
            init = jit(learner.init).trace(key)
        else:
            init = jit(lambda algorithm, key: algorithm.bind(problem).init(key)).trace(numbers, key)
        state = init.out_info
        # The state is not donated: while a step runs, the one before is there to be saved.
        step = jit(learner.step).trace(state)
        scoring = jit(score).trace(state, key)
        programs = [traced.lower() for traced in (init, step, scoring)]
        # XLA compiles outside Python's lock, each program mostly on one core: side by side they take less time.
        with ThreadPoolExecutor(len(programs)) as pool:
            compiled_init, compiled_step, compiled_score = pool.map(lambda program: program.compile(), programs)
        compile_seconds = time.perf_counter() - start

    _, metrics = step.out_info
    deployed, _, _ = scoring.out_info
    return Prepared(
        config=config,
        sizes=problem.sizes,
        init=compiled_init if numbers is None else lambda key: compiled_init(numbers, key),
        step=compiled_step,
        evaluate=compiled_score,
        action_mode=deployed.action_mode,
        parameters=sum(leaf.size for leaf in jax.tree.leaves(deployed.params)),
        training=tuple(metrics.training),
        compile_seconds=compile_seconds,
        cache=use.status,
    )


def _numbers(algorithm: Any) -> Any | None:
    """`algorithm` with its numbers as arrays, to be an input of the program and no constant in it: then other numbers
    are the same program. None where it is no pytree of numbers."""
    leaves = jax.tree.leaves(algorithm)
    if not all(isinstance(leaf, float | int | np.ndarray | jax.Array) for leaf in leaves):
        return None
    # By way of NumPy: a Python float would be weakly typed, and the state's types would follow it.
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), algorithm)
