"""Empirical distributions of runtimes: the share of targets reached over steps and over seconds."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from esbench.report import registry
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.scored_runs import Tier
from esbench.report.style import appearance, legend_above, legend_line
from esbench.report.wording import wording
from esbench.statistics.runtime import TARGETS, first_hits, runtime_distribution

_POINTS = 200
_MARKED = _POINTS // 5


@registry.figure(
    "runtimes",
    of=lambda section: [tier for tier in section.tiers if tier.complete],
    caption="Runtime distributions: the share of (run, target) pairs reached, what is not reached kept as such.",
)
def draw_runtimes(tiers: Sequence[Tier]) -> Figure:
    """One row of two panels per tier, of the algorithms that have every task.

    Left over useful steps as a share of the task's budget, right over training seconds.
    """
    unit = wording(tiers).unit
    looks = appearance(name for tier in tiers for name in tier.complete)
    figure = NotebookFigure(figsize=(9, 3.2 * len(tiers) + 0.3), layout="constrained")
    grid = figure.subplots(len(tiers), 2, squeeze=False, sharey=True)
    for row, tier in zip(grid, tiers, strict=True):
        steps, seconds = ({name: _hits(tier, name, clock) for name in tier.complete} for clock in _CLOCKS)
        longest = max(run.train_seconds[-1] for cell in tier.cells.values() for run in cell.runs)
        spans = (
            np.geomspace(0.02, 1.02, _POINTS),
            np.geomspace(max(longest, 1.0) / 1000, max(longest, 1.0), _POINTS),
        )
        for axes, hits, at in zip(row, (steps, seconds), spans, strict=True):
            for number, (name, of_tasks) in enumerate(hits.items()):
                every = (_MARKED // 2 + number * _MARKED // len(hits), _MARKED)
                axes.plot(at, runtime_distribution(of_tasks, at), **looks[name].line, markevery=every)
            axes.set(xscale="log", xlim=(at[0], at[-1]), ylim=(0, 1.02))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.grid(True)
        row[0].set(xlabel=f"useful {unit}, share of the budget", ylabel="share of (run, target) reached")
        row[1].set(xlabel="training time (s), without compilation")
        row[0].set_title(f"{tier.name}, {len(tier.scored_tasks)} tasks, {len(TARGETS)} targets each")
    drawn = [legend_line(name, look) for name, look in looks.items() if any(name in t.complete for t in tiers)]
    legend_above(figure, drawn)
    return figure


_CLOCKS = ("useful_steps", "train_seconds")


def _hits(tier: Tier, name: str, clock: str) -> list[np.ndarray]:
    """Per task (runs, targets); steps as a share of the budget."""
    hits = []
    for task, cell in tier.row(name).items():
        unit = tier.budgets[task] if clock == "useful_steps" else 1.0
        hits.append(np.stack([first_hits(run.column(clock), run.scores, TARGETS) / unit for run in cell.runs]))
    return hits
