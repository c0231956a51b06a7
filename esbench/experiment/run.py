"""One run: the clock, the evaluations and the step counts. Algorithms see none of them.

A run ends after the first step that takes it to or past its budget. A row is written at step 0, then at the first
step boundary past each twentieth of the budget. The run's score is the last row with at most 1.02 x budget useful
steps: where the last step goes further, its row is written all the same, and the one before becomes the score, in one
atomic rewrite of the file. So a run is finished exactly when it has a final row, and the deployed policy beside the
rows is always that of the last row that can be the score.
"""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import jax
import numpy as np

from esbench.counts import total
from esbench.errors import InputError, StrategyError
from esbench.experiment import compilation_cache, devices, provenance
from esbench.experiment.config import RunConfig, resolve
from esbench.experiment.prepare import Prepared, State, make_problem, prepare
from esbench.experiment.progress import Progress, progress
from esbench.keys import evaluation_key
from esbench.results.records import Manifest, Row
from esbench.results.run_directory import RunDirectory

ROWS = 20
"""Rows of a run after the first: one per this share of the budget."""


@dataclass(frozen=True)
class RunResult:
    """What a run left: its directory, its rows, and whether it is finished (it has its score)."""

    path: Path
    rows: list[Row]
    finished: bool

    @property
    def score(self) -> Row | None:
        """The row that is the run's score, None while there is none."""
        return next((row for row in self.rows if row.final), None)


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

    @property
    def total(self) -> float:
        return sum(asdict(self).values())


@dataclass(frozen=True)
class Counts:
    """Environment steps and generations since the start, as Python integers: they never overflow."""

    generation: int = 0
    useful_steps: int = 0
    computed_steps: int = 0
    sequential_steps: int = 0

    def after(self, useful: np.ndarray, computed: np.ndarray, sequential: np.ndarray) -> "Counts":
        """After one more step of the learner, from its partial counts."""
        return Counts(
            self.generation + 1,
            self.useful_steps + total(useful),
            self.computed_steps + total(computed),
            self.sequential_steps + total(sequential),
        )


def run(
    task: str,
    algorithm: str,
    tier: str = "lite",
    seed: int = 0,
    steps: int | None = None,
    preset: str | None = None,
    settings: dict[str, object] | None = None,
    name: str | None = None,
    precision: str = "float32",
    devices: int = 1,
    out: str | Path = "runs",
    max_seconds: float | None = None,
) -> RunResult:
    """Runs `algorithm` on `task` once and writes its run directory: `esbench run` in Python.

    The options are those of the command line; `settings` is `--set`. Raises InputError, before anything is written,
    for what cannot be run.
    """
    config = resolve(task, algorithm, tier, steps, preset, settings, name, precision, devices, out)
    return run_config(config, seed, max_seconds)


def run_config(config: RunConfig, seed: int, max_seconds: float | None = None, verbose: bool = False) -> RunResult:
    """One run of a resolved configuration, compilation included.

    verbose: say first what each parameter of the policy is perturbed by.

    On several devices, all processes that a scheduler started for it run it together; the first one writes and speaks.
    """
    if config.sizes.get("devices", 1) == 1:
        return _run_alone(config, seed, max_seconds, verbose, sys.stderr)
    devices.join()
    if max_seconds is not None and jax.process_count() > 1:
        raise InputError(f"--max-seconds {max_seconds}: expected one process, whose clock decides")
    if devices.is_first():
        return _run_alone(config, seed, max_seconds, verbose, sys.stderr)
    with TemporaryDirectory() as scratch, open(os.devnull, "w") as silence:
        return _run_alone(replace(config, out=Path(scratch)), seed, max_seconds, False, silence)


def _run_alone(config: RunConfig, seed: int, max_seconds: float | None, verbose: bool, stream: TextIO) -> RunResult:
    RunDirectory.check_new(config.path(seed))
    reporter = progress(stream)
    return run_seed(announce_and_prepare(config, reporter, verbose), seed, reporter, max_seconds)


def announce_and_prepare(config: RunConfig, reporter: Progress, verbose: bool = False) -> Prepared:
    """The programs of a configuration, with a word to the reader before the wait; InputError comes before the word."""
    compilation_cache.enable()
    problem = make_problem(config)
    learner = config.algorithm.bind(problem)
    for warning in config.warnings():
        reporter.message(f"warning: {config.label}: {warning}")
    describe = getattr(learner, "describe", None)
    if verbose and callable(describe):
        for line in describe():
            reporter.message(line)
    reporter.message(f"{config.label}: compiling")
    return prepare(config, problem, learner)


