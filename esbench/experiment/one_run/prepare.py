"""From a configuration to compiled programs: what the seeds of one algorithm on one task share."""

import functools
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from esbench import sizes
from esbench.algorithms.interface import Learner, StepMetrics
from esbench.errors import InputError, StrategyError
from esbench.experiment.one_run import compilation_cache, mesh, row_code
from esbench.experiment.options.config import RunConfig
from esbench.experiment.options.start import read_start
from esbench.jax_switches import pinned
from esbench.policies.check import check_policy
from esbench.problem import ActionMode, DeployedPolicy, Problem, is_problem
from esbench.rollout.episodes import only_where
from esbench.rollout.problem import EpisodicProblem
from esbench.tasks import registry
from esbench.tasks.registry import Task

State = Any
Slots = tuple[State, ...]
"""The state of every slot's run; of an empty slot any state."""


@dataclass(frozen=True)
class Prepared:
    """A configuration and its programs, compiled ahead of time.

    together: how many runs the programs have a slot for. init: run key -> state. step: states, bool (together,) that
    says which slots have a run -> for each slot state and metrics. evaluate: states, keys (together,), the same ->
    for each slot the deployed policy, and scores of independent samples by name, each (samples,).
    parameters: of the policy. training: names of the step's own metrics. compile_seconds: tracing and compilation of
    the programs. cache: whether they were found in the persistent cache.
    problem, state, start, acts, numbers: what `reuse` needs. The shapes of a state; `init`, with the budget, float32
    (), after the key, and whether what is deployed acts greedily, bool (), both with the algorithm's numbers before the
    key; these numbers, None where they are constants in the programs.
    """

    config: RunConfig
    problem: Problem
    sizes: sizes.Sizes
    together: int
    start: Callable[[Any, jax.Array, jax.Array], State]
    acts: Callable[[Any, jax.Array], jax.Array]
    numbers: Any | None
    state: State
    step: Callable[[Slots, np.ndarray], tuple[tuple[State, StepMetrics], ...]]
    evaluate: Callable[[Slots, jax.Array, np.ndarray], tuple[tuple[DeployedPolicy, dict[str, jax.Array]], ...]]
    parameters: int
    training: tuple[str, ...]
    compile_seconds: float
    cache: compilation_cache.Status

    def init(self, key: jax.Array) -> State:
        return self.start(self.numbers, key, jnp.float32(self.config.budget))

    @functools.cached_property
    def action_mode(self) -> ActionMode:
        """How the policy acts when it is scored, whatever the seed."""
        return "greedy" if self.acts(self.numbers, jax.random.key(0)) else "sample"

    @functools.cached_property
    def only_init_reads_numbers(self) -> bool:
        """Whether the algorithm's numbers reach `step` and `evaluate` through the state alone. It is seen where these
        are traced with numbers that have no values: they are used nowhere, and Python asks for none."""

        def after_init(algorithm, state):
            learner = algorithm.bind(self.problem)
            return learner.step(state), learner.deployed(state)

        with self.config.options.arithmetic(), mesh.ambient(self.sizes.devices):
            try:
                traced = jax.make_jaxpr(after_init)(self.numbers, self.state).jaxpr
            except Exception:  # of the algorithm's own, or JAX's where a value is asked for
                return False
        inputs = traced.invars[: len(jax.tree.leaves(self.numbers))]
        used = [variable for equation in traced.eqns for variable in equation.invars] + list(traced.outvars)
        return not {id(variable) for variable in inputs} & {id(variable) for variable in used}


def make_problem(config: RunConfig) -> Problem:
    """The problem of a configuration: the task's environment and the policy for it, or the task's own.

    InputError where the task's suite is not installed, the devices are not there, or task, network and start do not
    fit.
    """
    resolved = sizes.resolve(config.sizes)
    mesh.claim(resolved.devices)
    made = registry.made(config.task, **config.problem)
    if config.network is None:
        if not is_problem(made):
            raise InputError(f"{config.task.spec.id} is of the track {config.task.spec.track}: expected a Problem")
        return made
    if is_problem(made):
        raise InputError(f"{config.task.spec.id} is a Problem: expected a spec of another track than rl")
    policy = config.network.bind(made.observation_space, made.action_space)
    check_policy(policy, made.observation_space, made.action_space)
    problem, options = EpisodicProblem(made, policy, resolved, attempts=config.task.spec.attempts), config.options
    if options.start is None:
        return problem
    assert options.start_sha256 is not None  # filled in by `resolve`
    return replace(problem, start=read_start(options.start, options.start_sha256, problem))


