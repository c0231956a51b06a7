"""Training in memory: what a notebook calls. Nothing is written anywhere.

result = esbench.train("CartPole-v1", EGGROLL(pop_size=512), steps=500_000, seeds=range(5))
result.to_frame()                    # the learning curves, one row an evaluation
policy = result.policies[0]          # what seed 0 trained

learner = esbench.learner("CartPole-v1", EGGROLL(pop_size=512))
states = jax.vmap(learner.init)(jax.numpy.arange(3))     # three seeds
states, metrics = jax.jit(jax.vmap(learner.step))(states)
"""

import copy
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from esbench.algorithms.evolution import EvolutionAlgorithm
from esbench.algorithms.interface import Learner, StepMetrics
from esbench.errors import InputError, unknown
from esbench.experiment.one_run.prepare import Prepared, as_scored, bind, first_state, make_problem, prepare, within
from esbench.experiment.one_run.resume import other_settings
from esbench.experiment.one_run.run import announce
from esbench.experiment.one_run.side_by_side import raise_first, step, write_rows
from esbench.experiment.one_run.training import Clocks, Counts, Training, manifest
from esbench.experiment.options.config import MAX_SEED, RunConfig, resolve
from esbench.experiment.options.run_options import RunOptions, takes
from esbench.experiment.terminal.progress import Progress, Silent
from esbench.experiment.terminal.progress import progress as reporter_of
from esbench.jax_switches import pinned
from esbench.keys import evaluation_key
from esbench.policies.check import check_policy
from esbench.problem import DeployedPolicy, Problem
from esbench.results.load import columns, results_of
from esbench.results.records import Manifest, Row
from esbench.results.score_rule import share_of
from esbench.results.trained_policy import TrainedPolicy, load_policy
from esbench.results.trained_text import TrainedText
from esbench.results.untrained import untrained
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import field_names, number_names, whole
from esbench.sizes import resolve as resolve_sizes
from esbench.tasks import registry
from esbench.tasks.registry import Task
from esbench.tasks.tiers import EPISODES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

State = Any


@dataclass
class TrainedRun:
    """One seed in memory, as far as it came: what a run directory would hold, and the state to go on from.

    deployed: what was scored last, while it can be the score; of an interrupted run, of its state. state: the
    learner's. counts: steps since the start.
    """

    manifest: Manifest
    rows: list[Row] = field(default_factory=list)
    deployed: DeployedPolicy | None = None
    state: State = None
    counts: Counts = field(default_factory=Counts)
    clocks: Clocks = field(default_factory=Clocks)
    path: Path | None = None
    cut_off: bool = False

    @property
    def finished(self) -> bool:
        """Whether the run has its score."""
        return self.score is not None

    @property
    def score(self) -> Row | None:
        """The row that is the run's score, None while there is none."""
        return next((row for row in self.rows if row.final), None)

    def append(self, row: Row) -> None:
        self.rows.append(row)

    def replace(self, rows: list[Row]) -> None:
        self.rows = list(rows)

    def save_policy(self, deployed: DeployedPolicy) -> None:
        self.deployed = deployed


@dataclass(frozen=True, repr=False)
class TrainResult:
    """What `train` gives.

    Attributes:
        config: the options, resolved.
        problem: what was trained on.
        runs: one a seed, in order.
        interrupted: whether it was stopped (Ctrl-C) before its end; `runs` then has what was reached.
    """

    config: RunConfig
    problem: Problem
    runs: list[TrainedRun]
    interrupted: bool = False

    def to_frame(self) -> "pd.DataFrame":
        """The learning curves: one row an evaluation, with the columns of `load_results`."""
        return results_of(self.runs)

    @property
    def states(self) -> dict[int, State]:
        """The learner's state by seed."""
        return {run.manifest.seed: run.state for run in self.runs}

    @property
    def policies(self) -> dict[int, Any]:
        """What each seed deploys: a policy to call with observations; of a problem that is no environment, the
        DeployedPolicy itself."""
        found: dict[int, Any] = {}
        for run in self.runs:
            if run.deployed is not None:
                acts = isinstance(self.problem, EpisodicProblem)
                found[run.manifest.seed] = _acting(self.problem, run.deployed) if acts else run.deployed
        return found

    def plot(self) -> "Figure":
        """The learning curves: a line a seed, the mean over seeds on top."""
        from esbench.report.figures.seeds import draw_seeds

        return draw_seeds(self.to_frame(), self.config.task.spec)

    def __repr__(self) -> str:
        spec, last = self.config.task.spec, [run.score or run.rows[-1] for run in self.runs if run.rows]
        values = ", ".join(f"{row.value:.4g}" for row in last)
        at = max((row.useful_steps for row in last), default=0)
        reached = max((run.counts.useful_steps for run in self.runs), default=0)
        state = f", interrupted at {reached:,}" if self.interrupted else ""
        first = f"{said}: " if (said := self._untrained()) else ""
        return f"<{self.config.label}: {first}{spec.measure.title} {values} at {at:,} {spec.cost_word}{state}>"

    def _untrained(self) -> str:
        """Of the first seed whose score is the untrained policy's."""
        word = self.config.task.spec.cost_word
        return next((said for run in self.runs if (said := untrained(run.rows, word))), "")

    def _repr_html_(self) -> str:
        table = self.to_frame()
        last = table.groupby("seed", as_index=False).last()
        shown = last[["task", "algorithm", "seed", "useful_steps", "value", "train_seconds"]].to_html(index=False)
        return f"<p>{said}</p>{shown}" if (said := self._untrained()) else shown


