"""One run on disk: its directory has its rows as they are made, its policy, and checkpoints to go on from."""

import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import jax

from esbench.algorithms.interface import Learner
from esbench.errors import InputError
from esbench.experiment.one_run import checkout, compilation_cache, interrupt, mesh, sinks
from esbench.experiment.one_run.prepare import Prepared, bind, make_problem, prepare
from esbench.experiment.one_run.session import advance, session, unfinished
from esbench.experiment.one_run.side_by_side import raise_first
from esbench.experiment.options.config import RunConfig, resolve
from esbench.experiment.options.run_options import RunOptions, Storage, takes
from esbench.experiment.terminal.compilation import compiling
from esbench.experiment.terminal.progress import Progress, progress
from esbench.jax_switches import pinned
from esbench.problem import Problem
from esbench.results.lock import RunInUseError, is_locked
from esbench.results.records import Row
from esbench.results.run_directory import ROWS_FILE, RunDirectory
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
    return replace(config, sizes=unfinished(config, seed).manifest.sizes)


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
    start = time.monotonic() - prepared.compile_seconds
    with session(prepared, seed, reporter, resume) as run:
        try:
            with interrupt.rescuing(run.save):
                while not run.finished:
                    raise_first(advance([run]))
                    late = max_seconds is not None and time.monotonic() - start > max_seconds
                    if (interrupt.requested() or late) and not run.finished:
                        run.save()
                        break
        except KeyboardInterrupt:
            run.save()
            raise
    directory = run.directory
    return RunResult(directory.path, directory.rows, directory.finished)
