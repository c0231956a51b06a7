"""One run: the clock, the evaluations and the step counts. Algorithms see none of them.

A run ends after the first step that takes it to or past its budget. A row is written at step 0, then at the first
step boundary past each twentieth of the budget. The run's score is the last row with at most 1.02 x budget useful
steps: where the last step goes further, its row is written all the same, and the one before becomes the score, in one
atomic rewrite of the file. So a run is finished exactly when it has a final row, and the deployed policy beside the
rows is always that of the last row that can be the score.

What a run reached is saved every so often and when it is stopped, and it goes on from there to the rows that it would
have had: a row, and a step's place in the run, depend on nothing else.
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

import jax
import numpy as np

from esbench.counts import total
from esbench.errors import InputError, StrategyError
from esbench.experiment import checkpointing, compilation_cache, devices, interrupt, provenance, sinks
from esbench.experiment.config import RunConfig, resolve
from esbench.experiment.prepare import Prepared, make_problem, prepare
from esbench.experiment.progress import Progress, progress
from esbench.keys import evaluation_key
from esbench.results.budget import is_within, share_of
from esbench.results.checkpoints import Position
from esbench.results.lock import RunInUseError, is_locked, locked
from esbench.results.records import Device, Manifest, Row
from esbench.results.run_directory import ROWS_FILE, FinishedRunError, RunDirectory


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
    devices: int | None = None,
    out: str | Path = "runs",
    max_seconds: float | None = None,
    resume: bool = False,
    checkpoint_seconds: float = checkpointing.SECONDS,
    log: str | None = None,
) -> RunResult:
    """Runs `algorithm` on `task` once and writes its run directory: `esbench run` in Python.

    The options are those of the command line; `settings` is `--set`. Raises InputError, before anything is written,
    for what cannot be run. An interrupt (Ctrl-C) saves the last finished step, to be resumed, and is raised again.
    """
    config = resolve(task, algorithm, tier, steps, preset, settings, name, precision, devices, out)
    return run_config(config, seed, max_seconds, resume=resume, checkpoint_seconds=checkpoint_seconds, log=log)


def run_config(
    config: RunConfig,
    seed: int,
    max_seconds: float | None = None,
    verbose: bool = False,
    resume: bool = False,
    checkpoint_seconds: float = checkpointing.SECONDS,
    log: str | None = None,
) -> RunResult:
    """One run of a resolved configuration, compilation included.

    verbose: say first what each parameter of the policy is perturbed by. resume: continue the run that is there, to
    the rows it would have had; its sizes are those of its manifest. log: "tensorboard" or "wandb".

    On several devices, all processes that a scheduler started for it run it together; the first one writes and speaks.
    """
    sinks.check(log)
    if resume:
        config = resumable(config, seed)
    else:
        RunDirectory.check_new(config.path(seed))
    if config.sizes.get("devices", 1) > 1:
        devices.join()
    reporter = progress(sys.stderr)
    if jax.process_count() > 1:
        if resume or max_seconds is not None:
            option = "--resume" if resume else f"--max-seconds {max_seconds}"
            raise InputError(f"{option}: expected one process; a run of {jax.process_count()} keeps no checkpoints")
        if not devices.is_first():
            with TemporaryDirectory() as scratch, open(os.devnull, "w") as silence:
                alone = announce_and_prepare(replace(config, out=Path(scratch)), progress(silence))
                return run_seed(alone, seed, progress(silence))
    prepared = announce_and_prepare(config, reporter, verbose)
    return run_seed(prepared, seed, reporter, max_seconds, resume, checkpoint_seconds, log)


def resumable(config: RunConfig, seed: int) -> RunConfig:
    """The configuration, with its sizes, under which the run that is there goes on; writes nothing.

    InputError where there is no run, it is finished, another process runs it, or its manifest says otherwise.
    """
    path = config.path(seed)
    if not path.is_dir():
        raise InputError(f"no run to resume in {path}: start it without --resume")
    if is_locked(path):
        raise RunInUseError.of(path)
    if not (path / ROWS_FILE).exists():  # it ended before anything was written
        return config
    return replace(config, sizes=_unfinished(config, seed).manifest.sizes)


def _unfinished(config: RunConfig, seed: int) -> RunDirectory:
    directory = RunDirectory.open(config.path(seed))
    if directory.finished:
        raise FinishedRunError.of(directory.path)
    if found := checkpointing.differences(directory.manifest, config):
        raise checkpointing.refusal(directory, found)
    return directory


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


def run_seed(
    prepared: Prepared,
    seed: int,
    reporter: Progress,
    max_seconds: float | None = None,
    resume: bool = False,
    checkpoint_seconds: float = checkpointing.SECONDS,
    log: str | None = None,
) -> RunResult:
    """One run with compiled programs. InputError, and nothing is lost, where the directory holds this run already.

    max_seconds: stop after the first step past it, all clocks of this process together; the run is left to be resumed.
    resume: go on with the run that is there, if there is one; its sizes must be those of `prepared`.
    checkpoint_seconds: between two checkpoints. log: the sink that rows are also sent to, once they are on disk.
    """
    config = prepared.config
    path = config.path(seed)
    if not resume:
        RunDirectory.check_new(path)
    with locked(path):
        there = resume and (path / ROWS_FILE).exists()
        directory = _unfinished(config, seed) if there else RunDirectory.create(path, manifest(prepared, seed))
        training = _Training(prepared, seed, directory, reporter, checkpoint_seconds)
        if there:
            training.go_on()
        sink = sinks.Guarded(log, directory, reporter.message)
        reporter.start(f"{config.label} seed {seed}", config.budget)
        try:
            training.run(sink, max_seconds)
        finally:
            reporter.stop()
            sink.close()
    return RunResult(directory.path, directory.rows, directory.finished)


class _Training:
    """A run under way: what it reached and what it spent."""

    def __init__(
        self, prepared: Prepared, seed: int, directory: RunDirectory, reporter: Progress, checkpoint_seconds: float
    ):
        config = prepared.config
        self._prepared, self._seed, self._directory, self._reporter = prepared, seed, directory, reporter
        self._budget = config.budget
        self._code = provenance.code(config.algorithm, config.task)
        self._clocks = Clocks(compile=prepared.compile_seconds)
        self._counts, self._reached = Counts(), -1
        self._metrics: dict[str, float | None] = dict.fromkeys(prepared.training)
        with self._clocks.measure("train"):
            self._state = jax.block_until_ready(prepared.init(jax.random.key(seed)))
        saves = checkpointing.can_be_saved(self._state)
        if not saves:
            reporter.message(f"warning: {config.label}: its state cannot be saved: resumed, it begins again")
        self._saver = checkpointing.Saver(directory, checkpoint_seconds, saves)

    def go_on(self) -> None:
        """From the newest checkpoint; from the beginning, which gives the same rows, where there is none."""
        directory = self._directory
        found = checkpointing.find(directory, self._code, self._state, self._reporter)
        if found is None:
            self._reporter.message(f"{directory.path}: no checkpoint, starting over")
            directory.replace([], manifest(self._prepared, self._seed))
            return
        at = found.position
        self._state, self._reached, self._metrics = found.state, at.reached, at.training
        self._counts = Counts(at.generation, at.useful_steps, at.computed_steps, at.sequential_steps)
        for name, seconds in asdict(self._clocks).items():
            setattr(self._clocks, name, seconds + getattr(at, f"{name}_seconds"))
        device = directory.manifest.device.then(_device(self._prepared))
        directory.replace(directory.rows[: at.rows], directory.manifest.model_copy(update={"device": device}))
        self._reporter.message(f"{directory.path}: resumed at {at.useful_steps:,} steps")

    def run(self, sink: sinks.Sink, max_seconds: float | None) -> None:
        """Trains to the end of the budget, or until it is told to stop: then what was reached is saved."""
        start = time.monotonic() - self._prepared.compile_seconds
        self._mark()
        try:
            with interrupt.rescuing(self._saver.save):
                self._write_due_row(sink)
                while self._counts.useful_steps < self._budget:
                    self._step()
                    self._write_due_row(sink)
                    late = max_seconds is not None and time.monotonic() - start > max_seconds
                    stop = (interrupt.requested() or late) and self._counts.useful_steps < self._budget
                    if stop or self._saver.due:
                        with self._clocks.measure("log"):
                            self._saver.save()
                    if stop:
                        return
        except KeyboardInterrupt:
            self._saver.save()
            raise
        self._saver.finish()

    def _mark(self) -> None:
        """What is reached now is what is saved next."""
        clocks = {f"{name}_seconds": seconds for name, seconds in asdict(self._clocks).items()}
        position = Position(
            **asdict(self._counts),
            reached=self._reached,
            rows=len(self._directory.rows),
            training=self._metrics,
            code=self._code,
            **clocks,
        )
        self._saver.latest = checkpointing.Reached(self._state, position)

    def _step(self) -> None:
        with self._clocks.measure("train"):
            state, metrics = jax.block_until_ready(self._prepared.step(self._state))
        metrics = jax.device_get(metrics)
        for message, fault in metrics.faults.items():
            if fault:
                raise StrategyError(message)
        before = self._counts.useful_steps
        counts = self._counts.after(metrics.useful_steps, metrics.computed_steps, metrics.sequential_steps)
        if counts.useful_steps <= before:
            counted = f"step {counts.generation} counted {counts.useful_steps - before} useful steps"
            raise StrategyError(f"{self._prepared.config.label}: {counted}: expected at least 1")
        self._state, self._counts = state, counts
        self._metrics = {name: _finite(value) for name, value in metrics.training.items()}
        self._reporter.step(counts.useful_steps)
        self._mark()

    def _write_due_row(self, sink: sinks.Sink) -> None:
        """Writes a row where the budget's next share is reached; the first one before any step."""
        shares = share_of(self._counts.useful_steps, self._budget)
        if shares > self._reached:
            self._reached = shares
            row = self._evaluate()
            with self._clocks.measure("log"):
                sink.row(row)
            self._reporter.row(row)
            self._mark()

    def _evaluate(self) -> Row:
        """Scores the deployed policy and writes the row; the policy too, while the row can be the score.

        The evaluation's key is numbered by the shares of the budget: every algorithm meets the same episodes there.
        """
        prepared, directory, counts, clocks = self._prepared, self._directory, self._counts, self._clocks
        config = prepared.config
        with clocks.measure("evaluate"):
            key = evaluation_key(config.task.spec.id, self._seed, self._reached)
            deployed, returns, lengths = jax.block_until_ready(prepared.evaluate(self._state, key))
        returns, lengths = np.asarray(returns, np.float64), np.asarray(lengths)
        if not np.isfinite(returns).all():
            raise StrategyError(
                f"{config.label} seed {self._seed}: a return is not finite after {counts.useful_steps:,} useful steps: "
                "the policy's parameters have overflowed (a smaller learning rate or sigma helps), or the environment "
                "gave a reward that is not finite"
            )
        scored = 0 if prepared.action_mode == "greedy" else 1
        counting = is_within(counts.useful_steps, config.budget)
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
            training=self._metrics,
        )
        with clocks.measure("log"):
            if counting:
                directory.save_policy(deployed)
                directory.append(row)
            else:
                *earlier, score = directory.rows
                directory.replace([*earlier, score.model_copy(update={"final": True}), row])
        return row


def _finite(value: np.ndarray) -> float | None:
    return float(value) if np.isfinite(value) else None


def _device(prepared: Prepared) -> Device:
    return provenance.device(prepared.sizes.devices)


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
        device=_device(prepared),
        versions=provenance.versions(config.task.spec.requires),
        commit=commit,
        dirty=dirty,
        compilation_cache=prepared.cache,
        config_hash=config.hash(prepared.sizes),
        plugins=provenance.plugins(config.algorithm, config.task),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        tuning=config.tuning,
    )