@pinned()
@takes(RunOptions)
def train(
    task: Any,
    algorithm: Any,
    *,
    seeds: int | Iterable[int] | None = None,
    start: TrainResult | str | PathLike[str] | None = None,
    callback: Callable[[dict[str, Any]], Any] | None = None,
    progress: bool = True,
    **options: Any,
) -> TrainResult:
    """Trains `algorithm` on `task`, one seed after the other with one compilation; nothing is written.

    Without an earlier result, rows are those of `esbench.run`: the same seed gives the same rows, except for the
    clocks. Ctrl-C ends it early, with what was reached.

    Args:
        task: a name as on the command line, or an object; a class typed into a notebook cell is one.
        algorithm: a name or an object, as `task`.
        seeds: one, or several. 0 where None.
        start: an earlier result of the same settings, to be continued to a larger budget. Its seeds reach
            the states of one longer run. New rows are at the shares of the larger budget. Or a policy file to begin
            from, as on the command line.
        callback: called with every row, a dictionary with the columns of `load_results`.
        progress: show the progress, on standard error.
        **options: those of the command line, fields of `RunOptions`. An object brings its settings; `settings`
            (`--set`) replaces some.

    Returns:
        The curves, the policies and the states of all seeds.

    Raises:
        InputError: before anything is compiled, for what cannot be run.
        StrategyError: where an algorithm breaks its contract.
    """
    if isinstance(start, str | PathLike):
        start, options["start"] = None, fspath(start)
    config = resolve(task, algorithm, **options)
    if callback is not None and not callable(callback):
        raise InputError(f"callback {callback!r}: expected a function of a row")
    if start is None:
        chosen = _seeds(0 if seeds is None else seeds)
    elif seeds is not None:
        raise InputError(f"seeds {seeds!r}: start brings its seeds; expected one of the two")
    else:
        _check_start(start, config)
        chosen = [run.manifest.seed for run in start.runs]
    reporter: Progress = reporter_of(sys.stderr) if progress else Silent()
    problem, learner = announce(config, reporter)
    runs: list[TrainedRun] = []
    interrupted = False
    try:
        prepared = prepare(config, problem, learner)
        for number, seed in enumerate(chosen):
            run = TrainedRun(manifest(prepared, seed))
            runs.append(run)
            before = None if start is None else start.runs[number]
            _train(prepared, learner, seed, run, before, callback, reporter)
    except KeyboardInterrupt:
        interrupted = True
        reporter.message("interrupted: the result has what was reached")
    return TrainResult(config, problem, runs, interrupted)


def _train(
    prepared: Prepared,
    learner: Learner,
    seed: int,
    run: TrainedRun,
    start: TrainedRun | None,
    callback: Callable[[dict[str, Any]], Any] | None,
    reporter: Progress,
) -> None:
    config = prepared.config
    training = Training(prepared, seed, run, reporter)
    if start is not None:
        run.rows = [row.model_copy(update={"final": False}) for row in start.rows]
        run.deployed = _deployed(prepared, start.state)
        reached = share_of(start.counts.useful_steps, config.budget)
        state = within(learner, start.state, jax.numpy.float32(config.budget))
        training.go_on(state, start.counts, reached, training.metrics, asdict(start.clocks))

    def mark() -> None:
        run.state, run.counts, run.clocks = training.state, training.counts, training.clocks

    def row() -> None:
        if training.is_due:
            raise_first(write_rows([training]))
            if callback is not None:
                callback(columns(run, run.rows[-1]))

    reporter.start(f"{config.label} seed {seed}", config.budget, config.task.spec.cost_word)
    mark()
    try:
        row()
        while not training.done:
            raise_first(step([training]))
            mark()
            row()
    except KeyboardInterrupt:
        run.deployed = _deployed(prepared, run.state)
        raise
    finally:
        reporter.stop()


