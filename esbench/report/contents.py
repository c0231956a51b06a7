"""What a report of some runs holds: tables, figures, one page and an export, each track by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from matplotlib.figure import Figure

from esbench.errors import InputError
from esbench.experiment.terminal.progress import countdown
from esbench.report.figures import all_figures
from esbench.report.grouping import check_comparable, track_of, track_order
from esbench.report.ioh import ioh_files
from esbench.report.latex import latex
from esbench.report.markdown import markdown
from esbench.report.page import page
from esbench.report.registry import TABLES, RegisteredFigure, figure_path, table_path
from esbench.report.scored_runs import Tier, gather, left_out
from esbench.report.section import Section
from esbench.report.style import render
from esbench.report.summary import summary
from esbench.report.table import Table, in_track
from esbench.report.tables import all_tables
from esbench.report.wording import Wording
from esbench.results.load import Run


def captions(say: Wording) -> dict[str, str]:
    """What each figure shows, by name."""
    return {figure.name: figure.caption.format(say=say) for figure in all_figures()}


class Contents:
    """What a report of some runs holds, made when asked for. The same rows give the same, in any directory.

    sections: one a track, that of the environments first. InputError where all runs are unfinished, or where some
    cannot be compared.
    """

    def __init__(self, runs: Sequence[Run]):
        self.runs = runs
        finished = [run for run in runs if run.finished]
        if not finished:
            raise InputError(
                "nothing to report: no run is finished; continue one with `esbench run --resume`, or repeat the sweep"
            )
        self._left_out = left_out(finished)
        without = {id(run) for run, _ in self._left_out}
        finished = [run for run in finished if id(run) not in without]
        check_comparable(finished)
        # In a tier without scores none can be missing.
        tiers = {(track_of(run), run.manifest.tier) for run in finished}
        told = [run for run in runs if id(run) not in without and (track_of(run), run.manifest.tier) in tiers]
        self.tiers: list[Tier] = gather(told)
        tracks = track_order(finished)
        self.sections = [
            Section(
                [tier for tier in self.tiers if tier.track == track],
                [run for run in runs if track_of(run) == track],
                "" if track == tracks[0] else track,
            )
            for track in tracks
        ]

    @cached_property
    def summary(self) -> list[str]:
        return summary(self.runs, self.tiers, self._left_out)

    @cached_property
    def tables(self) -> list[Table]:
        """Those that have rows."""
        tables = []
        for section in self.sections:
            for registered in all_tables():
                if registered.once and section.track:
                    continue
                table = replace(registered.make(section), name=registered.name)
                if not registered.once:
                    table = replace(table, title=table.title + section.suffix, track=section.track)
                tables.append(table)
        return [table for table in tables if len(table.data)]

    def texts(self) -> dict[str, str]:
        """The text tables by path: each in Markdown, LaTeX and CSV, and all in report.md."""
        files = {"report.md": self._markdown()}
        for table in self.tables:
            for ending, write in (("md", markdown), ("tex", latex), ("csv", Table.to_csv)):
                files[table_path(table.label, ending)] = write(table)
        return files

    def told(self) -> str:
        """What is read in a terminal: the summary and the tables that answer first."""
        return "\n".join([self._sentences(), *(markdown(table) for table in self.tables if TABLES[table.name].told)])

    @cached_property
    def _drawn(self) -> dict[str, tuple[RegisteredFigure, Section, Any]]:
        """By label each figure for which these runs have something, and that."""
        return {
            in_track(figure.name, section.track): (figure, section, what)
            for section in self.sections
            for figure in all_figures()
            if (what := figure.of(section))
        }

    @cached_property
    def figures(self) -> dict[str, Callable[[], Figure]]:
        """What draws each figure that these runs have, by its label."""
        return {label: partial(figure.draw, what) for label, (figure, _, what) in self._drawn.items()}

    @cached_property
    def captions(self) -> dict[str, str]:
        """Of the figures, by label."""
        return {
            label: section.prefix + figure.caption.format(say=section.say)
            for label, (figure, section, _) in self._drawn.items()
        }

    def files(self, say: Callable[[str], object] = lambda _: None) -> dict[str, bytes]:
        """Everything by path. say: is told what is being made, a line each."""
        say("making tables; figures follow")
        files = {name: text.encode() for name, text in self.texts().items()}
        images = {}
        for label in countdown("drawing figure", list(self.figures), say):
            figure = self.figures[label]()
            files[figure_path(label, "png")] = render(figure, "png")
            files[figure_path(label, "svg")] = images[label] = render(figure, "svg")
        files["report.html"] = self.page(images).encode()
        return files | {f"ioh/{name}": text.encode() for name, text in ioh_files(self.tiers).items()}

    def page(self, images: Mapping[str, bytes]) -> str:
        """The page. images: SVG of the figures by label."""
        measures = {section.track: section.say.measure for section in self.sections}
        captioned = {label: (self.captions[label], svg) for label, svg in images.items()}
        return page(self.tiers, self.summary, self.tables, captioned, measures)

    def _sentences(self) -> str:
        return "# esbench report\n\n" + "".join(f"- {sentence}\n" for sentence in self.summary)

    def _markdown(self) -> str:
        drawn = "".join(f"- [{text}]({figure_path(label, 'png')})\n" for label, text in self.captions.items())
        return "\n".join([self._sentences(), *(markdown(table) for table in self.tables), f"## Figures\n\n{drawn}"])
