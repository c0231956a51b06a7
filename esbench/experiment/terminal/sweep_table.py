"""What a sweep says while it runs: a table that is kept up to date on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any, TextIO

from esbench.experiment.many_runs.jobs import Job, SweepOutcome
from esbench.experiment.terminal.progress import duration, pace
from esbench.results.records import Row


class SweepTable:
    """Plain lines: what happens, and one line per row."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._jobs: Sequence[Job] = ()
        self._outcome = SweepOutcome()
        self._running: dict[int, Job] = {}
        self._steps: dict[int, int] = {}
        self._rows: dict[int, Row | None] = {}
        self._last: dict[Job, Row] = {}
        self._started: dict[int, float] = {}
        # Of runs in all, where more than the first come to be known on the way.
        self.expected = 0

    def begin(self, jobs: Sequence[Job], outcome: SweepOutcome) -> None:
        self._jobs, self._outcome = jobs, outcome
        if outcome.before:
            self.message(f"{len(outcome.before)} of {len(jobs)} runs are finished already")

    def message(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def started(self, slot: int, job: Job) -> None:
        self._running[slot] = job
        self._steps[slot], self._rows[slot], self._started[slot] = 0, None, time.monotonic()

    def step(self, slot: int, useful_steps: int) -> None:
        self._steps[slot] = useful_steps

    def row(self, slot: int, row: Row) -> None:
        job = self._running[slot]
        self._steps[slot], self._rows[slot], self._last[job] = row.useful_steps, row, row
        self._said_row(job, row)

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
        running = f", {len(self._running)} running" if self._running else ""
        following = f", next {name}" if (name := self._next()) else ""
        left = f", {left} for all" if (self._waiting or self._running) and (left := self._left()) else ""
        return f"{self._finished} of {self._total} runs done{failed}{running}{following}{left}"

    def _next(self) -> str:
        """The run that begins when one ends: a worker first looks for one whose programs it has."""
        outcome = self._outcome
        begun = {*outcome.before, *outcome.done, *outcome.failed, *outcome.elsewhere, *self._running.values()}
        programs = {job.programs for job in self._running.values()}
        waiting = [job for job in self._jobs if job not in begun]
        return min(waiting, key=lambda job: job.programs not in programs).label if waiting else ""

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
        """Training by the parts of a tier's budget, since a tuning begins with parts of it; then what is to compile."""
        outcome = self._outcome
        trained = sum(_part(job, row.useful_steps) for job, row in self._last.items())
        if not trained:
            return ""
        seconds = sum(row.train_seconds + row.evaluate_seconds + row.log_seconds for row in self._last.values())
        ended = {*outcome.before, *outcome.done, *outcome.failed, *outcome.elsewhere}
        left = [job for job in self._jobs if job not in ended]
        under_way = sum(_part(job, self._steps[slot]) for slot, job in self._running.items())
        parts = sum(map(_part, left)) - under_way + self._total - len(self._jobs)
        compiled = {job.programs: row.compile_seconds for job, row in self._last.items()}
        programs = {job.programs for job in left} - compiled.keys()
        compiling = fmean(compiled.values()) * len(programs)
        return f"{duration((seconds / trained * parts + compiling) / max(1, len(self._running)))} left"

    def _said_row(self, job: Job, row: Row) -> None:
        done = f"{row.useful_steps:,} of {job.config.budget:,} {job.config.task.spec.cost_word}"
        self.message(f"{job.label}: {done}, {self._pace(job, row, row.useful_steps)}")

    @staticmethod
    def _pace(job: Job, row: Row, reached: int) -> str:
        return pace(row, job.config.budget, job.config.task.spec.cost_word, reached)


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

    def _said_row(self, job: Job, row: Row) -> None:
        pass

    def _draw(self) -> Any:
        from rich.console import Group
        from rich.table import Table as Grid
        from rich.text import Text

        grid = Grid(box=None, show_header=False, padding=(0, 2, 0, 0))
        for slot, job in sorted(self._running.items()):
            share, row = min(1.0, self._steps[slot] / job.config.budget), self._rows[slot]
            waited = f"compiling, {duration(time.monotonic() - self._started[slot])} so far"
            grid.add_row(job.label, f"{share:4.0%}", waited if row is None else self._pace(job, row, self._steps[slot]))
        return Group(grid, Text(self._count()))


def _part(job: Job, steps: int | None = None) -> float:
    """The part of its tier's budget that a run has done after `steps`, None for all of its own budget."""
    budget = job.config.budget
    done = budget if steps is None else min(steps, budget)
    return done / getattr(job.config.task.spec.budgets, job.config.tier)


def table(stream: TextIO) -> SweepTable:
    return LiveTable(stream) if stream.isatty() else SweepTable(stream)
