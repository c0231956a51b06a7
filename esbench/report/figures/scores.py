"""The score of every seed on every task: what a reader sees first."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from esbench.report import registry
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.scored_runs import Tier
from esbench.report.style import GREY, Look, appearance, legend_above

SHOWN = (-0.25, 1.1)
"""Scores outside lie at the edge, hollow."""
_COLUMNS = 2


@registry.figure(
    "scores",
    of=lambda section: [tier for tier in section.tiers if tier.scored_tasks],
    caption="Scores at the end of training: a point per seed, a bar at the mean; what is outside the axes lies hollow "
    "at their edge.",
)
def draw_scores(tiers: Sequence[Tier]) -> Figure:
    """Per tier two columns of tasks; on each task a line per algorithm, with a point per seed and a bar at the mean."""
    looks = appearance(name for tier in tiers for name in tier.algorithms)
    halves = [(tier, list(part)) for tier in tiers for part in np.array_split(tier.scored_tasks, _columns(tier))]
    lines = max(len(tasks) * len(tier.algorithms) for tier, tasks in halves)
    figure = NotebookFigure(figsize=(5.2 * len(halves), 0.9 + 0.15 * lines), layout="constrained")
    for axes, (tier, tasks) in zip(figure.subplots(1, len(halves), squeeze=False)[0], halves, strict=True):
        for place, task in enumerate(tasks):
            for number, name in enumerate(tier.algorithms):
                if cell := tier.cell(task, name):
                    height = place + (number + 1) / (len(tier.algorithms) + 1) - 0.5
                    _draw_seeds(axes, cell.scores, height, looks[name])
            if place:
                axes.axhline(place - 0.5, color="0.9", linewidth=0.6)
        for anchor in (0, 1):
            axes.axvline(anchor, color=GREY, linewidth=0.9, linestyle=":", zorder=0)
        axes.set_yticks(range(len(tasks)), tasks)
        axes.set(xlim=SHOWN, ylim=(len(tasks) - 0.5, -0.5))
        axes.set_xlabel("score: 0 is the random policy, 1 the reference")
        if len(tiers) > 1:
            axes.set_title(tier.name)
    drawn = {name for tier in tiers for _, name in tier.cells}
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle="", label=name)
        for name, look in looks.items()
        if name in drawn
    ]
    legend_above(figure, handles)
    return figure


def _columns(tier: Tier) -> int:
    return min(_COLUMNS, len(tier.scored_tasks))


def _draw_seeds(axes: Axes, scores: np.ndarray, height: float, look: Look) -> None:
    mean = np.clip(scores.mean(), *SHOWN)
    axes.plot([0, mean], [height] * 2, color=look.colour, linewidth=1.4, alpha=0.5)
    axes.plot(mean, height, color=look.colour, marker="|", markersize=8, markeredgewidth=1.8)
    for score in scores:
        inside = SHOWN[0] <= score <= SHOWN[1]
        axes.plot(
            np.clip(score, *SHOWN),
            height,
            color=look.colour,
            marker=look.marker,
            markersize=4.5,
            markerfacecolor=look.colour if inside else "white",
            clip_on=False,
        )
