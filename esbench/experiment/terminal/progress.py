"""What a run says while it runs: a bar on a terminal, plain lines elsewhere."""

import shutil
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from esbench.results.records import Row
from esbench.results.score_rule import ROWS, share_of


class Progress(Protocol):
    """Told by the runner what happens. Nothing it does is part of a run's results."""

    def message(self, text: str) -> None: ...
    def start(self, label: str, budget: int, cost: str = "steps") -> None:
        """cost: the unit of the budget."""
        ...

    def step(self, useful_steps: int) -> None: ...
    def row(self, row: Row) -> None: ...
    def stop(self) -> None: ...


def progress(stream: TextIO | None = None) -> Progress:
    """For `stream`, standard error where none is given: a bar on a terminal, one line in a notebook, else lines."""
    stream = stream or sys.stderr
    if "ipykernel" in sys.modules:
        return OneLine(stream)
    return Bar(stream) if stream.isatty() else Lines(stream)


def pace(row: Row, budget: int, cost: str = "steps", reached: int = 0) -> str:
    """The measure, the speed, when the next evaluation is due and the time left, as one text.

    reached: useful steps by now, where they are more than the row's. All times are judged by those up to the row.
    """
    text, reached = f"{row.measure} {row.value:.4g}", max(reached, row.useful_steps)
    due = -(-budget * (share_of(row.useful_steps, budget) + 1) // ROWS)
    if not row.useful_steps:
        return f"{text}, next evaluation at {min(due, budget):,} {cost}"
    text += f", {row.useful_steps / row.train_seconds:,.0f} {cost}/s"
    if row.useful_steps >= budget:
        return text

    def until(steps: int) -> str:
        seconds = row.train_seconds + row.evaluate_seconds + row.log_seconds
        return duration(max(0, steps - reached) / row.useful_steps * seconds)

    if due >= budget:
        return f"{text}, last evaluation in {until(budget)}"
    return f"{text}, next evaluation in {until(due)}, {until(budget)} left"


def countdown(what: str, names: Sequence[str], say: Callable[[str], object]) -> Generator[str]:
    """Each name in turn. `say` hears first which it is, and the time left for all, judged by those before."""
    start = time.monotonic()
    for done, name in enumerate(names):
        each = (time.monotonic() - start) / max(1, done)
        left = f", about {duration(each * (len(names) - done))} left" if done else ""
        say(f"{what} {done + 1} of {len(names)}: {name}{left}")
        yield name


def duration(seconds: float) -> str:
    """As minutes:seconds, with hours where there are any."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@contextmanager
def passing(stream: TextIO | None = None) -> Generator[Callable[[str], None]]:
    """A function that says what is under way, on `stream` or standard error.

    On a terminal each text replaces the one before, and none is left at the end; elsewhere each is a line.
    """
    stream = stream or sys.stderr

    def replace(text: str) -> None:
        columns = shutil.get_terminal_size().columns
        print(f"\r\x1b[K{text[: columns - 1]}", end="", file=stream, flush=True)

    def add(text: str) -> None:
        if text:
            print(text, file=stream, flush=True)

    say = replace if stream.isatty() else add
    try:
        yield say
    finally:
        say("")


class Silent:
    """Says nothing."""

    def message(self, text: str) -> None:
        pass

    def start(self, label: str, budget: int, cost: str = "steps") -> None:
        pass

    def step(self, useful_steps: int) -> None:
        pass

    def row(self, row: Row) -> None:
        pass

    def stop(self) -> None:
        pass


class Lines(Silent):
    """One line per row."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._label, self._budget, self._cost = "", 0, "steps"

    def message(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def start(self, label: str, budget: int, cost: str = "steps") -> None:
        self._label, self._budget, self._cost = label, budget, cost

    def row(self, row: Row) -> None:
        self.message(self._text(row))

    def _text(self, row: Row) -> str:
        done = f"{row.useful_steps:,} of {self._budget:,} {self._cost}"
        return f"{self._label}: {done}, {pace(row, self._budget, self._cost)}"


class OneLine(Lines):
    """A line a run, written over by the next row: a notebook shows all that is printed."""

    def row(self, row: Row) -> None:
        print(f"\r{self._text(row):<100}", end="", file=self._stream, flush=True)

    def stop(self) -> None:
        print(file=self._stream, flush=True)


class Bar:
    """A bar that moves with every step of the learner."""

    def __init__(self, stream: TextIO):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._console = Console(file=stream)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(20),
            TaskProgressColumn(),
            TextColumn("{task.fields[pace]}"),
        )
        self._bar = Progress(*columns, console=self._console)
        self._budget, self._cost = 0, "steps"
        self._row: Row | None = None

    def message(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def start(self, label: str, budget: int, cost: str = "steps") -> None:
        self._budget, self._cost, self._row = budget, cost, None
        self._task = self._bar.add_task(label, total=budget, pace="first evaluation")
        self._bar.start()

    def step(self, useful_steps: int) -> None:
        text = "" if self._row is None else pace(self._row, self._budget, self._cost, useful_steps)
        self._bar.update(self._task, completed=useful_steps, pace=text)

    def row(self, row: Row) -> None:
        self._row = row
        self.step(row.useful_steps)

    def stop(self) -> None:
        self._bar.stop()
        self._bar.remove_task(self._task)
