"""A table as it is shown, in every format, and as numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from esbench.report.digits import agreed, csv, written
from esbench.statistics.intervals import Estimate

MISSING = "missing"


@dataclass(frozen=True)
class Shown:
    """One cell of a table. text: as read. key: what it is sorted by. bold: the best. mark: stands behind the text."""

    text: str
    key: float | str | None = None
    bold: bool = False
    mark: str = ""

    @property
    def sort_key(self) -> float | str | None:
        """The key as a page has it."""
        return self.key if self.key is None or isinstance(self.key, str) else agreed(self.key)


@dataclass(frozen=True)
class Table:
    """name: what it is a table of. columns: headings, the first `words` of which stand above words, the others above
    numbers.

    rows: what is shown. frame: the numbers of the same rows, not rounded. notes: whole sentences. track: where a report
    has another one before it, whose tables have the plain names.
    """

    name: str
    title: str
    columns: Sequence[str]
    words: int
    rows: Sequence[Sequence[Shown]]
    frame: pd.DataFrame
    notes: Sequence[str]
    track: str = ""

    @property
    def label(self) -> str:
        """Its name in a report: of its files, and what links go to."""
        return in_track(self.name, self.track)

    def to_csv(self) -> str:
        """The numbers, missing ones empty."""
        return csv(self.frame)


def in_track(name: str, track: str) -> str:
    """What a table or a figure is called beside those of another track."""
    return f"{track}-{name}" if track else name


def words(*texts: str) -> list[Shown]:
    return [Shown(text, text) for text in texts]


def missing(columns: int) -> list[Shown]:
    """What was not measured, over so many columns: said once, and never a zero."""
    return [Shown(MISSING), *[Shown("")] * (columns - 1)]


def number(value: float, form: str) -> Shown:
    return Shown("-") if math.isnan(value) else Shown(written(value, form), value)


def span(values: Sequence[int]) -> str:
    """Ascending numbers as they are told: the only one, or the first and the last."""
    return f"{values[0]:,}" if len(values) == 1 else f"{values[0]:,} to {values[-1]:,}"


def decimals(value: float) -> int:
    """Decimals that leave about four significant digits of a mean."""
    size = abs(agreed(value))
    return 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3


def estimate(value: Estimate, places: int | None = None, bold: bool = False, mark: str = "") -> list[Shown]:
    """The value and, in a cell of its own, its interval; "none" where there is no interval."""
    if math.isnan(value.value):
        return [Shown("-"), Shown("-")]
    places = decimals(value.value) if places is None else places
    interval = _interval(value, places) if value.has_interval else "none"
    return [Shown(written(value.value, f".{places}f"), value.value, bold, mark), Shown(interval, value.low)]


def with_interval(value: Estimate, places: int = 3, bold: bool = False, mark: str = "") -> Shown:
    """The value and its interval in one cell."""
    if math.isnan(value.value):
        return Shown("-")
    interval = f" {_interval(value, places)}" if value.has_interval else ""
    return Shown(written(value.value, f".{places}f") + interval, value.value, bold, mark)


def _interval(value: Estimate, places: int) -> str:
    return f"[{written(value.low, f'.{places}f')}, {written(value.high, f'.{places}f')}]"
