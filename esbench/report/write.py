"""A report of runs, below some directories or in memory: looked at, or written into a directory."""

import html
import itertools
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from esbench.errors import InputError
from esbench.report.contents import Contents
from esbench.report.registry import FIGURES, TABLES, figure_path, table_path
from esbench.report.table import in_track
from esbench.results.load import Run, load_runs, run_identity


@dataclass(frozen=True)
class Written:
    """What was written. text: for a terminal. table, figure, page: what to name to a reader."""

    text: str
    table: Path
    figure: Path
    page: Path


class Report:
    """A report of some runs, its parts made when they are asked for; nothing is written before `write`.

    In a notebook it shows itself as its first table.
    """

    def __init__(self, runs: Sequence[Run]):
        self._contents = Contents(runs)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The numbers of every table by name, not rounded; "scores" are the final measures. With tables of another
        track, those of track t are named "t-scores" and so on."""
        return {table.label: table.frame for table in self._contents.tables}

    @property
    def figures(self) -> dict[str, Callable[[], Figure]]:
        """What draws each figure, by name; "curves" are the learning curves. Named as the tables are."""
        return self._contents.figures

    @cached_property
    def text(self) -> str:
        """What `esbench report` prints: a summary and the tables that answer first, in Markdown."""
        return self._contents.told()

    def write(self, out: str | os.PathLike[str], say: Callable[[str], object] = lambda _: None) -> Written:
        """Writes the report into `out`, replacing an older one there.

        It has table.{md,tex,csv} (final measures), curves.{png,svg}, report.html (the page) and report.md (all tables).
        The folders tables, figures and ioh have the other tables, the other figures and the export for IOHanalyzer.
        say: is told what is being made, a line each. InputError where `out` cannot be written.
        """
        contents, out = self._contents, Path(out)
        try:
            out.mkdir(parents=True, exist_ok=True)  # before the work, since it may fail
            files = contents.files(say)
            for old in _older(out):
                if str(old.relative_to(out)) not in files:
                    old.unlink()
            for name, content in files.items():
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                (out / name).write_bytes(content)
        except OSError as error:
            raise InputError(f"cannot write a report to {out}: {error.strerror}") from error
        return Written(self.text, out / "table.md", out / figure_path("curves", "png"), out / "report.html")

    def __repr__(self) -> str:
        told = self._contents.summary[: len(self._contents.tiers)]
        return f"<Report: {' '.join(told)} Tables: {', '.join(self.tables)}; figures: {', '.join(self.figures)}>"

    def _repr_html_(self) -> str:
        sentences = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self._contents.summary)
        main = self._contents.tables[0]
        shown = pd.DataFrame([[cell.text + cell.mark for cell in row] for row in main.rows], columns=main.columns)
        return f"<ul>{sentences}</ul>{shown.to_html(index=False)}"


def load_report(*runs: Any, out: str | os.PathLike[str] | None = None) -> Report:
    """Tables and figures of runs: directories, of which all runs below count, and what `esbench.run` and
    `esbench.train` give, in any mixture.

    Unfinished runs are named and left out.

    Args:
        *runs: the directories and results.
        out: a directory to write it into, as `Report.write`.

    Raises:
        InputError: where all runs are unfinished, or where some cannot be compared.
    """
    found = Report(_all_runs(runs))
    if out is not None:
        found.write(out)
    return found


def _all_runs(given: Sequence[Any]) -> list[Run]:
    """By tier, task, name and seed. A last line that was cut off stands in the summary instead of a warning."""
    directories: list[Any] = []
    runs: list[Run] = []
    for one in given:
        if isinstance(one, str | os.PathLike):
            directories.append(one)
        elif hasattr(one, "manifest"):
            runs.append(one)
        elif hasattr(one, "runs"):
            runs += one.runs
        elif hasattr(one, "path"):
            directories.append(one.path)
        else:
            raise InputError(f"report of {one!r}: expected directories, or what esbench.run or esbench.train gives")
    if directories or not runs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            runs = [*load_runs(*directories), *runs]
    return sorted(runs, key=run_identity)


def read_contents(directories: Sequence[str | os.PathLike[str]]) -> Contents:
    """Of all runs below `directories`."""
    return Contents(_all_runs(directories))


def write_report(
    directories: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    say: Callable[[str], object] = lambda _: None,
) -> Written:
    """`load_report` of all runs below `directories`, written into `out`. say: as `Report.write`."""
    return load_report(*directories).write(out, say)


def _older(out: Path) -> list[Path]:
    """Files of an earlier report of any tracks, which this one may lack. Other files always stay."""
    found = list((out / "ioh").rglob("IOHprofiler_*"))
    for names, path, endings in ((TABLES, table_path, ("md", "tex", "csv")), (FIGURES, figure_path, ("png", "svg"))):
        for name, ending in itertools.product(names, endings):
            of_a_track = out / path(in_track(name, "*"), ending)
            found += [out / path(name, ending), *of_a_track.parent.glob(of_a_track.name)]
    return [path for path in found if path.is_file()]
