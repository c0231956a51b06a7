"""A table: columns over one DataFrame, from which its cells, its CSV, Markdown, LaTeX and HTML are made."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
from pandas.api.types import is_scalar

from esbench.report import table_cell as shown
from esbench.report.digits import csv
from esbench.report.table_cell import Shown
from esbench.statistics.intervals import Estimate

Record = Mapping[str, Any]
"""A row of a table's data by column, without what is absent."""


@dataclass(frozen=True)
class Column:
    """A heading, and what stands below it: `cell` of every row. words: on the left, as words are."""

    heading: str
    cell: Callable[[Record], Shown]
    words: bool = False


@dataclass(frozen=True)
class Table:
    """data: typed columns, not rounded; those whose names begin with `_` are only shown. layout: what is read, from
    left to right, words first. notes: whole sentences. name: what it is a table of, as it is registered. track: where a
    report has another one before it, whose tables have the plain names. asks: the question that it answers. numbers:
    what is published of a table that only sums it up.
    """

    title: str
    data: pd.DataFrame
    layout: Sequence[Column]
    notes: Sequence[str] = ()
    name: str = ""
    track: str = ""
    asks: str = ""
    numbers: pd.DataFrame | None = None

    @property
    def label(self) -> str:
        """Its name in a report: of its files, and what links go to."""
        return in_track(self.name, self.track)

    @property
    def columns(self) -> list[str]:
        """The headings."""
        return [column.heading for column in self.layout]

    @property
    def words(self) -> int:
        """How many columns of words there are."""
        return sum(column.words for column in self.layout)

    @cached_property
    def rows(self) -> list[list[Shown]]:
        """What is read, in every format."""
        return [
            [column.cell(record) for column in self.layout] for record in map(_present, self.data.to_dict("records"))
        ]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The numbers of the table."""
        if self.numbers is not None:
            return self.numbers
        return self.data[[name for name in self.data if not str(name).startswith("_")]]

    def to_csv(self) -> str:
        """The numbers, missing ones empty."""
        return csv(self.frame)


def in_track(name: str, track: str) -> str:
    """The name of a table or a figure, next to those of another track."""
    return f"{track}-{name}" if track else name


def _present(record: Mapping[Hashable, Any]) -> Record:
    return {str(name): value for name, value in record.items() if not (is_scalar(value) and pd.isna(value))}


def as_numbers(estimate: Estimate, name: str, value: str | None = None) -> dict[str, float]:
    """An estimate as three columns of data: `name`, `name_low`, `name_high`. value: another name of the first."""
    return dict(zip(_names(name, value), estimate, strict=True))


def as_row(result: Any) -> dict[str, Any]:
    """What an analysis found as columns of data: a dataclass's numbers and words, and its estimates as three each."""
    row: dict[str, Any] = {}
    for name, value in vars(result).items():
        if isinstance(value, Estimate):
            row |= as_numbers(value, name)
        elif value is None or is_scalar(value):
            row[name] = value
    return row


def _names(name: str, value: str | None) -> tuple[str, str, str]:
    return value or name, f"{name}_low", f"{name}_high"


def _estimate(record: Record, name: str, value: str | None) -> Estimate:
    return Estimate(*(record.get(part, math.nan) for part in _names(name, value)))


# Columns by the names of their data.


def words(heading: str, name: str, left: bool = True) -> Column:
    return Column(heading, lambda record: shown.word(record.get(name)), words=left)


def named(*headings: str) -> list[Column]:
    """Of words, each of the data that its heading names: "Tier" of `tier`."""
    return [words(heading, heading.lower()) for heading in headings]


def number(heading: str, name: str, form: str | None = "d", **looks: Callable[[Record], Any]) -> Column:
    """form: as of `shown.number`. looks: of a record its `bold` and `mark`."""
    return Column(heading, lambda record: shown.number(record.get(name), form, **_of(looks, record)))


def estimate(
    heading: str, name: str, value: str | None = None, places: int | None = 3, **looks: Callable[[Record], Any]
) -> Column:
    """A value and its interval, of the columns of `as_numbers`."""
    return Column(
        heading, lambda record: shown.with_interval(_estimate(record, name, value), places, **_of(looks, record))
    )


def interval(heading: str, name: str, value: str | None = None) -> Column:
    """An interval alone, of the columns of `as_numbers`."""
    return Column(heading, lambda record: shown.interval(_estimate(record, name, value)))


def share(heading: str, part: str, whole: str) -> Column:
    """Some of all, two whole numbers."""
    return Column(heading, lambda record: Shown(f"{record[part]} of {record[whole]}", record[part]))


def unless(says: Callable[[Record], str | None], *columns: Column) -> list[Column]:
    """The columns, of rows of which something is to be said with that in their stead."""

    def other(column: Column) -> Column:
        def cell(record: Record) -> Shown:
            return column.cell(record) if (said := says(record)) is None else Shown(said)

        return replace(column, cell=cell)

    return [other(column) for column in columns]


def _of(looks: Mapping[str, Callable[[Record], Any]], record: Record) -> dict[str, Any]:
    return {name: look(record) for name, look in looks.items()}
