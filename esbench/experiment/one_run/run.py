"""One run on disk: its directory has its rows as they are made, its policy, and checkpoints to go on from.

What a run reached is saved every so often and when it is stopped, and it goes on from there to the rows that it would
have had: a row, and a step's place in the run, depend on nothing else.
"""

import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import jax

from esbench.algorithms.interface import Learner
from esbench.errors import InputError
from esbench.experiment.one_run import checkout, compilation_cache, interrupt, mesh, provenance, row_code, saving, sinks
from esbench.experiment.one_run.prepare import Prepared, bind, make_problem, prepare
from esbench.experiment.one_run.resume import differences, refusal
from esbench.experiment.one_run.training import Clocks, Counts, Training, manifest
from esbench.experiment.options.config import RunConfig, resolve
from esbench.experiment.options.run_options import RunOptions, Storage, takes
from esbench.experiment.terminal.compilation import compiling
from esbench.experiment.terminal.progress import Progress, progress
from esbench.jax_switches import pinned
from esbench.problem import Problem
from esbench.results.checkpoints import Position
from esbench.results.lock import RunInUseError, is_locked, locked
from esbench.results.records import Row
from esbench.results.run_directory import ROWS_FILE, FinishedRunError, RunDirectory
from esbench.results.untrained import untrained

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class RunResult:
    """What a run left.

    Attributes:
        path: its directory.
        rows: one an evaluation.
        finished: whether it has its score.
    """

    path: Path
    rows: list[Row]
    finished: bool

    @property
    def score(self) -> Row | None:
        """The row that is the run's score, None while there is none."""
        return next((row for row in self.rows if row.final), None)

    def to_frame(self) -> "pd.DataFrame":
        """The learning curve: one row an evaluation, with the columns of `load_results`."""
        from esbench.results.load import results_of

        return results_of([RunDirectory.open(self.path)])

    def __repr__(self) -> str:
        row = self.score or self.rows[-1]
        state = "" if self.finished else "unfinished, "
        state += f"{said}: " if (said := untrained(self.rows)) else ""
        return f"<{self.path}: {state}{row.measure} {row.value:.4g} after {row.useful_steps:,}>"

    def _repr_html_(self) -> str:
        table = self.to_frame()[["useful_steps", "value", "train_seconds", "final"]].to_html(index=False)
        return f"<p>{said}</p>{table}" if (said := untrained(self.rows)) else table


@takes(RunOptions, Storage)
def run(
    task: Any,
    algorithm: Any,
    *,
    seed: int = 0,
    resume: bool = False,
    max_seconds: float | None = None,
    overwrite: bool = False,
    **options: Any,
) -> RunResult:
    """Runs `algorithm` on `task` once and writes its run directory: `esbench run` in Python.

    An interrupt (Ctrl-C) saves the last finished step, to be resumed, and is raised again.

    Args:
        task: a name as on the command line, or an object; a class typed into a notebook cell is one.
        algorithm: a name or an object, as `task`.
        seed: of all randomness.
        resume: continue the unfinished run that is there.
        max_seconds: stop after the first step past it, to be resumed.
        overwrite: replace this run where it is there already, so that a cell can be run again.
        **options: those of the command line, fields of `RunOptions` and `Storage`; `settings` is `--set`.

    Raises:
        InputError: before anything is written, for what cannot be run.
    """
    config = resolve(task, algorithm, **options)
    if overwrite and not resume:
        RunDirectory.remove(config.path(seed))
    return run_config(config, seed, max_seconds, resume)


@pinned()
def run_config(
    config: RunConfig, seed: int, max_seconds: float | None = None, resume: bool = False, verbose: bool = False
) -> RunResult:
    """One run of a resolved configuration, compilation included.

    max_seconds: as `run_seed` has it. resume: continue the run that is there, to the rows it would have had; its sizes
    are those of its manifest. verbose: say first what each parameter of the policy is perturbed by.

    On several devices, all processes that a scheduler started for it run it together; the first one writes and speaks.
    """
    sinks.check(config.storage.log)
    if resume:
        config = resumable(config, seed)
    else:
        RunDirectory.check_new(config.path(seed))
    if config.sizes.get("devices", 1) > 1:
        mesh.join()
    reporter = progress(sys.stderr)
    if jax.process_count() > 1:
        if resume or max_seconds is not None:
            option = "--resume" if resume else f"--max-seconds {max_seconds}"
            raise InputError(f"{option}: expected one process; a run of {jax.process_count()} keeps no checkpoints")
        if not mesh.is_first():
            with TemporaryDirectory() as scratch, open(os.devnull, "w") as silence:
                elsewhere = replace(config, storage=Storage(out=scratch))
                alone = announce_and_prepare(elsewhere, progress(silence))
                return run_seed(alone, seed, progress(silence))
    prepared = announce_and_prepare(config, reporter, verbose)
    return run_seed(prepared, seed, reporter, max_seconds, resume)


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
    if found := differences(directory.manifest, config):
        raise refusal(directory, found)
    return directory


