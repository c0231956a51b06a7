"""A process that runs what it is told: one JSON line in for each run, JSON lines out for what happens.

Runs that share their programs, whose settings differ in numbers only, are compiled once. The process ends with its
standard input: one whose parent died saves what it reached and is gone.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from typing import Any, TextIO

from esbench.errors import InputError, StorageError, StrategyError, TaskError
from esbench.experiment.one_run import interrupt
from esbench.experiment.one_run.prepare import Prepared, reuse
from esbench.experiment.one_run.run import announce_and_prepare, resumable, run_seed
from esbench.experiment.options.config import RunConfig, resolve
from esbench.experiment.terminal.progress import Progress
from esbench.results.lock import RunInUseError
from esbench.results.records import Row
from esbench.results.run_directory import FinishedRunError
from esbench.sizes import resolve as resolve_sizes

_STEP_SECONDS = 0.5


class Runner:
    """Runs one job after another, and keeps the programs of the last."""

    def __init__(self, reporter: Progress):
        self._reporter = reporter
        self._task = ""
        self._prepared: Prepared | None = None

    def run(self, config: dict[str, Any], seed: int) -> dict[str, Any]:
        """One run, begun or gone on with. config: options of `resolve`.

        What came of it, by `outcome`: finished, stopped, finished before, in use, failed (then `error`, one line,
        `details`, `final`: trying again is no use, and `compiling`: so is another seed).
        """
        compiling = False
        try:
            resolved = resolve(**config)
            if resolved.path(seed).is_dir():
                resolved = resumable(resolved, seed)
            prepared = self._reuse(config["task"], resolved)
            if prepared is None:
                self._prepared = None  # its memory is wanted
                compiling = True
                prepared = announce_and_prepare(resolved, self._reporter)
                compiling = False
                self._task, self._prepared = config["task"], prepared
            result = run_seed(prepared, seed, self._reporter, resume=True)
        except RunInUseError:
            return {"outcome": "in use"}
        except FinishedRunError:
            return {"outcome": "finished before"}
        except Exception as error:
            expected = isinstance(error, InputError | StrategyError | StorageError | TaskError)
            text = " ".join(str(error).split())
            return {
                "outcome": "failed",
                "error": text if expected else f"{type(error).__name__}: {text}",
                "details": "" if expected else traceback.format_exc(),
                "final": expected,
                "compiling": compiling,
            }
        return {"outcome": "finished" if result.finished else "stopped"}

    def _reuse(self, task: str, config: RunConfig) -> Prepared | None:
        """The programs that are there, for `config` of the task of this name; None where they are others."""
        if self._prepared is None or task != self._task or resolve_sizes(config.sizes) != self._prepared.sizes:
            return None
        return reuse(self._prepared, config)


class _Events:
    """Progress as JSON lines."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._said = 0.0

    def send(self, event: str, **values: Any) -> None:
        with suppress(BrokenPipeError):  # nobody listens any more: `read` asks the run to stop, and it saves first
            print(json.dumps({"event": event, **values}), file=self._stream, flush=True)

    def message(self, text: str) -> None:
        self.send("message", text=text)

    def start(self, label: str, budget: int, cost: str = "steps") -> None:
        self.send("start")

    def step(self, useful_steps: int) -> None:
        if time.monotonic() - self._said > _STEP_SECONDS:
            self._said = time.monotonic()
            self.send("step", useful_steps=useful_steps)

    def row(self, row: Row) -> None:
        self.send("row", row=row.model_dump())

    def stop(self) -> None:
        pass


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
    runner = Runner(events)
    while (order := orders.get()) is not None:
        busy.set()
        events.send("outcome", **runner.run(**order))
        if interrupt.requested():
            interrupt.leave()
        busy.clear()


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        interrupt.leave()
