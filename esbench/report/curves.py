"""Learning curves: return against useful steps and against training seconds, mean and range over seeds."""

import io
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import matplotlib
import matplotlib.style
import numpy as np
import pandas as pd
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, MaxNLocator, StrMethodFormatter

from esbench.report.grouping import BASELINES, algorithm_order, tier_order
from esbench.tasks.spec import Anchor, TaskSpec

TASKS_PER_BAND = 4
Dash = Literal["-", "--", "-.", ":"]
_AXES = {"useful_steps": "useful steps", "train_seconds": "training time (s), without compilation"}
_STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    # Element ids of an SVG are random without it.
    "svg.hashsalt": "esbench",
}
_ANCHORS: dict[str, tuple[str, Dash]] = {"random": ("random policy", ":"), "reference": ("reference", "--")}
_GREY = "0.35"


def carry_forward(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The value at each of `at`: that of the last of `times` (ascending) not after it. All one-dimensional.

    Before the first of `times` it is the first value: the first row shows the untrained policy, which was there before
    its clock was read.
    """
    return values[np.maximum(np.searchsorted(times, at, side="right") - 1, 0)]


def mean_and_range(curves: Sequence[tuple[np.ndarray, np.ndarray]], end: float) -> tuple[np.ndarray, ...]:
    """Over seeds: `(x, mean, lowest, highest)` at every x of any seed and at `end`; values are carried forward.

    curves: per seed its x (ascending) and its values.
    """
    x = np.unique(np.concatenate([*(times for times, _ in curves), [end]]))
    values = np.stack([carry_forward(times, value, x) for times, value in curves])
    return x, values.mean(0), values.min(0), values.max(0)


class Look(NamedTuple):
    """How an algorithm's line is drawn."""

    colour: tuple[float, float, float]
    dash: Dash


def appearance(algorithms: Iterable[str]) -> dict[str, Look]:
    """The look of every algorithm. A baseline has its own colour whether or not the others are there; colours are
    told apart with every common kind of colour vision, and repeat in another dash after ten."""
    palette = seaborn.color_palette("colorblind")
    dashes: list[Dash] = ["-", "--", "-.", ":"]
    names = [*BASELINES, *(name for name in algorithm_order(algorithms) if name not in BASELINES)]
    return {
        name: Look(palette[i % len(palette)], dashes[i // len(palette) % len(dashes)]) for i, name in enumerate(names)
    }


def draw_curves(results: pd.DataFrame, specs: dict[tuple[str, str], TaskSpec]) -> Figure:
    """One pair of panels per tier and task: return against useful steps above, against training seconds below.

    results: rows of finished runs, as `load_results` gives them. specs: the task's spec per (tier, task).
    """
    panels = [
        (tier, task)
        for tier in tier_order(results["tier"])
        for task in sorted(results.loc[results["tier"] == tier, "task"].unique(), key=str.lower)
    ]
    looks = appearance(results["algorithm"])
    columns = min(len(panels), TASKS_PER_BAND)
    bands = -(-len(panels) // TASKS_PER_BAND)
    several_tiers = len({tier for tier, _ in panels}) > 1
    with matplotlib.style.context(["default", _STYLE]):
        width = max(3.0 * columns, 4.5)
        figure = Figure(figsize=(width, 4.4 * bands + 0.5), layout="constrained")
        grid = figure.subplots(2 * bands, columns, squeeze=False)
        for i, (tier, task) in enumerate(panels):
            band, column = divmod(i, columns)
            pair = grid[2 * band : 2 * band + 2, column]
            of_tier = results[results["tier"] == tier]
            rows = of_tier[of_tier["task"] == task]
            for axes, quantity in zip(pair, _AXES, strict=True):
                _draw_panel(axes, rows, quantity, specs[tier, task], looks, set(of_tier["algorithm"]))
            pair[0].set_title(f"{task} ({tier})" if several_tiers else task)
            if column == 0:
                for axes in pair:
                    axes.set_ylabel("mean return")
        for i in range(len(panels), columns * bands):
            for axes in grid[2 * (i // columns) : 2 * (i // columns) + 2, i % columns]:
                axes.set_visible(False)
        handles: list[Artist] = [
            Line2D([], [], color=looks[name].colour, linestyle=looks[name].dash, linewidth=2, label=name)
            for name in looks
            if name in set(results["algorithm"])
        ]
        handles.append(Patch(color=_GREY, alpha=0.25, linewidth=0, label="lowest to highest seed"))
        handles += [
            Line2D([], [], color=_GREY, linestyle=dash, linewidth=0.9, label=label)
            for kind, (label, dash) in _ANCHORS.items()
            if any(getattr(specs[panel], kind) for panel in panels)
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), int(width / 1.45)))
    return figure


def _draw_panel(
    axes: Axes, rows: pd.DataFrame, quantity: str, spec: TaskSpec, looks: dict[str, Look], expected: set[str]
) -> None:
    ends = []
    for algorithm in algorithm_order(rows["algorithm"]):
        of_algorithm = rows[rows["algorithm"] == algorithm]
        # A row after the score row overshot the budget; the score is carried to the budget's end instead.
        curves = [_until_score(run) for _, run in of_algorithm.groupby("seed", sort=True)]
        xs = [(run[quantity].to_numpy(float), run["return_mean"].to_numpy(float)) for run in curves]
        end = max(x[-1] for x, _ in xs)
        if quantity == "useful_steps":
            end = max(end, float(of_algorithm["budget"].iloc[0]))
        x, mean, low, high = mean_and_range(xs, end)
        look = looks[algorithm]
        ends.append(end)
        axes.plot(x, mean, color=look.colour, linestyle=look.dash, drawstyle="steps-post", linewidth=1.6)
        axes.plot(x[-1], mean[-1], marker="o", markersize=3.5, color=look.colour)
        axes.fill_between(x, low, high, step="post", color=look.colour, alpha=0.18, linewidth=0)
    remarks = _draw_anchors(axes, spec)
    missing = [name for name in looks if name in expected and name not in set(rows["algorithm"])]
    if missing:
        remarks.append(f"missing: {', '.join(missing)}")
    if remarks:
        box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "boxstyle": "square,pad=0.15"}
        axes.annotate(
            "\n".join(remarks),
            (0.98, 0.1),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            color=_GREY,
            fontsize=7.5,
            bbox=box,
        )
    axes.set_xlabel(_AXES[quantity])
    if quantity == "useful_steps":
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    else:
        _scale_seconds(axes, ends)
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


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


def _until_score(run: pd.DataFrame) -> pd.DataFrame:
    score = run["final"].to_numpy().argmax()
    return run.iloc[: score + 1]


def _draw_anchors(axes: Axes, spec: TaskSpec) -> list[str]:
    """Draws thin lines at the anchors. One that would leave the curves less than half of the height is put into
    words instead: what is returned."""
    remarks = []
    for kind, (label, dash) in _ANCHORS.items():
        anchor: Anchor | None = getattr(spec, kind)
        if anchor is None:
            continue
        low, high = axes.get_ylim()
        below, above = min(low, anchor.value), max(high, anchor.value)
        if above - below > 2 * (high - low):
            remarks.append(f"{label}: {anchor.value:g}")
            continue
        axes.axhline(anchor.value, color=_GREY, linestyle=dash, linewidth=0.9, zorder=1)
        margin = 0.03 * (above - below)
        axes.set_ylim(below - margin * (anchor.value <= low), above + margin * (anchor.value >= high))
    return remarks


def render(figure: Figure, file_format: str) -> bytes:
    """The figure as "png" or "svg": the same bytes for the same figure, without dates or program versions."""
    dateless: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    buffer = io.BytesIO()
    with matplotlib.style.context(["default", _STYLE]):
        figure.savefig(buffer, format=file_format, metadata=dateless[file_format])
    return buffer.getvalue()
