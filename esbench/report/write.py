"""A report: tables, figures, one page and an export of all runs below some directories."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from matplotlib.figure import Figure

from esbench.errors import InputError
from esbench.report.analysis import Aggregate, Comparison, aggregates, compare_all
from esbench.report.cells import Tier, gather
from esbench.report.figures.aggregates import draw_aggregates
from esbench.report.figures.curves import draw_curves
from esbench.report.figures.improvement import draw_improvement
from esbench.report.figures.profile import draw_profile
from esbench.report.figures.runtimes import draw_runtimes
from esbench.report.figures.scores import draw_scores
from esbench.report.figures.style import render
from esbench.report.figures.wins import draw_wins, headline_pair
from esbench.report.grouping import check_comparable
from esbench.report.ioh import ioh_files
from esbench.report.latex import latex
from esbench.report.markdown import markdown
from esbench.report.page import page
from esbench.report.summary import summary
from esbench.report.table import Table
from esbench.report.tables.aggregates import aggregates_table
from esbench.report.tables.anchors import anchors_table
from esbench.report.tables.coverage import coverage_table
from esbench.report.tables.equal_seconds import equal_seconds_table
from esbench.report.tables.non_inferiority import non_inferiority_table
from esbench.report.tables.overview import overview_table
from esbench.report.tables.pairs import pairs_table, tasks_table
from esbench.report.tables.runs import runs_table
from esbench.report.tables.scores import scores_table
from esbench.report.tables.speed import cost_table, speed_table
from esbench.report.tables.targets import targets_table
from esbench.results.load import load_runs
from esbench.results.run_directory import RunDirectory

CAPTIONS = {
    "scores": "Scores at the end of training: a point per seed, a bar at the mean; what is outside the axes lies "
    "hollow at their edge.",
    "curves": "Learning curves: return against useful steps and against training seconds, mean and range over seeds.",
    "aggregates": "Scores over all tasks, with 95% intervals over seeds.",
    "profile": "Performance profile: the share of runs with a score above each τ, every task weighing the same.",
    "improvement": "Probability of improvement: how often a run of the first algorithm beats one of the second.",
    "runtimes": "Runtime distributions: the share of (run, target) pairs reached, what is not reached kept as such.",
    "wins": "Wins, ties and losses by the paired test, and the paired difference in score on every task.",
}
_TOLD = ("scores", "aggregates", "pairs")


def table_path(name: str, ending: str) -> str:
    """Where a table lies in a report: the final returns beside the page, the others in a folder."""
    return f"table.{ending}" if name == "scores" else f"tables/{name}.{ending}"


def figure_path(name: str, ending: str) -> str:
    """Where a figure lies in a report: the learning curves beside the page, the others in a folder."""
    return f"curves.{ending}" if name == "curves" else f"figures/{name}.{ending}"


class Contents:
    """What a report of some runs holds, made when asked for. The same rows give the same, wherever they lie.

    InputError where no run is finished, or where runs are mixed that cannot be compared.
    """

    def __init__(self, runs: Sequence[RunDirectory]):
        self.runs = runs
        finished = [run for run in runs if run.finished]
        if not finished:
            raise InputError(
                "nothing to report: no run is finished; `esbench run --resume`, or the same sweep, goes on with one"
            )
        check_comparable(finished)
        # A tier without any score has nothing that could be missing.
        tiers = {run.manifest.tier for run in finished}
        self.tiers: list[Tier] = gather([run for run in runs if run.manifest.tier in tiers])

    @cached_property
    def comparisons(self) -> list[dict[tuple[str, str], Comparison]]:
        return [compare_all(tier) for tier in self.tiers]

    @cached_property
    def aggregates(self) -> list[list[Aggregate]]:
        return [aggregates(tier, pairs) for tier, pairs in zip(self.tiers, self.comparisons, strict=True)]

    @cached_property
    def summary(self) -> list[str]:
        return summary(self.runs, self.tiers)

    @cached_property
    def all_tables(self) -> list[Table]:
        """In the order of the report, those without a row, too."""
        return [
            overview_table(self.tiers, self.comparisons),
            scores_table(self.tiers, self.comparisons),
            aggregates_table(self.tiers, self.aggregates),
            anchors_table(self.tiers),
            pairs_table(self.tiers, self.comparisons),
            tasks_table(self.tiers, self.comparisons),
            non_inferiority_table(self.tiers),
            equal_seconds_table(self.tiers),
            targets_table(self.tiers),
            speed_table(self.tiers),
            cost_table(self.tiers),
            coverage_table(),
            runs_table(self.runs),
        ]

    @property
    def tables(self) -> list[Table]:
        """Those that have rows."""
        return [table for table in self.all_tables if table.rows]

    def texts(self) -> dict[str, str]:
        """The text tables by path: each in Markdown, LaTeX and CSV, and all in report.md."""
        files = {"report.md": self._markdown()}
        for table in self.tables:
            for ending, write in (("md", markdown), ("tex", latex), ("csv", Table.to_csv)):
                files[table_path(table.name, ending)] = write(table)
        return files

    def told(self) -> str:
        """What is read in a terminal: the summary and the tables that answer first."""
        return "\n".join([self._sentences(), *(markdown(table) for table in self.tables if table.name in _TOLD)])

    @cached_property
    def figures(self) -> dict[str, Callable[[], Figure]]:
        """What draws each of the figures that these runs have, by the names of `CAPTIONS`."""
        complete = [tier for tier in self.tiers if tier.complete]
        with_scores = [tier for tier in self.tiers if tier.scored_tasks]
        scored = [(t.name, a) for t, a in zip(self.tiers, self.aggregates, strict=True) if a]
        pairs = [
            (t.name, [p for p in c.values() if p.scored]) for t, c in zip(self.tiers, self.comparisons, strict=True)
        ]
        pairs = [(tier, of_tier) for tier, of_tier in pairs if of_tier]
        heads = [
            (t, pair)
            for t, c in zip(self.tiers, self.comparisons, strict=True)
            if (pair := headline_pair(t, c)) is not None
        ]
        draw: dict[str, tuple[object, Callable[[], Figure]]] = {
            "scores": (with_scores, lambda: draw_scores(with_scores)),
            "curves": (self.tiers, lambda: draw_curves(self.tiers)),
            "aggregates": (scored, lambda: draw_aggregates(scored)),
            "profile": (complete, lambda: draw_profile(complete)),
            "improvement": (pairs, lambda: draw_improvement(pairs)),
            "runtimes": (complete, lambda: draw_runtimes(complete)),
            "wins": (heads, lambda: draw_wins(heads)),
        }
        return {name: make for name, (data, make) in draw.items() if data}

    def files(self) -> dict[str, bytes]:
        """Everything by path."""
        files = {name: text.encode() for name, text in self.texts().items()}
        images = {}
        for name, draw in self.figures.items():
            figure = draw()
            files[figure_path(name, "png")] = render(figure, "png")
            files[figure_path(name, "svg")] = images[name] = render(figure, "svg")
        captioned = {name: (CAPTIONS[name], svg) for name, svg in images.items()}
        files["report.html"] = page(self.tiers, self.summary, self.tables, captioned).encode()
        return files | {f"ioh/{name}": text.encode() for name, text in ioh_files(self.tiers).items()}

    def _sentences(self) -> str:
        return "# esbench report\n\n" + "".join(f"- {sentence}\n" for sentence in self.summary)

    def _markdown(self) -> str:
        drawn = "".join(f"- [{CAPTIONS[name]}]({figure_path(name, 'png')})\n" for name in self.figures)
        return "\n".join([self._sentences(), *(markdown(table) for table in self.tables), f"## Figures\n\n{drawn}"])


@dataclass(frozen=True)
class Report:
    """What was written. text: for a terminal. table, figure, page: what to name to a reader."""

    text: str
    table: Path
    figure: Path
    page: Path


def read_contents(directories: Sequence[str | os.PathLike[str]]) -> Contents:
    """Of all runs below `directories`. A last line that was cut off stands in the summary instead of a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        runs = load_runs(*directories)
    return Contents(runs)


