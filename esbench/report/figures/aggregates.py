"""Scores over all tasks with their intervals."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from esbench.report import registry
from esbench.report.analysis import Aggregate
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.style import appearance, draw_estimate
from esbench.report.tables.aggregates import STATISTICS

_DRAWN = ("mean", "iqm", "median", "optimality_gap")


@registry.figure(
    "aggregates",
    of=lambda section: [(t.name, of) for t, of in zip(section.tiers, section.aggregates, strict=True) if of],
    caption="Scores over all tasks, with 95% intervals over seeds.",
)
def draw_aggregates(tiers: Sequence[tuple[str, Sequence[Aggregate]]]) -> Figure:
    """One row of panels per tier, (name, its aggregates); one panel per number, one line per algorithm, best on top."""
    looks = appearance(aggregate.algorithm for _, of_tier in tiers for aggregate in of_tier)
    most = max(len(of_tier) for _, of_tier in tiers)
    figure = NotebookFigure(figsize=(10, (0.7 + 0.34 * most) * len(tiers) + 0.5), layout="constrained")
    grid = figure.subplots(len(tiers), len(_DRAWN), squeeze=False, sharey="row")
    for row, (tier, of_tier) in zip(grid, tiers, strict=True):
        names = [aggregate.algorithm for aggregate in of_tier]
        for axes, statistic in zip(row, _DRAWN, strict=True):
            for height, aggregate in enumerate(of_tier):
                draw_estimate(axes, aggregate.estimates[statistic], height, looks[aggregate.algorithm])
            axes.set_title(STATISTICS[statistic])
            axes.set_xlabel("lower is better" if statistic == "optimality_gap" else "higher is better")
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_yticks(range(len(names)), names)
            axes.margins(x=0.08)
            axes.grid(True, axis="x")
        row[0].set_ylabel(tier)
    figure.supxlabel("score: 0 is the random policy, 1 the reference; 95% intervals over seeds", fontsize=8.5)
    return figure
