"""Learning curves: the measure against useful steps and against training seconds, mean and range over seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator, StrMethodFormatter

from esbench.report import registry
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.scored_runs import ScoredRun, Tier
from esbench.report.style import GREY, Look, appearance, legend_above, legend_line
from esbench.report.wording import wording
from esbench.statistics.runtime import carry_forward
from esbench.tasks.spec import Measure, TaskSpec

TASKS_PER_BAND = 4
# Of a curve, over all seeds; a run has 21.
MOST_POINTS = 64
# Where markers stand, as shares of the axis: a line is also known where colours are not.
_MARKED = np.array([0.25, 0.5, 0.75])
_ANCHORS = {"random": ("random policy", (0, (1, 4))), "reference": ("reference", (0, (10, 4)))}


@dataclass(frozen=True)
class Progress:
    """What curves are drawn against. of: a run's, ascending, (rows,) float64. label: of the axis, a format string over
    the task's `unit`. whole: whole numbers, on a linear axis."""

    of: Callable[[ScoredRun], np.ndarray]
    label: str
    whole: bool = True


STEPS = Progress(lambda run: run.useful_steps, "useful {unit}")
SECONDS = Progress(lambda run: run.train_seconds, "training time (s), without compilation", whole=False)


def mean_and_range(curves: Sequence[tuple[np.ndarray, np.ndarray]], end: float) -> tuple[np.ndarray, ...]:
    """Over seeds: `(x, mean, lowest, highest)` at every x of any seed and at `end`; values are carried forward. Where
    there are more than `MOST_POINTS` of them, so many are taken, evenly. Each seed is evaluated at slightly different
    x, and steps narrower than a line are invisible.

    curves: per seed its x (ascending) and its values.
    """
    x = np.unique(np.concatenate([*(times for times, _ in curves), [end]]))
    x = x[np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int)]
    values = np.stack([carry_forward(times, value, x) for times, value in curves])
    return x, values.mean(0), values.min(0), values.max(0)


