"""A process that runs what it is told: one JSON line in for each run, JSON lines out for what happens.

Runs that share their programs, whose settings differ in numbers only, are compiled once, and run side by side where
there is room for several. The process ends with its standard input: one whose parent died saves what it reached and is
gone.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, TextIO

from esbench.errors import InputError, StorageError, StrategyError, TaskError
from esbench.experiment.many_runs.together import room
from esbench.experiment.one_run import compilation_cache, interrupt
from esbench.experiment.one_run.prepare import Prepared, prepare, reuse
from esbench.experiment.one_run.run import announce, resumable
from esbench.experiment.one_run.session import Session, advance, session
from esbench.experiment.one_run.side_by_side import attempt, raise_first
from esbench.experiment.options.config import resolve
from esbench.experiment.terminal.progress import Progress, Silent
from esbench.jax_switches import pinned
from esbench.results.lock import RunInUseError
from esbench.results.records import Row
from esbench.results.run_directory import FinishedRunError
from esbench.sizes import kind_here
from esbench.sizes import resolve as resolve_sizes

_STEP_SECONDS = 0.5


@dataclass
class _Slot:
    """A run under way, with what it holds open."""

    run: Session
    held: ExitStack


class Runner:
    """Runs jobs that share their programs side by side, and keeps the programs of the last.

    Each is known by a number of the caller's. What came of a job is a dictionary, by `outcome`: finished, stopped,
    finished before, in use, failed (then `error`, one line, `details`, `final`: trying again is no use, and
    `compiling`: so is another seed).
    """

    def __init__(self, reporter_of: Callable[[int], Progress]):
        self._reporter_of = reporter_of
        self._task = ""
        self._prepared: Prepared | None = None
        self._slots: dict[int, _Slot] = {}

    @property
    def busy(self) -> bool:
        """Whether any run is under way."""
        return bool(self._slots)

    @pinned()
    def begin(
        self,
        number: int,
        config: dict[str, Any],
        seed: int,
        most: int = 1,
        filling: bool = False,
        alone: bool = False,
    ) -> dict[str, Any] | None:
        """Begins a run, or goes on with the one that is there: None, or what came of it at once.

        config: options of `resolve`. most: how many runs new programs shall have room for, as far as memory goes; with
        `filling`, no more than fill the device. alone: not with programs that have room for others. While runs are
        under way the programs must be theirs.
        """
        self._compiling = False
        held = ExitStack()
        # A signal must not lose what others reached.
        others = interrupt.rescuing(self._save) if self.busy else nullcontext()
        try:
            with others:
                reporter = self._reporter_of(number)
                prepared = self._programs(config, seed, reporter, most, filling, alone)
                self._slots[number] = _Slot(held.enter_context(session(prepared, seed, reporter, resume=True)), held)
        except Exception as error:
            return _failure(error, self._compiling)
        return None

    @pinned()
    def turn(self) -> dict[int, dict[str, Any]]:
        """A step of every run that is under way; what came of those that ended, by number."""
        runs = {slot.run: number for number, slot in self._slots.items()}
        with interrupt.rescuing(self._save):
            failures = advance(list(runs))
            stop = interrupt.requested()
            if stop:
                self._save_each(failures)
        ended = {runs[run]: _failure(error) for run, error in failures.items()}
        for run, number in runs.items():
            if run.finished:
                ended[number] = {"outcome": "finished"}
            elif stop:
                ended.setdefault(number, {"outcome": "stopped"})
        for number in ended:
            self._slots.pop(number).held.close()
        return ended

    def run(self, config: dict[str, Any], seed: int) -> dict[str, Any]:
        """One run by itself, to its end."""
        outcome = self.begin(0, config, seed)
        while outcome is None:
            outcome = self.turn().get(0)
        return outcome

    def _save(self) -> None:
        failures: dict[Session, Exception] = {}
        self._save_each(failures)
        raise_first(failures)

    def _save_each(self, failures: dict[Session, Exception]) -> None:
        """Saves what every run reached that has not failed: one that cannot be saved does not keep the others from
        it."""
        for run in [slot.run for slot in self._slots.values()]:
            if not run.finished and run not in failures:
                attempt(failures, run, run.save)

    @property
    def together(self) -> int:
        """How many runs the programs have room for."""
        return 1 if self._prepared is None else self._prepared.together

    def _programs(
        self, config: dict[str, Any], seed: int, reporter: Progress, most: int, filling: bool, alone: bool
    ) -> Prepared:
        """The programs that are there, where they are this run's, else new ones."""
        resolved = resolve(**config)
        if resolved.path(seed).is_dir():
            resolved = resumable(resolved, seed)
        there = self._prepared
        if there is not None and config["task"] == self._task and not (alone and there.together > 1):
            same_sizes = resolve_sizes(resolved.sizes) == there.sizes
            if same_sizes and (found := reuse(there, resolved)) is not None:
                return found
        if self.busy:
            raise InputError("a run of other programs than those that are running")
        self._prepared = None  # its memory is wanted
        self._compiling = True
        compilation_cache.enable()
        problem, learner = announce(resolved, reporter)
        together = 1
        if most > 1 and not (filling and kind_here().together == 0):
            found = room(problem, learner, resolved)
            together = min(most, found.runs if filling else max(found.fitting, 1))
            if not filling and (short := found.shortage(most)):
                reporter.message(f"{resolved.label}: {short}")
        self._prepared = prepare(resolved, problem, learner, together)
        self._compiling = False
        self._task = config["task"]
        return self._prepared


