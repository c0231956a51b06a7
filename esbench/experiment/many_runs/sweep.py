"""Many runs in processes of this machine: none stops the others, whatever ends it, and what is done stays done."""

import importlib.util
import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import esbench
from esbench.errors import InputError
from esbench.experiment.many_runs.jobs import Job, SweepOutcome, forget_errors, record_error, status
from esbench.experiment.one_run import interrupt
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.results.checkpoints import Checkpoints
from esbench.results.error_file import AGAIN
from esbench.results.records import Row
from esbench.results.run_directory import CHECKPOINTS

RETRIES = 3
_STOP_SECONDS = 25.0
_TAIL_BYTES = 4000


def sweep(
    jobs: Sequence[Job],
    table: SweepTable,
    processes: int = 1,
    retries: int = RETRIES,
    environments: Sequence[dict[str, str]] = ({},),
    more: Callable[[SweepOutcome], Sequence[Job]] = lambda _: (),
    together: int | None = None,
) -> SweepOutcome:
    """Runs `jobs` in `processes` processes: finished ones stay as they are, unfinished ones go on.

    together: how many runs of the same programs a process runs side by side, at most and as far as memory goes; None
    for as many as fill the device. The next run takes the place of one that has ended. A run that crashed is tried
    again by itself.
    retries: how often a run that crashed is started again without having come further. environments: variables of the
    processes, in turn. more: given what has ended so far, the jobs that are due because of it; they go before those
    that wait.
    """
    jobs = list(jobs)
    outcome = SweepOutcome(before=[job for job in jobs if status(job) == "finished"])
    pending = [job for job in jobs if job not in outcome.before]

    def due() -> Sequence[Job]:
        found = more(outcome)
        jobs.extend(found)  # the table counts them
        return found

    pool = _Pool(pending, outcome, table, retries, environments, due, together)
    table.begin(jobs, outcome)
    try:
        with interrupt.rescuing(pool.stop):
            try:
                pool.run(processes)
            finally:
                pool.stop()
    finally:
        table.end()
    others, outcome.elsewhere = outcome.elsewhere, []
    for job in others:
        (outcome.before if status(job) == "finished" else outcome.elsewhere).append(job)
    return outcome