@registry.figure(
    "curves",
    of=lambda section: section.tiers,
    caption="Learning curves: {say.title} against useful {say.unit} and against training seconds, mean and range over "
    "seeds.",
    file="curves",
)
def draw_curves(tiers: Sequence[Tier]) -> Figure:
    """One pair of panels per tier and task: the measure against useful steps above, against training seconds below."""
    panels = [(tier, task) for tier in tiers for task in tier.tasks]
    looks = appearance(name for tier in tiers for name in tier.algorithms)
    several = wording(tiers).several
    columns = min(len(panels), TASKS_PER_BAND)
    bands = -(-len(panels) // TASKS_PER_BAND)
    figure = NotebookFigure(figsize=(max(3.0 * columns, 4.5), 4.4 * bands + 0.5), layout="constrained")
    grid = figure.subplots(2 * bands, columns, squeeze=False)
    for i, (tier, task) in enumerate(panels):
        band, column = divmod(i, columns)
        pair = grid[2 * band : 2 * band + 2, column]
        for axes, progress in zip(pair, (STEPS, SECONDS), strict=True):
            draw_panel(axes, tier, task, progress, looks)
        pair[0].set_title(f"{task} ({tier.name})" if len(tiers) > 1 else task)
        if column == 0 or several:
            for axes in pair:
                axes.set_ylabel(label(tier.specs[task].measure))
    for i in range(len(panels), columns * bands):
        for axes in grid[2 * (i // columns) : 2 * (i // columns) + 2, i % columns]:
            axes.set_visible(False)
    legend_of_curves(figure, tiers, looks)
    return figure


def legend_of_curves(figure: Figure, tiers: Sequence[Tier], looks: dict[str, Look]) -> None:
    """A legend of the algorithms that have runs, above all panels, and of what else panels show."""
    drawn = {name for tier in tiers for _, name in tier.cells}
    handles: list[Artist] = [legend_line(name, look) for name, look in looks.items() if name in drawn]
    handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="lowest to highest seed"))
    handles += [
        Line2D([], [], color=GREY, linestyle=dash, linewidth=0.9, label=label)
        for kind, (label, dash) in _ANCHORS.items()
        if any(getattr(spec, kind) for tier in tiers for spec in tier.specs.values())
    ]
    legend_above(figure, handles)


def draw_panel(axes: Axes, tier: Tier, task: str, progress: Progress, looks: dict[str, Look]) -> None:
    """One task's curves against some progress, and lines at what is known of it."""
    ends, lacking = [], []
    for algorithm in tier.algorithms:
        cell = tier.cell(task, algorithm)
        if cell is None:
            lacking.append(algorithm)
            continue
        curves = [(progress.of(run), run.values) for run in cell.runs]
        end = max(x[-1] for x, _ in curves)
        if progress is STEPS:
            end = max(end, float(tier.budgets[task]))
        x, mean, low, high = mean_and_range(curves, end)
        look = looks[algorithm]
        ends.append(end)
        axes.plot(x, mean, color=look.colour, linestyle=look.dash, drawstyle="steps-post", linewidth=1.6)
        marked = np.append(carry_forward(x, np.arange(len(x)), end * _MARKED), len(x) - 1)
        axes.plot(x[marked], mean[marked], look.marker, markersize=4.5, color=look.colour, clip_on=False)
        axes.fill_between(x, low, high, step="post", color=look.colour, alpha=0.18, linewidth=0)
    remarks = _draw_anchors(axes, tier.specs[task])
    if lacking:
        remarks.append(f"missing: {', '.join(lacking)}")
    if remarks:
        higher = tier.specs[task].measure.higher_is_better
        box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "boxstyle": "square,pad=0.15"}
        axes.annotate(
            "\n".join(remarks),
            (0.98, 0.1 if higher else 0.9),
            xycoords="axes fraction",
            ha="right",
            va="bottom" if higher else "top",
            color=GREY,
            fontsize=7.5,
            bbox=box,
        )
    axes.set_xlabel(progress.label.format(unit=tier.specs[task].cost_word))
    if progress.whole:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    else:
        _scale_seconds(axes, ends)
    axes.grid(True)


def label(measure: Measure) -> str:
    return f"mean {measure.title}" + ("" if measure.higher_is_better else "\nlower is better")


def _scale_seconds(axes: Axes, ends: list[float]) -> None:
    """A logarithmic axis where one algorithm takes so much longer that the others would be a vertical line."""
    shortest, longest = min(ends), max(ends)
    if 0 < shortest < longest / 8:
        axes.set_xscale("log")
        axes.set_xlim(left=shortest / 50)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))


def _draw_anchors(axes: Axes, spec: TaskSpec) -> list[str]:
    """Draws thin lines at the anchors and at the landmarks, these with their names. Lines that would leave the curves
    less than half of the height are put into words instead: what is returned."""
    low, high = axes.get_ylim()
    lines: list[tuple[str, float, Any, str]] = [
        (label, anchor.value, dash, "")
        for kind, (label, dash) in _ANCHORS.items()
        if (anchor := getattr(spec, kind)) is not None
    ]
    lines += [(name, value, "-", name) for name, value in spec.landmarks]
    remarks = []
    for name, value, dash, written in lines:
        below, above = axes.get_ylim()
        margin = 0.03 * (max(above, value) - min(below, value))
        below = value - margin if value <= below else below
        above = value + margin if value >= above else above
        if above - below > 2 * (high - low):
            remarks.append(f"{name}: {value:g}")
            continue
        axes.set_ylim(below, above)
        axes.axhline(value, color=GREY, linestyle=dash, linewidth=0.9, zorder=1)
        if written:
            where: Any = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "bottom"}
            axes.text(0.99, value, written, color=GREY, fontsize=7.5, **where)
    return remarks