def write_report(directories: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Report:
    """Writes a report into `out`, replacing an older one there.

    table.{md,tex,csv} (final returns), curves.{png,svg}, report.html (the page), report.md (all tables), and the other
    tables, the other figures and the export for IOHanalyzer in the folders tables, figures and ioh.

    Unfinished runs are named and left out. InputError, and nothing is written, where there is no finished run, where
    runs are mixed that cannot be compared, or where `out` cannot be written.
    """
    contents = read_contents(directories)
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)  # before the work, since it may fail
        files = contents.files()
        for old in _older(out, [table.name for table in contents.all_tables]):
            if str(old.relative_to(out)) not in files:
                old.unlink()
        for name, content in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
    except OSError as error:
        raise InputError(f"cannot write a report to {out}: {error.strerror}") from error
    return Report(contents.told(), out / "table.md", out / figure_path("curves", "png"), out / "report.html")


def _older(out: Path, names: Sequence[str]) -> list[Path]:
    """Files of an earlier report that this one may not have; nothing else is ever removed. names: of all tables."""
    figures = [out / figure_path(name, ending) for name in CAPTIONS for ending in ("png", "svg")]
    tables = [out / table_path(name, ending) for name in names for ending in ("md", "tex", "csv")]
    exported = (out / "ioh").rglob("IOHprofiler_*")
    return [path for path in [*figures, *tables, *exported] if path.is_file()]