class _Worker:
    """A worker and the jobs that it is at, by the number that it knows them by.

    programs: those that it has, or compiles. together: how many jobs they have room for. compiling: whether none of
    them was begun yet. closing: whether it gets no more jobs.
    """

    def __init__(self, environment: dict[str, str], events: "queue.SimpleQueue[tuple[_Worker, dict[str, Any]]]"):
        self.jobs: dict[int, Job] = {}
        self.programs, self.together = "", 1
        self.compiling, self.closing = True, False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 open as long as the process is
        # The worker imports this esbench, wherever it is started.
        paths = [str(Path(esbench.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "esbench.experiment.many_runs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment},
            start_new_session=True,  # Ctrl-C is for the sweep, which tells its workers
        )
        threading.Thread(target=self._read, args=(events,), daemon=True).start()

    def _read(self, events) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # cut off by the process's end
            events.put((self, event))
        self._process.stdout.close()
        self._process.wait()
        events.put((self, {"event": "exit"}))

    @property
    def places(self) -> int:
        """How many more jobs it can be given; as many as may be where it has none."""
        if self.closing:
            return 0
        return max(self.together - len(self.jobs), 0) if self.jobs else 1

    def start(self, number: int, job: Job, **room: Any) -> None:
        """Gives it a job. room: for the worker's `begin`."""
        if job.programs != self.programs or (room["alone"] and self.together > 1):
            self.programs, self.together, self.compiling = job.programs, 1, True
        self.jobs[number] = job
        order = {"number": number, "config": dict(job.options), "seed": job.seed, **room}
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died; its exit says so
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def begun(self, together: int) -> None:
        """A job was begun, with programs that have room for so many."""
        self.together, self.compiling = together, False

    def close(self) -> None:
        """No more work: it ends by itself."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float) -> None:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def death(self) -> tuple[str, str]:
        """What ended the process, in one line, and the last that it said."""
        code = self._process.returncode
        if code < 0:
            name = signal.Signals(-code).name
            memory = "; the system does this too when memory runs out" if -code == signal.SIGKILL else ""
            said = f"the process was ended by signal {-code} ({name}{memory})"
        else:
            said = f"the process ended with status {code}"
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - _TAIL_BYTES))
        return said, self._errors.read().decode(errors="replace")


class _Pool:
    def __init__(
        self,
        pending: list[Job],
        outcome: SweepOutcome,
        table: SweepTable,
        retries: int,
        environments: Sequence[dict[str, str]],
        more: Callable[[], Sequence[Job]],
        together: int | None,
    ):
        self._pending, self._outcome, self._table, self._more = pending, outcome, table, more
        self._retries, self._environments, self._together = retries, environments, together
        self._events: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
        self._workers: dict[int, _Worker] = {}
        self._crashes: Counter[Job] = Counter()
        self._reached: dict[Job, int] = {}
        self._numbers = itertools.count()
        self._stopping = threading.Lock()

    def run(self, processes: int) -> None:
        for place in range(processes):
            self._give_work(place)
        while self._workers:
            if interrupt.requested():
                self._outcome.stopped = True
                return
            try:
                worker, event = self._events.get(timeout=0.2)
            except queue.Empty:
                self._table.tick()
                continue
            if worker in self._workers.values():  # not one that was given up
                self._handle(worker, event)
            for place in range(processes):
                self._give_work(place)

    def stop(self) -> None:
        """Ends all processes: each saves what it reached. Waits for them, for no longer than they may take."""
        with self._stopping:
            workers = list(self._workers.values())
            for worker in workers:
                worker.terminate()
            deadline = time.monotonic() + _STOP_SECONDS
            for worker in workers:
                worker.wait(max(0.1, deadline - time.monotonic()))

    def _give_work(self, place: int) -> None:
        """Jobs for a worker, as many as it has room for; where there is none for it, it ends."""
        worker = self._workers.get(place)
        if worker is not None and worker.closing and not worker.jobs:
            worker = self._end(place)
        while (worker is None or worker.places) and (job := self._next(worker)) is not None:
            if worker is None:
                worker = self._workers[place] = _Worker(
                    self._environments[place % len(self._environments)], self._events
                )
            number = next(self._numbers)
            self._pending.remove(job)
            self._table.started(number, job)
            worker.start(number, job, **self._room(job))
        if worker is not None and not worker.jobs:
            self._end(place)

    def _end(self, place: int) -> None:
        worker = self._workers.pop(place)
        worker.close()
        worker.wait(_STOP_SECONDS)

    def _next(self, worker: _Worker | None) -> Job | None:
        """The next job for a worker: one of the programs that it has, else one whose programs nobody has; none where
        it is at jobs of other programs."""
        taken = {other.programs for other in self._workers.values()}
        if worker is not None and worker.jobs:
            joining = (job for job in self._pending if job.programs == worker.programs and not self._crashes[job])
            return next(joining, None)
        own = worker.programs if worker is not None else ""

        def preference(job: Job) -> int:
            return 0 if job.programs == own else 1 if job.programs not in taken else 2

        return min(self._pending, key=preference, default=None)

    def _room(self, job: Job) -> dict[str, Any]:
        """What the programs of a job shall have room for."""
        alike = 1 + sum(other.programs == job.programs and not self._crashes[other] for other in self._pending)
        alone, filling = bool(self._crashes[job]), self._together is None
        return {"most": 1 if alone else min(self._together or alike, alike), "filling": filling, "alone": alone}

    def _handle(self, worker: _Worker, event: dict[str, Any]) -> None:
        if event["event"] == "exit":
            self._died(worker)
            return
        number = event["job"]
        job = worker.jobs[number]
        match event["event"]:
            case "message":
                self._table.message(event["text"])
            case "begun":
                worker.begun(event["together"])
            case "step":
                self._table.step(number, event["useful_steps"])
            case "row":
                self._table.row(number, Row(**event["row"]))
            case "outcome":
                del worker.jobs[number]
                self._table.ended(number)
                self._finish(worker, job, event)
                self._pending[:0] = self._more()
                self._table.settled()

    def _died(self, worker: _Worker) -> None:
        said, details = worker.death()
        self._workers = {place: other for place, other in self._workers.items() if other is not worker}
        for number, job in worker.jobs.items():
            self._table.ended(number)
            self._crashed(job, said, details, worker.compiling)
        if worker.jobs:
            self._pending[:0] = self._more()
            self._table.settled()

    def _finish(self, worker: _Worker, job: Job, event: dict[str, Any]) -> None:
        match event["outcome"]:
            case "finished":
                forget_errors(job)
                self._outcome.done.append(job)
            case "finished before":
                self._outcome.before.append(job)
            case "in use":
                self._table.message(f"{job.label}: is being run by another process")
                self._outcome.elsewhere.append(job)
            case "stopped":  # somebody ended the process in good order
                worker.closing = True
                self._pending.insert(0, job)
            case "failed" if event["final"]:
                self._fail(job, event["error"], event["details"], event["compiling"])
            case "failed":
                # What is left of an unexpected error, memory above all, must not end the next run.
                worker.closing = True
                self._crashed(job, event["error"], event["details"], event["compiling"])

    def _crashed(self, job: Job, error: str, details: str, compiling: bool) -> None:
        """Another try, unless it has had them all without coming further."""
        reached = _checkpoint(job)
        if reached > self._reached.get(job, 0):
            self._crashes[job] = 0
        self._reached[job] = reached
        self._crashes[job] += 1
        if self._crashes[job] > self._retries:
            self._fail(job, error, details, compiling)
            return
        record_error(job, f"{error}{AGAIN}\n{details}")
        self._table.message(f"{job.label}: {error}{AGAIN}")
        self._pending.insert(0, job)

    def _fail(self, job: Job, error: str, details: str, compiling: bool) -> None:
        others = [other for other in self._pending if compiling and other.programs == job.programs]
        for failed in (job, *others):
            record_error(failed, f"{error}\n{details}")
            self._outcome.failed[failed] = error
            self._table.message(f"{failed.label} failed: {error}")
        self._pending[:] = [other for other in self._pending if other not in others]


def _checkpoint(job: Job) -> int:
    """The newest one's generation, 0 where there is none."""
    return next(iter(Checkpoints(job.path / CHECKPOINTS).numbers()), 0)


def device_environments(processes: int | None, devices: int) -> tuple[int, list[dict[str, str]]]:
    """How many processes, and the variables of each: on GPUs, `devices` of its own; on a CPU, all of it.

    processes: None for as many as there are GPUs for, one on a CPU. InputError for more than that.
    """
    gpus = visible_gpus()
    if not gpus:
        return processes or 1, [{}]
    most = max(1, len(gpus) // devices)
    if processes is not None and processes > most:
        raise InputError(f"--jobs {processes}: expected at most {most}, one for each {devices} of {len(gpus)} GPUs")
    shares = [gpus[slot * devices : (slot + 1) * devices] for slot in range(most)]
    return processes or most, [{"CUDA_VISIBLE_DEVICES": ",".join(share)} for share in shares]


def visible_gpus() -> list[str]:
    """The NVIDIA GPUs that a process started now would use, by number or by name; none where JAX is told to use the
    CPU or has no plug-in for them."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    if platforms.startswith("cpu") or not any(importlib.util.find_spec(name) for name in plugins):
        return []
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        # As CUDA reads it: what follows a number below 0 does not count.
        return list(itertools.takewhile(lambda name: name and not name.startswith("-"), chosen.split(",")))
    try:
        listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]
