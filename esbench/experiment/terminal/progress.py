"""What a run says while it runs: a bar on a terminal, plain lines elsewhere."""

import sys
from typing import Protocol, TextIO

from esbench.results.records import Row


class Progress(Protocol):
    """Told by the runner what happens. Nothing it does is part of a run's results."""

    def message(self, text: str) -> None: ...
    def start(self, label: str, budget: int, cost: str = "steps") -> None:
        """cost: the unit of the budget, in a word."""
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


def pace(row: Row, budget: int, cost: str = "steps") -> str:
    """The measure, speed and time left, as one text."""
    text = f"{row.measure} {row.value:.4g}"
    if not row.useful_steps:
        return text
    seconds = row.train_seconds + row.evaluate_seconds + row.log_seconds
    left = max(0, budget - row.useful_steps) / row.useful_steps * seconds
    return f"{text}, {row.useful_steps / row.train_seconds:,.0f} {cost}/s, {duration(left)} left"


def duration(seconds: float) -> str:
    """As minutes:seconds, with hours where there are any."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


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
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[pace]}"),
        )
        self._bar = Progress(*columns, console=self._console)
        self._budget, self._cost = 0, "steps"

    def message(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def start(self, label: str, budget: int, cost: str = "steps") -> None:
        self._budget, self._cost = budget, cost
        self._task = self._bar.add_task(label, total=budget, pace="")
        self._bar.start()

    def step(self, useful_steps: int) -> None:
        self._bar.update(self._task, completed=useful_steps)

    def row(self, row: Row) -> None:
        self._bar.update(self._task, pace=pace(row, self._budget, self._cost))

    def stop(self) -> None:
        self._bar.stop()
        self._bar.remove_task(self._task)
