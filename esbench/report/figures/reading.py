"""What a text's generations were worth: the measure against their number, and against how much of the text was read."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from esbench.report import registry
from esbench.report.figures.curves import Progress, draw_panel, label, legend_of_curves
from esbench.report.notebook_figure import NotebookFigure
from esbench.report.scored_runs import ScoredRun, Tier
from esbench.report.style import appearance

_GENERATIONS = Progress(lambda run: run.column("generation"), "generations")
_READ = Progress(lambda run: read(run), "{unit} of the text, read by many members at once")


def read(run: ScoredRun) -> np.ndarray:
    """The symbols of the text that a run had read, each counted once where several members read it together: (rows,)
    float64. Before the first generation none was."""
    return np.nan_to_num(run.column("sequences")) * run.column("sequential_steps")


@registry.figure(
    "reading",
    of=lambda section: [tier for tier in section.tiers if _reads(tier)],
    caption="Learning curves: {say.title} against generations and against how much of the text was read.",
)
def draw_reading(tiers: Sequence[Tier]) -> Figure:
    """One row of two panels per tier and task: against generations left, against what was read right."""
    panels = [(tier, task) for tier in tiers for task in tier.tasks]
    looks = appearance(name for tier in tiers for name in tier.algorithms)
    figure = NotebookFigure(figsize=(9, 3.2 * len(panels) + 0.5), layout="constrained")
    for row, (tier, task) in zip(figure.subplots(len(panels), 2, squeeze=False), panels, strict=True):
        for axes, progress in zip(row, (_GENERATIONS, _READ), strict=True):
            draw_panel(axes, tier, task, progress, looks)
        row[0].set_title(f"{task} ({tier.name})" if len(tiers) > 1 else task)
        row[0].set_ylabel(label(tier.specs[task].measure))
    legend_of_curves(figure, tiers, looks)
    return figure


def _reads(tier: Tier) -> bool:
    """Whether all runs count the sequences that they read."""
    return all((read(run) > 0).any() for cell in tier.cells.values() for run in cell.runs)
