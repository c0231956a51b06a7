"""Learning curves of one algorithm on one task: a line a seed, the mean over seeds on top."""

import pandas as pd
from matplotlib.figure import Figure

from esbench.report.notebook_figure import NotebookFigure
from esbench.tasks.spec import TaskSpec


def draw_seeds(frame: pd.DataFrame, spec: TaskSpec) -> Figure:
    """frame: rows of `load_results`, of one task and one algorithm. Without a mean where seeds have unlike rows."""
    figure = NotebookFigure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for seed, rows in frame.groupby("seed"):
        axes.plot(rows["useful_steps"], rows["value"], alpha=0.5, linewidth=1, label=f"seed {seed}")
    if frame["seed"].nunique() > 1 and frame.groupby("seed").size().nunique() == 1:
        # As many rows each: they are of the same shares of the budget, a few steps past them.
        shares = frame.groupby("seed").cumcount()
        mean = frame.groupby(shares)[["useful_steps", "value"]].mean()
        axes.plot(mean["useful_steps"], mean["value"], color="black", linewidth=2, label="mean")
    axes.set_xlabel(spec.cost)
    axes.set_ylabel(spec.measure.title)
    axes.set_title(f"{frame['algorithm'].iloc[0]} on {spec.id}")
    axes.legend(fontsize="small")
    return figure