@contextmanager
def _blaming(task: Task) -> Generator[None]:
    """Inside, what the code of a user's problem raises becomes one line, an InputError."""
    try:
        yield
    except (InputError, StrategyError):
        raise
    except Exception as error:
        if task.spec.is_environment:
            raise
        # JAX's own messages go on for paragraphs.
        text = str(error).partition("\n")[0]
        raise InputError(f"{task.spec.source_id}: {type(error).__name__}: {text}") from error


def bind(config: RunConfig, problem: Problem) -> Learner:
    """The learner of a configuration; InputError where algorithm and problem do not fit."""
    with _blaming(config.task):
        return config.algorithm.bind(problem)


def as_scored(deployed: DeployedPolicy, task: Task) -> DeployedPolicy:
    """What an algorithm deploys, in the action mode that the task fixes, where it does."""
    mode = task.spec.action_mode
    return deployed if mode is None else deployed.replace(action_mode=mode)


def first_state(learner: Learner, key: jax.Array, budget: jax.Array) -> State:
    """Of a run of so many useful steps, float32 ()."""
    return within(learner, learner.init(key), budget)


def within(learner: Learner, state: State, budget: jax.Array) -> State:
    """The state of a run of so many useful steps, float32 (): a learner with schedules is told of them."""
    own = getattr(learner, "within", None)
    return own(state, budget) if callable(own) else state


def _check_scores(task: Task, samples: int, scores: dict[str, jax.ShapeDtypeStruct]) -> None:
    """InputError where an evaluation lacks the task's measure, or gives something else than a number a sample."""
    measure = task.spec.measure.name
    if not isinstance(scores, dict) or measure not in scores:
        found = ", ".join(scores) if isinstance(scores, dict) else type(scores).__name__
        raise InputError(f"{task.spec.id}: its evaluation gives {found}: expected its measure {measure!r} by name")
    for name, values in scores.items():
        if values.shape != (samples,):
            raise InputError(
                f"{task.spec.id}: its evaluation gives {name!r} of shape {values.shape}: expected ({samples},), a "
                f"number for each {task.spec.measure.sample}"
            )


def _in_slots(one: Callable[..., Any], together: int, in_turn: bool = False) -> Callable[..., tuple[Any, ...]]:
    """`one`, of a run's state and more, for the runs of `together` slots; a slot that is not active runs no episodes.

    A run alone has no axis of runs. in_turn: one run after the other, with the bits that each has alone.
    """

    def alone(states: Slots, *more: jax.Array) -> tuple[Any, ...]:
        *arguments, _ = more
        return (one(states[0], *(argument[0] for argument in arguments)),)

    def masked(state: State, *more: jax.Array) -> Any:
        *arguments, active = more
        with only_where(active):
            return one(state, *arguments)

    def side_by_side(states: Slots, *more: jax.Array) -> tuple[Any, ...]:
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        if in_turn:
            results = jax.lax.map(lambda slot: masked(*slot), (stacked, *more))
        else:
            results = jax.vmap(masked)(stacked, *more)
        return tuple(jax.tree.map(lambda leaf, slot=slot: leaf[slot], results) for slot in range(together))

    return alone if together == 1 else side_by_side