def _deployed(prepared: Prepared, state: State) -> DeployedPolicy:
    """What the state deploys; the program that evaluates gives it."""
    return prepared.evaluate((state,), jax.random.key(0)[None], np.ones(1, bool))[0][0]


def _acting(problem: EpisodicProblem, deployed: DeployedPolicy) -> TrainedPolicy:
    return TrainedPolicy(deployed, problem.policy, problem.environment.observation_space)


def _seeds(seeds: int | Iterable[int]) -> list[int]:
    one = not isinstance(seeds, Iterable) or isinstance(seeds, str | bytes | Mapping) or getattr(seeds, "ndim", 1) == 0
    given: list[Any] = [seeds] if one else list(seeds)
    if not given:
        raise InputError("seeds: expected at least one")
    return list(dict.fromkeys(whole("seed", seed, most=MAX_SEED) for seed in given))


def _check_start(start: Any, config: RunConfig) -> None:
    if not isinstance(start, TrainResult):
        raise InputError(f"start: expected what esbench.train gave, not {type(start).__name__}")
    if not start.runs or any(run.state is None for run in start.runs):
        raise InputError("start was interrupted before it began: expected a result with a state of every seed")
    sizes = asdict(resolve_sizes(config.sizes))
    for run in start.runs:
        if run.manifest.sizes != sizes:
            raise InputError(f"start: sizes were {run.manifest.sizes}, are now {sizes}: expected the same")
        options = run.manifest.options.model_copy(update={"steps": config.budget, "tier": config.tier})
        before = run.manifest.model_copy(update={"options": options})
        if found := other_settings(before, config):
            raise InputError(f"start: {found[0]}: expected the settings it was trained with")
        if run.counts.useful_steps >= config.budget:
            raise InputError(
                f"start has {run.counts.useful_steps:,} {config.task.spec.cost_word} already: expected a larger steps "
                f"than {config.budget:,}"
            )


@dataclass(frozen=True)
class BoundLearner:
    """An algorithm on a problem: pure functions over a state pytree, safe under jit, vmap, grad-free scan.

    Attributes:
        config: the options, resolved.
        problem: what it trains on.
        learner: the algorithm's own Learner.
    """

    config: RunConfig
    problem: Problem
    learner: Learner

    def init(self, key: Any, **numbers: Any) -> State:
        """The first state.

        `jax.vmap(learner.init)(jnp.arange(3))` are three seeds, `jax.vmap(lambda s: learner.init(0, sigma=s))(sigmas)`
        several sigmas.

        Args:
            key: a typed PRNG key (), or a seed, int32 (); a run of `esbench` has its seed.
            **numbers: settings that only change numbers (sigma, a learning rate, a switch such as rank_transform),
                float32 () or bool () and maybe traced, in the place of the algorithm's own.
        """
        with self._computing():
            if not jax.dtypes.issubdtype(jax.numpy.asarray(key).dtype, jax.dtypes.prng_key):
                key = jax.random.key(key)
            learner = bind(self._changed(numbers), self.problem) if numbers else self.learner
            return first_state(learner, key, jax.numpy.float32(self.config.budget))

    def step(self, state: State) -> tuple[State, StepMetrics]:
        """One generation or one update: the next state, and what it cost and showed."""
        with self._computing():
            return self.learner.step(state)

    def deployed(self, state: State) -> DeployedPolicy:
        """What is scored."""
        with self._computing():
            return as_scored(self.learner.deployed(state), self.config.task)

    def evaluate(self, deployed: DeployedPolicy, key: jax.Array, size: int = EPISODES) -> dict[str, jax.Array]:
        """Scores of `size` fresh samples by name, each (size,); of an environment `return`, `length`,
        `return_greedy`, `return_sample`."""
        with self._computing():
            return self.problem.evaluate(deployed, key, size)

    @contextmanager
    def _computing(self) -> Generator[None]:
        """What a run computes under: nothing that the process has switched on changes a number."""
        with pinned(), self.config.options.arithmetic():
            yield

    def _changed(self, numbers: Mapping[str, Any]) -> RunConfig:
        algorithm = copy.copy(self.config.algorithm)
        owners: list[Any] = [algorithm]
        if isinstance(algorithm, EvolutionAlgorithm):
            owners = [copy.copy(algorithm.strategy), copy.copy(algorithm.evolution)]
            algorithm = EvolutionAlgorithm(*owners)
        known = {}
        for owner in owners:
            floats = {name for name in field_names(type(owner)) if isinstance(getattr(owner, name), float)}
            known |= dict.fromkeys(floats | number_names(owner), owner)
        for name, value in numbers.items():
            if name not in known:
                raise unknown(f"number of {self.config.algorithm_name}", name, sorted(known))
            if np.shape(value) != () or not isinstance(value, float | int | np.generic | np.ndarray | jax.Array):
                raise InputError(f"{name} = {value!r}: expected a number")
            object.__setattr__(known[name], name, value)  # not checked: it may be traced
        return replace(self.config, algorithm=algorithm)


