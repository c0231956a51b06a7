"""What a report of some runs holds: tables, figures, one page and an export, each track by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from matplotlib.figure import Figure

from esbench.errors import InputError
from esbench.report.analysis import Aggregate, Comparison, aggregates, compare_all
from esbench.report.cells import Tier, gather, left_out
from esbench.report.figures.aggregates import draw_aggregates
from esbench.report.figures.curves import draw_curves
from esbench.report.figures.improvement import draw_improvement
from esbench.report.figures.profile import draw_profile
from esbench.report.figures.runtimes import draw_runtimes
from esbench.report.figures.scores import draw_scores
from esbench.report.figures.style import render
from esbench.report.figures.wins import draw_wins, headline_pair
from esbench.report.grouping import check_comparable, track_of, track_order
from esbench.report.ioh import ioh_files
from esbench.report.latex import latex
from esbench.report.markdown import markdown
from esbench.report.page import page
from esbench.report.summary import summary
from esbench.report.table import Table, in_track
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
from esbench.report.wording import Wording, wording
from esbench.results.load import Run

FIGURES = ("scores", "curves", "aggregates", "profile", "improvement", "runtimes", "wins")
_TOLD = ("scores", "aggregates", "pairs")


def captions(say: Wording) -> dict[str, str]:
    """What each of the `FIGURES` shows."""
    return {
        "scores": "Scores at the end of training: a point per seed, a bar at the mean; what is outside the axes lies "
        "hollow at their edge.",
        "curves": f"Learning curves: {say.title} against useful {say.unit} and against training seconds, mean and "
        "range over seeds.",
        "aggregates": "Scores over all tasks, with 95% intervals over seeds.",
        "profile": "Performance profile: the share of runs with a score above each τ, every task weighing the same.",
        "improvement": "Probability of improvement: how often a run of the first algorithm beats one of the second.",
        "runtimes": "Runtime distributions: the share of (run, target) pairs reached, what is not reached kept as "
        "such.",
        "wins": "Wins, ties and losses by the paired test, and the paired difference in score on every task.",
    }


def table_path(label: str, ending: str) -> str:
    """Where a table lies in a report: the final measure beside the page, the others in a folder."""
    return f"table.{ending}" if label == "scores" else f"tables/{label}.{ending}"


def figure_path(label: str, ending: str) -> str:
    """Where a figure lies in a report: the learning curves beside the page, the others in a folder."""
    return f"curves.{ending}" if label == "curves" else f"figures/{label}.{ending}"


class Section:
    """What a report has of one track: its tables and figures, made when asked for.

    tiers: the track's, at least one. runs: the track's, unfinished ones too. track: its name, where another track has
    the plain names of tables and figures; titles and captions of other tracks than that of the environments say it.
    """

    def __init__(self, tiers: Sequence[Tier], runs: Sequence[Run], track: str):
        self.tiers, self.runs, self.track = tiers, runs, track
        self.say = wording(tiers)
        self._suffix = "" if self.say.is_rl else f", track {tiers[0].track}"

    @cached_property
    def comparisons(self) -> list[dict[tuple[str, str], Comparison]]:
        return [compare_all(tier) for tier in self.tiers]

    @cached_property
    def aggregates(self) -> list[list[Aggregate]]:
        return [aggregates(tier, pairs) for tier, pairs in zip(self.tiers, self.comparisons, strict=True)]

    @cached_property
    def all_tables(self) -> list[Table]:
        """In the order of the report, those without a row, too."""
        tables = [
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
            runs_table(self.runs),
        ]
        tables = [replace(table, title=table.title + self._suffix, track=self.track) for table in tables]
        return tables if self.track else [*tables[:-1], coverage_table(), tables[-1]]

    @cached_property
    def figures(self) -> dict[str, Callable[[], Figure]]:
        """What draws each of the `FIGURES` that these runs have."""
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
        return {name: draw[name][1] for name in FIGURES if draw[name][0]}

    def caption(self, name: str) -> str:
        text = captions(self.say)[name]
        return f"Track {self.tiers[0].track}. {text}" if self._suffix else text


class Contents:
    """What a report of some runs holds, made when asked for. The same rows give the same, wherever they lie.

    sections: one a track, that of the environments first. InputError where no run is finished, or where runs are mixed
    that cannot be compared.
    """

    def __init__(self, runs: Sequence[Run]):
        self.runs = runs
        finished = [run for run in runs if run.finished]
        if not finished:
            raise InputError(
                "nothing to report: no run is finished; `esbench run --resume`, or the same sweep, goes on with one"
            )
        self._left_out = left_out(finished)
        without = {id(run) for run, _ in self._left_out}
        finished = [run for run in finished if id(run) not in without]
        check_comparable(finished)
        # A tier without any score has nothing that could be missing.
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

    @property
    def tables(self) -> list[Table]:
        """Those that have rows."""
        return [table for section in self.sections for table in section.all_tables if table.rows]

    @property
    def table_names(self) -> list[str]:
        """Of all tables that a track can have."""
        return [table.name for table in self.sections[0].all_tables]

    def texts(self) -> dict[str, str]:
        """The text tables by path: each in Markdown, LaTeX and CSV, and all in report.md."""
        files = {"report.md": self._markdown()}
        for table in self.tables:
            for ending, write in (("md", markdown), ("tex", latex), ("csv", Table.to_csv)):
                files[table_path(table.label, ending)] = write(table)
        return files

    def told(self) -> str:
        """What is read in a terminal: the summary and the tables that answer first."""
        return "\n".join([self._sentences(), *(markdown(table) for table in self.tables if table.name in _TOLD)])

    @cached_property
    def figures(self) -> dict[str, Callable[[], Figure]]:
        """What draws each figure that these runs have, by its label."""
        return {
            in_track(name, section.track): draw for section in self.sections for name, draw in section.figures.items()
        }

    @cached_property
    def captions(self) -> dict[str, str]:
        """Of the figures, by label."""
        return {
            in_track(name, section.track): section.caption(name)
            for section in self.sections
            for name in section.figures
        }

    def files(self) -> dict[str, bytes]:
        """Everything by path."""
        files = {name: text.encode() for name, text in self.texts().items()}
        images = {}
        for label, draw in self.figures.items():
            figure = draw()
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