def prepare(config: RunConfig, problem: Problem, learner: Learner, together: int = 1) -> Prepared:
    """Compiles what the runs of `config` need, `together` of them side by side; nothing is written, the compilation
    cache apart.

    InputError, before anything is compiled, where the problem's evaluation is not what the task says.
    """
    key, budget = jax.random.key(0), jnp.float32(config.budget)
    resolved = sizes.resolve(config.sizes)

    def bound(numbers):
        return learner if numbers is None else numbers.bind(problem)

    def start(numbers, key, budget):
        return first_state(bound(numbers), key, budget)

    def acts(numbers, key):
        learner = bound(numbers)
        return as_scored(learner.deployed(learner.init(key)), config.task).greedy

    def score(state, key):
        deployed = as_scored(learner.deployed(state), config.task)
        return deployed, problem.evaluate(deployed, key, config.samples)

    numbers = _numbers(config.algorithm)
    everywhere = mesh.replicated(resolved.devices)
    jit = functools.partial(jax.jit, in_shardings=everywhere, out_shardings=everywhere)
    with (
        compilation_cache.watch() as use,
        config.options.arithmetic(),
        mesh.ambient(resolved.devices),
    ):
        begun = time.perf_counter()
        with _blaming(config.task):
            try:
                init = jit(start).trace(numbers, key, budget)
            except (jax.errors.ConcretizationTypeError, StrategyError):  # Python may have asked for a number's value
                numbers = None
                init = jit(start).trace(numbers, key, budget)
            acting = jit(_without_the_rest(acts, numbers, key)).trace(numbers, key)
            state = init.out_info
            slots, keys, active = (state,) * together, jax.random.split(key, together), jnp.ones(together, bool)
            # The state is not donated: while a step runs, the one before is there to be saved.
            step = jit(_in_slots(learner.step, together)).trace(slots, active)
            # Products with kernels that nothing perturbs have other last bits in a batch. A CPU is as fast in turn.
            in_turn = jax.default_backend() == "cpu"
            scoring = jit(_in_slots(score, together, in_turn)).trace(slots, keys, active)
        deployed, scores = scoring.out_info[0]
        _check_scores(config.task, config.samples, scores)
        programs = [traced.lower() for traced in (init, acting, step, scoring)]
        # XLA compiles outside Python's lock, each program mostly on one core: side by side they take less time.
        compiled = pinned()(lambda program: program.compile())  # switches are a thread's own
        with ThreadPoolExecutor(len(programs)) as pool:
            compiled_start, compiled_acts, compiled_step, compiled_score = pool.map(compiled, programs)
        compile_seconds = time.perf_counter() - begun

    _, metrics = step.out_info[0]
    return Prepared(
        config=config,
        problem=problem,
        sizes=resolved,
        together=together,
        start=compiled_start,
        acts=compiled_acts,
        numbers=numbers,
        state=state,
        step=compiled_step,
        evaluate=compiled_score,
        parameters=sum(leaf.size for leaf in jax.tree.leaves(deployed.params)),
        training=tuple(metrics.training),
        compile_seconds=compile_seconds,
        cache=use.status,
    )


@pinned()
def reuse(prepared: Prepared, config: RunConfig) -> Prepared | None:
    """The programs of `prepared` for a configuration of the same task and sizes that differs in its numbers, budget
    or name only: nothing is compiled. None where its programs are others; InputError where the problem has no use for
    its settings."""
    before = prepared.config
    same = ("algorithm_name", "network", "problem")
    if any(getattr(before, name) != getattr(config, name) for name in same):
        return None
    if before.options.of_programs != config.options.of_programs:
        return None
    if before.task.spec != config.task.spec:  # a file that the task is made of was edited since
        return None
    codes = [row_code.plugins(one.algorithm, one.task, one.network) for one in (before, config)]
    if codes[0] != codes[1]:  # a file was edited since
        return None
    if before.settings == config.settings:
        return replace(prepared, config=config)
    numbers = _numbers(config.algorithm)
    if prepared.numbers is None or numbers is None or not prepared.only_init_reads_numbers:
        return None
    if jax.tree.structure(config.algorithm) != jax.tree.structure(before.algorithm):
        return None
    bind(config, prepared.problem)  # which checks its values
    return replace(prepared, config=config, numbers=numbers)


def _without_the_rest(function: Callable[..., jax.Array], *arguments: Any) -> Callable[..., jax.Array]:
    """`function` of arguments such as these, without the steps that its result does not need. JAX by itself keeps those
    with an effect, and one of them may reset environments."""
    traced = jax.make_jaxpr(function)(*arguments)
    needed, equations = {id(variable) for variable in traced.jaxpr.outvars}, []
    for equation in reversed(traced.eqns):
        if needed & {id(variable) for variable in equation.outvars}:
            needed |= {id(variable) for variable in equation.invars}
            equations.append(equation)
    left = jaxpr_as_fun(ClosedJaxpr(traced.jaxpr.replace(eqns=equations[::-1]), traced.consts))
    return lambda *arguments: left(*jax.tree.leaves(arguments))[0]


def _numbers(algorithm: Any) -> Any | None:
    """`algorithm` with its numbers as arrays, to be an input of the program and no constant in it: then other numbers
    are the same program. None where it is no pytree of numbers."""
    leaves = jax.tree.leaves(algorithm)
    if not all(isinstance(leaf, float | int | np.ndarray | jax.Array) for leaf in leaves):
        return None
    # By way of NumPy: a Python float would be weakly typed, and the state's types would follow it.
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), algorithm)