def _failure(error: Exception, compiling: bool = False) -> dict[str, Any]:
    match error:
        case RunInUseError():
            return {"outcome": "in use"}
        case FinishedRunError():
            return {"outcome": "finished before"}
    expected = isinstance(error, InputError | StrategyError | StorageError | TaskError)
    text = " ".join(str(error).split())
    return {
        "outcome": "failed",
        "error": text if expected else f"{type(error).__name__}: {text}",
        "details": "" if expected else "".join(traceback.format_exception(error)),
        "final": expected,
        "compiling": compiling,
    }


class _Events:
    """JSON lines of what happens; all of a job's have its number."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def send(self, event: str, job: int, **values: Any) -> None:
        with suppress(BrokenPipeError):  # nobody listens any more: `read` asks the runs to stop, and they save first
            print(json.dumps({"event": event, "job": job, **values}), file=self._stream, flush=True)


class _JobEvents(Silent):
    """A job's progress as events."""

    def __init__(self, events: _Events, job: int):
        self._events, self._job = events, job
        self._said = 0.0

    def message(self, text: str) -> None:
        self._events.send("message", self._job, text=text)

    def step(self, useful_steps: int) -> None:
        if time.monotonic() - self._said > _STEP_SECONDS:
            self._said = time.monotonic()
            self._events.send("step", self._job, useful_steps=useful_steps)

    def row(self, row: Row) -> None:
        self._events.send("row", self._job, row=row.model_dump())


def main() -> None:
    interrupt.install()
    # Whatever a library prints goes where errors go.
    events = _Events(os.fdopen(os.dup(sys.stdout.fileno()), "w"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)
        if busy.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    busy = threading.Event()
    threading.Thread(target=read, daemon=True).start()
    runner = Runner(lambda job: _JobEvents(events, job))
    while True:
        while not runner.busy or not orders.empty():
            if (order := orders.get()) is None:
                return
            busy.set()
            if (outcome := runner.begin(**order)) is None:
                events.send("begun", order["number"], together=runner.together)
            else:
                events.send("outcome", order["number"], **outcome)
                if interrupt.requested():
                    interrupt.leave()
            if not runner.busy:
                busy.clear()
        for job, outcome in runner.turn().items():
            events.send("outcome", job, **outcome)
        if interrupt.requested():
            interrupt.leave()
        if not runner.busy:
            busy.clear()


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        interrupt.leave()
