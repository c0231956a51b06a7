"""Two algorithms head to head: wins, ties and losses, and by how much on every task."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from esbench.report import registry
from esbench.report.analysis import Comparison
from esbench.report.digits import agreed
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.scored_runs import Tier
from esbench.report.section import Section
from esbench.report.style import GREY
from esbench.statistics.comparison import Verdict

# Light to dark also in grey; the words stand on the bar.
_VERDICTS: dict[Verdict, str] = {"win": "#0b4f8a", "tie": "#dcdcdc", "loss": "#de8f05", "untested": "#f6f6f6"}
_MARKERS = {"win": "^", "tie": "o", "loss": "v", "untested": "x"}


def _headlines(section: Section) -> list[tuple[Tier, Comparison]]:
    """Per tier that has a pair, EGGROLL against OpenES where both are there, else the first."""
    return [
        (tier, pairs.get(("eggroll", "open_es")) or next(iter(pairs.values())))
        for tier, pairs in zip(section.tiers, section.comparisons, strict=True)
        if pairs
    ]


@registry.figure(
    "wins",
    of=_headlines,
    caption="Wins, ties and losses, and the difference in score on every task.",
)
def draw_wins(comparisons: Sequence[tuple[Tier, Comparison]]) -> Figure:
    """Per tier a bar of counts, and below it every task's paired difference in score with its 95% interval."""
    tasks = max(pair.tasks for _, pair in comparisons)
    figure = NotebookFigure(figsize=(6.2 * len(comparisons), 1.9 + 0.24 * tasks), layout="constrained")
    grid = figure.subplots(2, len(comparisons), squeeze=False, height_ratios=[1, 0.5 + 0.3 * tasks])
    for (top, below), (tier, pair) in zip(grid.T, comparisons, strict=True):
        _draw_counts(top, tier, pair)
        _draw_tasks(below, pair)
    return figure


def _draw_counts(axes: Axes, tier: Tier, pair: Comparison) -> None:
    start = 0
    for verdict, colour in _VERDICTS.items():
        count = getattr(pair, verdict)
        if not count:
            continue
        axes.barh(0, count, left=start, color=colour, edgecolor=GREY, linewidth=0.6)
        dark = verdict == "win"
        axes.text(
            start + count / 2, 0, f"{verdict} {count}", ha="center", va="center", color="white" if dark else "black"
        )
        start += count
    axes.set_title(f"{pair.first} against {pair.second}, {tier.name}: {pair.tasks} tasks")
    axes.set(xlim=(0, max(start, 1)), ylim=(-0.5, 0.5))
    axes.axis("off")


def _draw_tasks(axes: Axes, pair: Comparison) -> None:
    ordered = sorted(
        (task for task in pair.by_task if not math.isnan(task.scores.difference.value)),
        key=lambda task: -agreed(task.scores.difference.value),
    )
    if not ordered:  # no task has anchors
        axes.axis("off")
        return
    for height, task in enumerate(ordered):
        value, low, high = task.scores.difference
        colour = GREY if task.verdict in ("tie", "untested") else _VERDICTS[task.verdict]
        axes.plot([low, high], [height] * 2, color=colour, linewidth=1.6)
        axes.plot(value, height, color=colour, marker=_MARKERS[task.verdict], markersize=6)
    axes.axvline(0, color=GREY, linewidth=0.9, linestyle=":")
    axes.set_yticks(range(len(ordered)), [task.task for task in ordered])
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    axes.set_xlabel(f"{pair.first} less {pair.second}, difference in score")
    axes.grid(True, axis="x")
