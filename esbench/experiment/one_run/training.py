"""Training under way: the clock, the evaluations and the step counts. Algorithms see none of them.

A run ends after the first step that takes it to or past its budget. A row is written at step 0, then at the first
step boundary past each twentieth of the budget. The run's score is the last row with at most 1.02 x budget useful
steps: where the last step goes further, its row is written all the same, and the one before becomes the score. So a run
is finished exactly when it has a final row, and the deployed policy beside the rows is always that of the last row that
can be the score.

Where rows go is the caller's: to disk (`run.py`), or nowhere but memory (`in_memory.py`).
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Protocol

import jax
import numpy as np

from esbench.algorithms.interface import StepMetrics
from esbench.counts import total
from esbench.errors import StrategyError
from esbench.experiment.one_run import checkout, provenance, row_code
from esbench.experiment.one_run.prepare import Prepared, State
from esbench.experiment.terminal.progress import Progress
from esbench.keys import evaluation_key
from esbench.policies.spaces import describe_spaces
from esbench.problem import DeployedPolicy
from esbench.results.records import Manifest, Row
from esbench.results.score_rule import is_within, share_of
from esbench.rollout.problem import EpisodicProblem
from esbench.tasks.suites.gymnasium.adapter import faults

Counted = np.ndarray | jax.Array


@dataclass
class Clocks:
    """Seconds spent, read only when the device is done."""

    compile: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0
    log: float = 0.0

    @contextmanager
    def measure(self, name: str) -> Generator[None, None, None]:
        start = time.perf_counter()
        yield
        setattr(self, name, getattr(self, name) + time.perf_counter() - start)


@dataclass(frozen=True)
class Counts:
    """Steps and generations since the start, as Python integers: they never overflow."""

    generation: int = 0
    useful_steps: int = 0
    computed_steps: int = 0
    sequential_steps: int = 0

    def after(self, useful: Counted, computed: Counted, sequential: Counted) -> "Counts":
        """After one more step of the learner, from its partial counts."""
        return Counts(
            self.generation + 1,
            self.useful_steps + total(useful),
            self.computed_steps + total(computed),
            self.sequential_steps + total(sequential),
        )


class Destination(Protocol):
    """Where a run's rows and its policy go: a run directory, or memory."""

    rows: list[Row]

    def append(self, row: Row) -> None: ...
    def replace(self, rows: list[Row]) -> None: ...
    def save_policy(self, deployed: DeployedPolicy) -> None: ...


