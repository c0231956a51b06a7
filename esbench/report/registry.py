"""The tables and figures that a report has. Each is registered where it is defined:

    @table("speed")
    def speed_table(section): ...                # a Table of one track's runs

    @figure("profile", of=lambda section: ..., caption="...")
    def draw_profile(tiers): ...                 # a Figure of what `of` gives

What is registered by a file of one's own, before the report is made, comes last in it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from matplotlib.figure import Figure

from esbench.report.section import Section
from esbench.report.style import drawing
from esbench.report.table import Table

Make = TypeVar("Make", bound=Callable[..., Any])


@dataclass(frozen=True)
class RegisteredTable:
    """make: the table of a section; a table without rows is left out. file: the name of its files next to the page;
    where it is empty, they have the table's name, in a folder. told: whether the terminal shows it. once: whether it is
    the same for every track, so that only the first has it."""

    name: str
    make: Callable[[Section], Table]
    file: str
    told: bool
    once: bool


@dataclass(frozen=True)
class RegisteredFigure:
    """of: what is drawn of a section; where it is None or empty, the figure is left out. draw: draws that. caption: a
    format string over the track's `Wording`, named say. file: as of a table."""

    name: str
    of: Callable[[Section], Any]
    draw: Callable[[Any], Figure]
    caption: str
    file: str


TABLES: dict[str, RegisteredTable] = {}
FIGURES: dict[str, RegisteredFigure] = {}


def table(name: str, file: str = "", told: bool = False, once: bool = False) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        TABLES[name] = RegisteredTable(name, make, file, told, once)
        return make

    return register


def figure(name: str, of: Callable[[Section], Any], caption: str, file: str = "") -> Callable[[Make], Make]:
    def register(draw: Make) -> Make:
        styled = drawing()(draw)
        FIGURES[name] = RegisteredFigure(name, of, styled, caption, file)
        return styled

    return register


def collect(package: str, path: Iterable[str], registered: Mapping[str, Any], order: tuple[str, ...]) -> list[Any]:
    """All that is registered once every module of a package has been imported: in `order`, others after them."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")
    places = {name: place for place, name in enumerate(order)}
    return sorted(registered.values(), key=lambda one: places.get(one.name, len(order)))


def table_path(label: str, ending: str) -> str:
    """Where a table lies in a report."""
    return _path("tables", TABLES, label, ending)


def figure_path(label: str, ending: str) -> str:
    """Where a figure lies in a report."""
    return _path("figures", FIGURES, label, ending)


def _path(folder: str, registered: Mapping[str, Any], label: str, ending: str) -> str:
    file = registered[label].file if label in registered else ""
    return f"{file}.{ending}" if file else f"{folder}/{label}.{ending}"
