"""What stands in one cell of a table: how a word, a number or an estimate is shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from esbench.report.digits import agreed, written
from esbench.statistics.intervals import Estimate

MISSING = "missing"
"""What was not measured. It is never shown as a zero."""


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


def word(text: str | None) -> Shown:
    return Shown("-") if text is None else Shown(text, text)


def number(value: float | None, form: str | None = None, bold: bool = False, mark: str = "") -> Shown:
    """form: one of Python's formats; None: a mean, with about four digits."""
    if value is None or math.isnan(value):
        return Shown("-")
    return Shown(written(value, form or f".{decimals(value)}f"), value, bold, mark)


def interval(value: Estimate, places: int | None = None) -> Shown:
    """That of an estimate, in a separate cell; "none" without an interval."""
    if math.isnan(value.value):
        return Shown("-")
    return Shown(_bounds(value, places) if value.has_interval else "none", value.low)


def with_interval(value: Estimate, places: int | None = 3, bold: bool = False, mark: str = "") -> Shown:
    """The value and its interval in one cell. places: decimals, None for about four digits."""
    if math.isnan(value.value):
        return Shown("-")
    places = decimals(value.value) if places is None else places
    bounds = f" {_bounds(value, places)}" if value.has_interval else ""
    return Shown(written(value.value, f".{places}f") + bounds, value.value, bold, mark)


def _bounds(value: Estimate, places: int | None = None) -> str:
    places = decimals(value.value) if places is None else places
    return f"[{written(value.low, f'.{places}f')}, {written(value.high, f'.{places}f')}]"


def decimals(value: float) -> int:
    """Decimals that leave about four significant digits of a mean."""
    size = abs(agreed(value))
    return 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3


def span(values: Sequence[int]) -> str:
    """Ascending numbers as they are told: the only one, or the first and the last."""
    return f"{values[0]:,}" if len(values) == 1 else f"{values[0]:,} to {values[-1]:,}"


def within(low: float, high: float) -> Shown:
    """Between which two means something lies; one number where they are equal."""
    places = decimals(max(low, high, key=abs))
    return Shown(" to ".join(dict.fromkeys(written(value, f".{places}f") for value in (low, high))), low)


def between(first: int | None, last: int | None) -> Shown:
    """What lies between two whole numbers, both included; none where they are absent."""
    if first is None:
        return Shown("-")
    return Shown(str(first) if first == last else f"{first}-{last}", first)