class Training:
    """A run under way: what it reached and what it spent.

    It is passive: `side_by_side` computes its steps and evaluations.

    prepared: its programs. state: the learner's. counts, clocks: totals since the start. reached: shares of the budget
    whose row is written, -1 before the first row. metrics: the last step's own.
    """

    def __init__(self, prepared: Prepared, seed: int, destination: Destination, reporter: Progress):
        self.prepared, self._seed, self._destination, self._reporter = prepared, seed, destination, reporter
        self._budget = prepared.config.budget
        self.clocks = Clocks(compile=prepared.compile_seconds)
        self.counts, self.reached = Counts(), -1
        self.metrics: dict[str, float | None] = dict.fromkeys(prepared.training)
        with self.clocks.measure("train"), faults():
            self.state = jax.block_until_ready(prepared.init(jax.random.key(seed)))

    def go_on(
        self, state: State, counts: Counts, reached: int, metrics: dict[str, float | None], spent: dict[str, float]
    ) -> None:
        """From what an earlier process reached; spent: its seconds, by clock."""
        self.state, self.counts, self.reached, self.metrics = state, counts, reached, metrics
        for name, seconds in spent.items():
            setattr(self.clocks, name, getattr(self.clocks, name) + seconds)

    @property
    def done(self) -> bool:
        """Whether the budget is used up."""
        return self.counts.useful_steps >= self._budget

    @property
    def is_due(self) -> bool:
        """Whether a row is due: a share of the budget is reached, the first one before any step."""
        return self._shares > self.reached

    @property
    def due_key(self) -> jax.Array:
        """The evaluation's key is numbered by the shares of the budget: every algorithm meets the same samples
        there."""
        return evaluation_key(self.prepared.config.task.spec.id, self._seed, self._shares)

    @property
    def _shares(self) -> int:
        return share_of(self.counts.useful_steps, self._budget)

    def stepped(self, state: State, metrics: StepMetrics) -> None:
        """Goes on to the state that a step gave. StrategyError where its metrics, which are on the host, tell of
        numbers that are not finite, or count no useful step."""
        for message, fault in metrics.faults.items():
            if fault:
                raise StrategyError(message)
        counts = self.counts.after(metrics.useful_steps, metrics.computed_steps, metrics.sequential_steps)
        if (useful := counts.useful_steps - self.counts.useful_steps) <= 0:
            counted = f"step {counts.generation} counted {useful} useful steps"
            raise StrategyError(f"{self.prepared.config.label}: {counted}: expected at least 1")
        self.state, self.counts = state, counts
        self.metrics = {name: _finite(value) for name, value in metrics.training.items()}
        self._reporter.step(counts.useful_steps)

    def evaluated(self, deployed: DeployedPolicy, scores: dict[str, jax.Array]) -> None:
        """Writes the row of an evaluation; the policy too, while the row can be the score. StrategyError where a score
        is not finite."""
        self.reached = self._shares
        destination, counts, clocks = self._destination, self.counts, self.clocks
        config = self.prepared.config
        values = {name: np.asarray(of, np.float64) for name, of in scores.items()}
        measure = config.task.spec.measure.name
        if not all(np.isfinite(of).all() for of in values.values()):
            raise StrategyError(
                f"{config.label} seed {self._seed}: a {measure} is not finite after {counts.useful_steps:,} useful "
                f"{config.task.spec.cost_word}: the policy's parameters have overflowed (a smaller learning rate or "
                "sigma helps), or the task gave a number that is not finite"
            )
        counting = is_within(counts.useful_steps, config.budget)
        row = Row(
            **asdict(counts),
            measure=measure,
            scores={name: of.mean() for name, of in values.items()},
            std=values[measure].std(),
            samples=config.samples,
            distinct_samples=_distinct(values, measure),
            compile_seconds=clocks.compile,
            train_seconds=clocks.train,
            evaluate_seconds=clocks.evaluate,
            log_seconds=clocks.log,
            final=counting and counts.useful_steps >= config.budget,
            training=self.metrics,
        )
        with clocks.measure("log"):
            if counting:
                destination.save_policy(deployed)
                destination.append(row)
            else:
                *earlier, score = destination.rows
                destination.replace([*earlier, score.model_copy(update={"final": True}), row])
        self._reporter.row(row)


def _distinct(scores: dict[str, np.ndarray], measure: str) -> int:
    """How many samples differ in the measure or in what was counted beside it; variants of the measure, such as the
    other action mode's or `pass@8`, are of other trials of the same samples."""
    own = [values for name, values in scores.items() if not name.startswith((f"{measure}_", "pass@"))]
    return len(set(zip(*own, strict=True)))


def _finite(value: Counted) -> float | None:
    return float(value) if np.isfinite(value) else None


def manifest(prepared: Prepared, seed: int) -> Manifest:
    """What a run's first line says."""
    config, problem = prepared.config, prepared.problem
    commit, dirty = checkout.commit()
    spaces = None
    if isinstance(problem, EpisodicProblem):
        spaces = describe_spaces(problem.environment.observation_space, problem.environment.action_space)
    return Manifest(
        **config.determining(prepared.sizes),
        parameters=prepared.parameters,
        seed=seed,
        spaces=spaces,
        action_mode=prepared.action_mode,
        device=provenance.device(prepared.sizes.devices, prepared.together),
        versions=provenance.versions(config.task.spec.requires),
        commit=commit,
        dirty=dirty,
        compilation_cache=prepared.cache,
        config_hash=config.hash(prepared.sizes),
        plugins=row_code.plugins(config.algorithm, config.task, config.network),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        tuning=config.tuning,
    )
