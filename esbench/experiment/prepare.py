"""From a configuration to compiled programs: what the seeds of one algorithm on one task share."""

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
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
    problem, state, start: what `reuse` needs; the shapes of a state, and `init` with the algorithm's numbers as its
    first argument, None where they are constants in the program.
    """

    config: RunConfig
    problem: Problem
    sizes: sizes.Sizes
    start: Callable[[Any, jax.Array], State] | None
    state: State
    init: Callable[[jax.Array], State]
    step: Callable[[State], tuple[State, StepMetrics]]
    evaluate: Callable[[State, jax.Array], tuple[DeployedPolicy, jax.Array, jax.Array]]
    action_mode: ActionMode
    parameters: int
    training: tuple[str, ...]
    compile_seconds: float
    cache: compilation_cache.Status

    @functools.cached_property
    def only_init_reads_numbers(self) -> bool:
        """Whether the algorithm's numbers reach `step` and `evaluate` through the state alone. It is seen where these
        are traced with numbers that have no values: they are used nowhere, and Python asks for none."""
        numbers = _numbers(self.config.algorithm)

        def after_init(algorithm, state):
            learner = algorithm.bind(self.problem)
            return learner.step(state), learner.deployed(state)

        with jax.default_matmul_precision(self.config.precision), devices.ambient(self.sizes.devices):
            try:
                traced = jax.make_jaxpr(after_init)(numbers, self.state).jaxpr
            except Exception:  # of the algorithm's own, or JAX's where a value is asked for
                return False
        inputs = traced.invars[: len(jax.tree.leaves(numbers))]
        used = [variable for equation in traced.eqns for variable in equation.invars] + list(traced.outvars)
        return not {id(variable) for variable in inputs} & {id(variable) for variable in used}


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
        problem=problem,
        sizes=problem.sizes,
        start=None if numbers is None else compiled_init,
        state=state,
        init=compiled_init if numbers is None else functools.partial(compiled_init, numbers),
        step=compiled_step,
        evaluate=compiled_score,
        action_mode=deployed.action_mode,
        parameters=sum(leaf.size for leaf in jax.tree.leaves(deployed.params)),
        training=tuple(metrics.training),
        compile_seconds=compile_seconds,
        cache=use.status,
    )


def reuse(prepared: Prepared, config: RunConfig) -> Prepared | None:
    """The programs of `prepared` for a configuration of the same task and sizes that differs in its numbers, budget
    or name only: nothing is compiled. None where its programs are others."""
    before = prepared.config
    if any(getattr(before, name) != getattr(config, name) for name in ("algorithm_name", "policy", "precision")):
        return None
    if before.episodes != config.episodes:
        return None
    if before.settings == config.settings:
        return replace(prepared, config=config)
    numbers = _numbers(config.algorithm)
    if prepared.start is None or numbers is None or not prepared.only_init_reads_numbers:
        return None
    if jax.tree.structure(config.algorithm) != jax.tree.structure(before.algorithm):
        return None
    return replace(prepared, config=config, init=functools.partial(prepared.start, numbers))


def _numbers(algorithm: Any) -> Any | None:
    """`algorithm` with its numbers as arrays, to be an input of the program and no constant in it: then other numbers
    are the same program. None where it is no pytree of numbers."""
    leaves = jax.tree.leaves(algorithm)
    if not all(isinstance(leaf, float | int | np.ndarray | jax.Array) for leaf in leaves):
        return None
    # By way of NumPy: a Python float would be weakly typed, and the state's types would follow it.
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), algorithm)
