"""How figures look, and how they become the same bytes for the same rows."""

import io
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import matplotlib
import matplotlib.style
import numpy as np
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from esbench.report.grouping import BASELINES, algorithm_order
from esbench.statistics.intervals import Estimate

GREY = "0.35"
Dash = Literal["-", "--", "-.", ":"]
_STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 120,
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    # Element ids of an SVG are random without it.
    "svg.hashsalt": "esbench",
}
_DASHES: tuple[Dash, ...] = ("-", "--", "-.", ":")
# A coordinate of a path, in points, with more digits than can be seen.
_LONG_NUMBER = re.compile(rb"-?\d+\.\d{3,}")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class Look(NamedTuple):
    """How an algorithm is drawn."""

    colour: tuple[float, float, float]
    dash: Dash
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """The options of a line with markers."""
        return {
            "color": self.colour,
            "linestyle": self.dash,
            "marker": self.marker,
            "markersize": 4.5,
            "linewidth": 1.8,
        }


def appearance(algorithms: Iterable[str]) -> dict[str, Look]:
    """The look of every algorithm, the baselines included. A baseline always has the same. Colours can be distinguished
    with every common kind of colour vision, dashes and markers also in grey."""
    palette = seaborn.color_palette("colorblind")
    names = [*BASELINES, *(name for name in algorithm_order(algorithms) if name not in BASELINES)]
    return {
        name: Look(palette[i % len(palette)], _DASHES[i % len(_DASHES)], _MARKERS[i % len(_MARKERS)])
        for i, name in enumerate(names)
    }


def legend_line(name: str, look: Look) -> Line2D:
    return Line2D([], [], **look.line, label=name)


def legend_above(figure: Figure, handles: Sequence[Artist]) -> None:
    """One legend for all panels, in as many columns as the figure is wide enough for."""
    letters = [len(str(handle.get_label())) for handle in handles]

    def inches(columns: int) -> float:
        return sum(0.6 + 0.075 * max(column) for column in np.array_split(letters, columns))

    fitting = [columns for columns in range(1, len(handles) + 1) if inches(columns) <= figure.get_figwidth()]
    figure.legend(handles=handles, loc="outside upper center", ncols=max(fitting, default=1))


def draw_estimate(axes: Axes, estimate: Estimate, height: float, look: Look) -> None:
    """A marker at the estimate, and its interval as a bar, where it has one."""
    if estimate.has_interval:
        axes.plot([estimate.low, estimate.high], [height] * 2, color=look.colour, linewidth=2)
    axes.plot(estimate.value, height, color=look.colour, marker=look.marker, markersize=6.5)


@contextmanager
def drawing() -> Generator[None, None, None]:
    """Matplotlib's defaults and this project's style, in place of the user's settings."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def render(figure: Figure, file_format: str) -> bytes:
    """The figure as "png" or "svg": the same bytes for the same figure, without dates or program versions."""
    dateless: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    buffer = io.BytesIO()
    with drawing():
        figure.savefig(buffer, format=file_format, metadata=dateless[file_format])
    return _short_paths(buffer.getvalue()) if file_format == "svg" else _few_colours(buffer)


def _few_colours(png: io.BytesIO) -> bytes:
    """The same picture with a palette of 256 colours, which plots hardly have: about a third of the bytes."""
    picture = Image.open(png).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _short_paths(svg: bytes) -> bytes:
    """The same SVG with the coordinates of its paths to a hundredth of a point, and each point of a line once. A figure
    of many curves has about half of the bytes."""

    def short(path: re.Match[bytes]) -> bytes:
        rounded = _LONG_NUMBER.sub(lambda number: b"%.2f" % float(number[0]), path[0])
        return re.sub(rb"(L \S+ \S+ \n)\1+", rb"\1", rounded)

    return re.sub(rb'(?<= d=")[^"]+', short, svg)