def run_seed(prepared: Prepared, seed: int, reporter: Progress, max_seconds: float | None = None) -> RunResult:
    """One run with compiled programs. InputError, and nothing is lost, where the directory holds this run already.

    max_seconds: stop after the first step past it, all clocks together; the run is left unfinished.
    """
    config = prepared.config
    directory = RunDirectory.create(config.path(seed), manifest(prepared, seed))
    reporter.start(f"{config.label} seed {seed}", config.budget)
    try:
        _train(prepared, seed, directory, reporter, max_seconds)
    finally:
        reporter.stop()
    return RunResult(directory.path, directory.rows, directory.finished)


def _train(
    prepared: Prepared, seed: int, directory: RunDirectory, reporter: Progress, max_seconds: float | None
) -> None:
    budget = prepared.config.budget
    clocks, counts, reached = Clocks(compile=prepared.compile_seconds), Counts(), 0
    with clocks.measure("train"):
        state = jax.block_until_ready(prepared.init(jax.random.key(seed)))

    def write_row(training: dict[str, float | None]) -> None:
        row = _evaluate(prepared, seed, state, counts, reached, training, clocks, directory)
        reporter.row(row)

    write_row(dict.fromkeys(prepared.training))
    while counts.useful_steps < budget:
        with clocks.measure("train"):
            state, metrics = jax.block_until_ready(prepared.step(state))
        metrics = jax.device_get(metrics)
        for message, fault in metrics.faults.items():
            if fault:
                raise StrategyError(message)
        before = counts.useful_steps
        counts = counts.after(metrics.useful_steps, metrics.computed_steps, metrics.sequential_steps)
        if counts.useful_steps <= before:
            raise ValueError(f"step {counts.generation} counted {counts.useful_steps - before} useful steps")
        reporter.step(counts.useful_steps)
        if min(counts.useful_steps * ROWS // budget, ROWS) > reached:
            reached = min(counts.useful_steps * ROWS // budget, ROWS)
            write_row({name: _finite(value) for name, value in metrics.training.items()})
        if max_seconds is not None and clocks.total > max_seconds:
            break


def _evaluate(
    prepared: Prepared,
    seed: int,
    state: State,
    counts: Counts,
    reached: int,
    training: dict[str, float | None],
    clocks: Clocks,
    directory: RunDirectory,
) -> Row:
    """Scores the deployed policy and writes the row; the policy too, while the row can be the score.

    reached: how many shares of the budget are done, which is also the number of the evaluation's key: every algorithm
    meets the same episodes there.
    """
    config = prepared.config
    with clocks.measure("evaluate"):
        key = evaluation_key(config.task.spec.id, seed, reached)
        deployed, returns, lengths = jax.block_until_ready(prepared.evaluate(state, key))
    returns, lengths = np.asarray(returns, np.float64), np.asarray(lengths)
    if not np.isfinite(returns).all():
        raise FloatingPointError(f"a return is not finite after {counts.useful_steps} useful steps")
    scored = 0 if prepared.action_mode == "greedy" else 1
    counting = _within(counts.useful_steps, config.budget)
    row = Row(
        **asdict(counts),
        return_mean=returns[scored].mean(),
        return_std=returns[scored].std(),
        return_mean_greedy=returns[0].mean(),
        return_mean_sample=returns[1].mean(),
        episodes=returns.shape[1],
        distinct_episodes=len(set(zip(returns[scored], lengths[scored], strict=True))),
        compile_seconds=clocks.compile,
        train_seconds=clocks.train,
        evaluate_seconds=clocks.evaluate,
        log_seconds=clocks.log,
        final=counting and counts.useful_steps >= config.budget,
        training=training,
    )
    with clocks.measure("log"):
        if counting:
            directory.save_policy(deployed)
            directory.append(row)
        else:
            *earlier, score = directory.rows
            directory.replace([*earlier, score.model_copy(update={"final": True}), row])
    return row


def _within(useful_steps: int, budget: int) -> bool:
    """Whether a row at `useful_steps` can be the score of a run of `budget`."""
    return 100 * useful_steps <= 102 * budget


def _finite(value: np.ndarray) -> float | None:
    return float(value) if np.isfinite(value) else None


def manifest(prepared: Prepared, seed: int) -> Manifest:
    """What a run's first line says."""
    config = prepared.config
    commit, dirty = provenance.commit()
    return Manifest(
        task=config.task.spec.to_json(),
        algorithm=config.algorithm_name,
        name=config.name,
        preset=config.preset,
        settings=config.settings,
        policy=asdict(config.policy),
        parameters=prepared.parameters,
        tier=config.tier,
        seed=seed,
        budget=config.budget,
        sizes=asdict(prepared.sizes),
        action_mode=prepared.action_mode,
        precision=config.precision,
        device=provenance.device(),
        versions=provenance.versions(config.task.spec.requires),
        commit=commit,
        dirty=dirty,
        compilation_cache=prepared.cache,
        config_hash=config.hash(prepared.sizes),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
