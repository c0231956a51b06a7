"""Performance profiles: the share of runs above each score."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from esbench.report import registry
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.scored_runs import Tier
from esbench.report.style import appearance, legend_above, legend_line
from esbench.statistics.profile import performance_profile

_THRESHOLDS = np.linspace(0.0, 1.0, 101)


@registry.figure(
    "profile",
    of=lambda section: [tier for tier in section.tiers if tier.complete],
    caption="Performance profile: the share of runs with a score above each τ, every task weighing the same.",
)
def draw_profile(tiers: Sequence[Tier]) -> Figure:
    """One panel per tier, of the algorithms that have every task; bands are 95%, at each score by itself."""
    looks = appearance(name for tier in tiers for name in tier.complete)
    figure = NotebookFigure(figsize=(5.2 * len(tiers), 3.6), layout="constrained")
    row = figure.subplots(1, len(tiers), squeeze=False, sharey=True)[0]
    for axes, tier in zip(row, tiers, strict=True):
        for number, name in enumerate(tier.complete):
            scores = [cell.scores for cell in tier.row(name).values()]
            share, low, high = performance_profile(scores, _THRESHOLDS)
            look = looks[name]
            axes.fill_between(_THRESHOLDS, low, high, color=look.colour, alpha=0.18, linewidth=0)
            axes.plot(_THRESHOLDS, share, **look.line, markevery=(4 + 4 * number, 20))
        axes.set_title(f"{tier.name}, {len(tier.scored_tasks)} tasks")
        axes.set(xlabel="score τ", xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(True)
    row[0].set_ylabel("share of runs with a score above τ")
    drawn = [legend_line(name, look) for name, look in looks.items() if any(name in t.complete for t in tiers)]
    legend_above(figure, drawn)
    return figure