@pinned()
@takes(RunOptions)
def learner(task: Any, algorithm: Any, **options: Any) -> BoundLearner:
    """`algorithm` on `task` as pure functions: `init`, `step`, `deployed`, `evaluate`.

    Args:
        task: as `train` takes it.
        algorithm: as `train` takes it.
        **options: fields of `RunOptions`.

    Raises:
        InputError: for what cannot be run.
    """
    config = resolve(task, algorithm, **options)
    problem = make_problem(config)
    return BoundLearner(config, problem, bind(config, problem))


@pinned()
def evaluate(task: Any, policy: Any, *, episodes: int = EPISODES, seed: int = 0) -> dict[str, np.ndarray]:
    """Scores of what was trained, on fresh samples of `task`.

    Args:
        task: as `train` takes it.
        policy: of `load_policy` or of a `TrainResult`, or a run's directory; of a problem that is no environment, the
            DeployedPolicy of a `TrainResult`, of a text also what `load_policy` gives.
        episodes: how many samples.
        seed: the same one gives every policy the same samples, those of a run's first evaluation with it.

    Returns:
        Scores by name, each (episodes,). Of an environment they are `return` and `length` as the policy acts when it
            is scored, `return_greedy` and `return_sample` in each action mode, and what else is scored of the task.

    Raises:
        InputError: where policy and task do not fit.
    """
    found = registry.task(task)
    episodes, seed = whole("episodes", episodes, least=1), whole("seed", seed, most=MAX_SEED)
    if found.spec.is_environment:
        problem, deployed = _problem_of(found, policy)
    elif isinstance(policy, TrainedText):
        problem, deployed = policy.problem, policy.deployed
    elif isinstance(policy, DeployedPolicy):
        problem, deployed = registry.made(found, **found.defaults), policy
    else:
        raise InputError(f"policy {policy!r}: expected the DeployedPolicy that a result has for {found.spec.id}")
    with RunOptions().arithmetic():
        program = jax.jit(lambda deployed, key: problem.evaluate(deployed, key, episodes))
        scores = program(deployed, evaluation_key(found.spec.id, seed, 0))
    return {name: np.asarray(values) for name, values in scores.items()}


def _problem_of(task: Task, policy: Any) -> tuple[EpisodicProblem, DeployedPolicy]:
    """The task's environment with a trained policy."""
    if not isinstance(policy, TrainedPolicy | str | PathLike):
        raise InputError(f"policy {policy!r}: expected what load_policy or train gives, or a run's directory")
    trained = policy if isinstance(policy, TrainedPolicy) else load_policy(policy)
    if isinstance(trained, TrainedText):
        raise InputError(f"policy {policy!r} is a language model: expected a policy for {task.spec.id}")
    environment = registry.environment_of(task)
    check_policy(trained.policy, environment.observation_space, environment.action_space)
    if trained.observation_space.shape != environment.observation_space.shape:
        one, other = trained.observation_space.shape, environment.observation_space.shape
        raise InputError(f"the policy reads observations of shape {one}: {task.spec.id} has {other}")
    return EpisodicProblem(
        environment, trained.policy, resolve_sizes({}), attempts=task.spec.attempts
    ), trained.deployed