@pinned()
def announce_and_prepare(config: RunConfig, reporter: Progress, verbose: bool = False) -> Prepared:
    """The programs of a configuration, with a word to the reader before the wait; InputError comes before the word."""
    compilation_cache.enable()
    problem, learner = announce(config, reporter, verbose)
    return prepare(config, problem, learner)


def announce(config: RunConfig, reporter: Progress, verbose: bool = False) -> tuple[Problem, Learner]:
    """What is to be compiled, once the reader knows that it is and what is worth knowing before."""
    problem = make_problem(config)
    learner = bind(config, problem)
    if (unrecorded := checkout.commit_problem()) is not None:
        reporter.message(f"warning: {unrecorded}")
    for warning in config.warnings():
        reporter.message(f"warning: {config.label}: {warning}")
    describe = getattr(learner, "describe", None)
    if verbose and callable(describe):
        for line in describe():
            reporter.message(line)
    reporter.message(f"{config.label}: {compiling(config)}")
    return problem, learner


@pinned()
def run_seed(
    prepared: Prepared,
    seed: int,
    reporter: Progress,
    max_seconds: float | None = None,
    resume: bool = False,
) -> RunResult:
    """One run with compiled programs. InputError, and nothing is lost, where the directory holds this run already.

    max_seconds: stop after the first step past it, all clocks of this process together; the run is left to be resumed.
    resume: go on with the run that is there, if there is one; its sizes must be those of `prepared`.
    """
    config = prepared.config
    path = config.path(seed)
    if not resume:
        RunDirectory.check_new(path)
    with locked(path):
        there = resume and (path / ROWS_FILE).exists()
        directory = _unfinished(config, seed) if there else RunDirectory.create(path, manifest(prepared, seed))
        session = _Session(prepared, seed, directory, reporter)
        if there:
            session.go_on()
        sink = sinks.Guarded(config.storage.log, directory, reporter.message)
        reporter.start(f"{config.label} seed {seed}", config.budget, config.task.spec.cost_word)
        try:
            session.run(sink, max_seconds)
        finally:
            reporter.stop()
            sink.close()
    return RunResult(directory.path, directory.rows, directory.finished)


class _Session:
    """This process's part in a run: training, with what it reached kept to be saved."""

    def __init__(self, prepared: Prepared, seed: int, directory: RunDirectory, reporter: Progress):
        config = prepared.config
        self._prepared, self._seed, self._directory, self._reporter = prepared, seed, directory, reporter
        self._code = row_code.code(config.algorithm, config.task, config.network)
        self._training = Training(prepared, seed, directory, reporter)
        saves = saving.can_be_saved(self._training.state)
        if not saves:
            reporter.message(f"warning: {config.label}: its state cannot be saved: resumed, it begins again")
        self._saver = saving.Saver(directory, config.storage.checkpoint_seconds, saves)

    def go_on(self) -> None:
        """From the newest checkpoint; from the beginning, which gives the same rows, where there is none."""
        directory = self._directory
        found = saving.find(directory, self._code, self._training.state, self._reporter)
        if found is None:
            self._reporter.message(f"{directory.path}: no checkpoint, starting over")
            directory.replace([], manifest(self._prepared, self._seed))
            return
        at = found.position
        self._training.go_on(
            found.state,
            Counts(at.generation, at.useful_steps, at.computed_steps, at.sequential_steps),
            at.reached,
            at.training,
            {name: getattr(at, f"{name}_seconds") for name in asdict(Clocks())},
        )
        device = directory.manifest.device.then(provenance.device(self._prepared.sizes.devices))
        directory.replace(directory.rows[: at.rows], directory.manifest.model_copy(update={"device": device}))
        word = self._prepared.config.task.spec.cost_word
        self._reporter.message(f"{directory.path}: resumed at {at.useful_steps:,} {word}")

    def run(self, sink: sinks.Sink, max_seconds: float | None) -> None:
        """Trains to the end of the budget, or until it is told to stop: then what was reached is saved."""
        training, saver = self._training, self._saver
        start = time.monotonic() - self._prepared.compile_seconds
        self._mark()
        try:
            with interrupt.rescuing(saver.save):
                self._write_due_row(sink)
                while not training.done:
                    training.step()
                    self._mark()
                    self._write_due_row(sink)
                    late = max_seconds is not None and time.monotonic() - start > max_seconds
                    stop = (interrupt.requested() or late) and not training.done
                    if stop or saver.due:
                        with training.clocks.measure("log"):
                            saver.save()
                    if stop:
                        return
        except KeyboardInterrupt:
            saver.save()
            raise
        saver.finish()

    def _write_due_row(self, sink: sinks.Sink) -> None:
        if (row := self._training.due_row()) is not None:
            with self._training.clocks.measure("log"):
                sink.row(row)
            self._mark()

    def _mark(self) -> None:
        """What is reached now is what is saved next."""
        training = self._training
        clocks = {f"{name}_seconds": seconds for name, seconds in asdict(training.clocks).items()}
        position = Position(
            **asdict(training.counts),
            reached=training.reached,
            rows=len(self._directory.rows),
            training=training.metrics,
            code=self._code,
            **clocks,
        )
        self._saver.latest = saving.Reached(training.state, position)
