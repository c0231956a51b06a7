"""Probability of improvement of every pair."""

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from esbench.report import registry
from esbench.report.analysis import Comparison
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.section import Section
from esbench.report.style import appearance, draw_estimate


def _scored_pairs(section: Section) -> list[tuple[str, list[Comparison]]]:
    """Per tier that has any, (name, its pairs that have tasks with anchors)."""
    tiers = zip(section.tiers, section.comparisons, strict=True)
    scored = [
        (tier.name, [pair for pair in pairs.values() if not math.isnan(pair.improvement.value)])
        for tier, pairs in tiers
    ]
    return [(name, pairs) for name, pairs in scored if pairs]


@registry.figure(
    "improvement",
    of=_scored_pairs,
    caption="Probability of improvement: how often a run of the first algorithm beats one of the second.",
)
def draw_improvement(tiers: Sequence[tuple[str, Sequence[Comparison]]]) -> Figure:
    """One panel per tier, (name, its pairs that have tasks with anchors); one line per pair, 1/2 is no difference."""
    looks = appearance(name for _, pairs in tiers for pair in pairs for name in (pair.first, pair.second))
    most = max(len(pairs) for _, pairs in tiers)
    figure = NotebookFigure(figsize=(6.0 * len(tiers), 1.2 + 0.34 * most), layout="constrained")
    row = figure.subplots(1, len(tiers), squeeze=False)[0]
    for axes, (tier, pairs) in zip(row, tiers, strict=True):
        for height, pair in enumerate(pairs):
            draw_estimate(axes, pair.improvement, height, looks[pair.first])
        axes.axvline(0.5, color="0.35", linewidth=0.9, linestyle=":")
        axes.set_ylim(len(pairs) - 0.5, -0.5)
        axes.set_yticks(range(len(pairs)), [f"{pair.first} > {pair.second}" for pair in pairs])
        axes.set(title=tier, xlim=(-0.02, 1.02), xlabel="P(a run of the first beats one of the second)")
        axes.grid(True, axis="x")
    return figure
