"""This process's part in a run on disk: what it reaches is kept to be saved, and a run that is there goes on.

What a run reached is saved every so often and when it is stopped, and it goes on from there to the rows that it would
have had: a row, and a step's place in the run, depend on nothing else.
"""

import functools
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from esbench.experiment.one_run import provenance, row_code, saving, side_by_side, sinks
from esbench.experiment.one_run.prepare import Prepared
from esbench.experiment.one_run.resume import differences, refusal
from esbench.experiment.one_run.training import Clocks, Counts, Training, manifest
from esbench.experiment.options.config import RunConfig
from esbench.experiment.terminal.progress import Progress
from esbench.results.checkpoints import Position
from esbench.results.lock import locked
from esbench.results.run_directory import ROWS_FILE, FinishedRunError, RunDirectory


@contextmanager
def session(prepared: Prepared, seed: int, reporter: Progress, resume: bool = False) -> Generator["Session"]:
    """A run, its directory locked: begun, or with `resume` gone on with where there is one.

    InputError, and nothing is lost, where the directory holds this run already.
    """
    config = prepared.config
    path = config.path(seed)
    if not resume:
        RunDirectory.check_new(path)
    with locked(path):
        there = resume and (path / ROWS_FILE).exists()
        directory = unfinished(config, seed) if there else RunDirectory.create(path, manifest(prepared, seed))
        run = Session(prepared, seed, directory, reporter)
        if there:
            run.go_on()
        reporter.start(f"{config.label} seed {seed}", config.budget, config.task.spec.cost_word)
        try:
            yield run
        finally:
            reporter.stop()
            run.close()


def unfinished(config: RunConfig, seed: int) -> RunDirectory:
    """The directory of a run that can go on; InputError where it is finished, or was set otherwise."""
    directory = RunDirectory.open(config.path(seed))
    if directory.finished:
        raise FinishedRunError.of(directory.path)
    if found := differences(directory.manifest, config):
        raise refusal(directory, found)
    return directory


class Session:
    """A run under way: its training, and what it reached to be saved. finished: whether it came to its end."""

    def __init__(self, prepared: Prepared, seed: int, directory: RunDirectory, reporter: Progress):
        config = prepared.config
        self.directory, self.finished = directory, False
        self.training = Training(prepared, seed, directory, reporter)
        self._prepared, self._seed, self._reporter = prepared, seed, reporter
        self._code = row_code.code(config.algorithm, config.task, config.network)
        saves = saving.can_be_saved(self.training.state)
        if not saves:
            reporter.message(f"warning: {config.label}: its state cannot be saved: resumed, it begins again")
        self._saver = saving.Saver(directory, config.storage.checkpoint_seconds, saves)
        self.mark()

    def go_on(self) -> None:
        """From the newest checkpoint; from the beginning, which gives the same rows, where there is none."""
        directory = self.directory
        found = saving.find(directory, self._code, self.training.state, self._reporter)
        if found is None:
            self._reporter.message(f"{directory.path}: no checkpoint, starting over")
            directory.replace([], manifest(self._prepared, self._seed))
            return
        at = found.position
        self.training.go_on(
            found.state,
            Counts(at.generation, at.useful_steps, at.computed_steps, at.sequential_steps),
            at.reached,
            at.training,
            {name: getattr(at, f"{name}_seconds") for name in asdict(Clocks())},
        )
        now = provenance.device(self._prepared.sizes.devices, self._prepared.together)
        device = directory.manifest.device.then(now)
        directory.replace(directory.rows[: at.rows], directory.manifest.model_copy(update={"device": device}))
        word = self._prepared.config.task.spec.cost_word
        self._reporter.message(f"{directory.path}: resumed at {at.useful_steps:,} {word}")
        self.mark()

    def save(self) -> None:
        """What was reached, so that the run can go on from there."""
        with self.training.clocks.measure("log"):
            self._saver.save()

    def save_where_due(self) -> None:
        if self._saver.due:
            self.save()

    def finish(self) -> None:
        """It came to its end."""
        self._saver.finish()
        self.finished = True

    @functools.cached_property
    def _sink(self) -> sinks.Guarded:
        return sinks.Guarded(self._prepared.config.storage.log, self.directory, self._reporter.message)

    def log_row(self) -> None:
        """A row was written: to where it is also sent."""
        with self.training.clocks.measure("log"):
            self._sink.row(self.directory.rows[-1])

    def close(self) -> None:
        self._sink.close()

    def mark(self) -> None:
        """What is reached now is what is saved next."""
        training = self.training
        clocks = {f"{name}_seconds": seconds for name, seconds in asdict(training.clocks).items()}
        position = Position(
            **asdict(training.counts),
            reached=training.reached,
            rows=len(self.directory.rows),
            training=training.metrics,
            code=self._code,
            **clocks,
        )
        self._saver.latest = saving.Reached(training.state, position)


def advance(runs: Sequence[Session]) -> dict[Session, Exception]:
    """One step of each run, by one program, and the rows that are due before and after it; those that failed.

    A run that has used its budget up is finished. What was reached is saved where that is due.
    """
    of = {run.training: run for run in runs}
    failures: side_by_side.Failures = {}

    def write() -> None:
        due = [run for training, run in of.items() if training not in failures and training.is_due]
        if due:
            failures.update(side_by_side.write_rows([run.training for run in due]))
        for run in due:
            if run.training not in failures:
                run.log_row()
                run.mark()

    write()
    going = [training for training in of if training not in failures and not training.done]
    if going:
        failures.update(side_by_side.step(going))
        for training in going:
            if training not in failures:
                of[training].mark()
        write()
    for training, run in of.items():
        if training not in failures:
            side_by_side.attempt(failures, training, run.finish if training.done else run.save_where_due)
    return {of[training]: error for training, error in failures.items()}
