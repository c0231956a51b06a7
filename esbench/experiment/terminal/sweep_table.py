"""What a sweep says while it runs: a table that is kept up to date on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from typing import Any, TextIO

from esbench.experiment.many_runs.jobs import Job, SweepOutcome
from esbench.experiment.terminal.progress import duration, pace
from esbench.results.records import Row


class SweepTable:
    """Plain lines: what happens, and one line per row."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._jobs: Sequence[Job] = ()
        self._running: dict[int, Job] = {}
        self._steps: dict[int, int] = {}
        self._pace: dict[int, str] = {}
        self._began = time.monotonic()
        # Of runs in all, where more than the first come to be known on the way.
        self.expected = 0

    def begin(self, jobs: Sequence[Job], outcome: SweepOutcome) -> None:
        self._jobs, self._outcome, self._began = jobs, outcome, time.monotonic()
        if outcome.before:
            self.message(f"{len(outcome.before)} of {len(jobs)} runs are finished already")

    def message(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def started(self, slot: int, job: Job) -> None:
        self._running[slot] = job
        self._steps[slot], self._pace[slot] = 0, ""

    def step(self, slot: int, useful_steps: int) -> None:
        self._steps[slot] = useful_steps

    def row(self, slot: int, row: Row) -> None:
        job = self._running[slot]
        self._steps[slot] = row.useful_steps
        self._pace[slot] = pace(row, job.config.budget, job.config.task.spec.cost_word)
        self._said_row(job, row, self._pace[slot])

    def ended(self, slot: int) -> None:
        self._running.pop(slot, None)

    def settled(self) -> None:
        """A run came to its end, one way or another."""
        self.message(self._count())

    def tick(self) -> None:
        """Nothing happened for a moment."""

    def end(self) -> None:
        pass

    def _count(self) -> str:
        """How far all runs are, and the time left for them."""
        failed = f", {len(self._outcome.failed)} failed" if self._outcome.failed else ""
        left = f", {left} for all" if self._waiting and (left := self._left()) else ""
        return f"{self._finished} of {self._total} runs done{failed}{left}"

    @property
    def _total(self) -> int:
        return max(self.expected, len(self._jobs))

    @property
    def _finished(self) -> int:
        return len(self._outcome.before) + len(self._outcome.done)

    @property
    def _waiting(self) -> int:
        outcome = self._outcome
        return self._total - self._finished - len(outcome.failed) - len(outcome.elsewhere) - len(self._running)

    def _left(self) -> str:
        """Runs are counted by their part of a tier's budget: a tuning begins with parts of it."""
        outcome = self._outcome
        under_way = sum(_part(job, self._steps[slot]) for slot, job in self._running.items())
        done = sum(map(_part, outcome.done)) + under_way
        if done <= 0:
            return ""
        ended = {*outcome.before, *outcome.done, *outcome.failed, *outcome.elsewhere}
        known = sum(_part(job) for job in self._jobs if job not in ended)
        left = known - under_way + self._total - len(self._jobs)
        return f"{duration((time.monotonic() - self._began) / done * left)} left"

    def _said_row(self, job: Job, row: Row, pace: str) -> None:
        done = f"{row.useful_steps:,} of {job.config.budget:,} {job.config.task.spec.cost_word}"
        self.message(f"{job.label}: {done}, {pace}")


class LiveTable(SweepTable):
    """The counts, the runs under way and the time left, redrawn in place."""

    def __init__(self, stream: TextIO):
        from rich.console import Console
        from rich.live import Live

        super().__init__(stream)
        self._live = Live(console=Console(file=stream), get_renderable=self._draw, refresh_per_second=2)

    def begin(self, jobs: Sequence[Job], outcome: SweepOutcome) -> None:
        super().begin(jobs, outcome)
        self._live.start()

    def message(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def settled(self) -> None:
        """The table shows it."""

    def end(self) -> None:
        self._live.stop()

    def _said_row(self, job: Job, row: Row, pace: str) -> None:
        pass

    def _draw(self) -> Any:
        from rich.table import Table as Grid

        grid = Grid(box=None, show_header=False, padding=(0, 2, 0, 0))
        for slot, job in sorted(self._running.items()):
            share = min(1.0, self._steps[slot] / job.config.budget)
            grid.add_row(job.label, f"{share:4.0%}", self._pace[slot] or "compiling")
        counts = f"{self._finished} done, {len(self._running)} running, {len(self._outcome.failed)} failed"
        grid.add_row(f"{self._total} runs: {counts}, {self._waiting} waiting", "", self._left())
        return grid


def _part(job: Job, steps: int | None = None) -> float:
    """The part of its tier's budget that a run has done after `steps`, None for all of its own budget."""
    budget = job.config.budget
    done = budget if steps is None else min(steps, budget)
    return done / getattr(job.config.task.spec.budgets, job.config.tier)


def table(stream: TextIO) -> SweepTable:
    return LiveTable(stream) if stream.isatty() else SweepTable(stream)
