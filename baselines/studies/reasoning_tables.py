"""What EGGROLL and GRPO gain over Countdown's start file: a table of each view, and a figure.

    python -m baselines.studies.reasoning_tables

Reads the rows in `results/reasoning` that `reasoning.py` made, and writes `tables.md` and `gains.png` there.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from baselines.studies.reasoning import SEEDS, STEPS, TASK
from esbench.report.figures import curves
from esbench.report.figures.curves import Progress
from esbench.report.markdown import markdown
from esbench.report.scored_runs import ScoredRun, read_run
from esbench.report.style import appearance, drawing, render
from esbench.report.table import Table, as_numbers, estimate, number, words
from esbench.results.load import load_runs
from esbench.statistics.intervals import mean_estimate
from esbench.statistics.runtime import carry_forward
from esbench.tasks.registry import task

RESULTS = Path(__file__).resolve().parents[2] / "results" / "reasoning"
MEASURES = {"greedy": "return_mean_greedy", "sampled": "return_mean_sample", "pass8": "pass@8_mean"}


def runs_of(algorithm: str) -> list[ScoredRun]:
    """By seed, each read to its own end."""
    found = load_runs(RESULTS / "runs" / "lite" / TASK / algorithm)
    spec = task(TASK).spec
    return [read_run(run, spec, run.manifest.budget) for run in sorted(found, key=lambda run: run.manifest.seed)]


def at(run: ScoredRun, measure: str, clock: Progress, end: float) -> float:
    """What a run's last evaluation up to `end` found."""
    return float(carry_forward(clock.of(run), run.column(MEASURES[measure]), end))


def shared_end(of: Mapping[str, list[ScoredRun]], clock: Progress) -> float:
    """How far all runs have come."""
    return min(float(clock.of(run)[-1]) for runs in of.values() for run in runs)


def table(title: str, of: Mapping[str, list[ScoredRun]], clock: Progress, end: float) -> Table:
    """A row for the start, and one for each algorithm at `end`."""
    first = next(iter(of.values()))
    rows = [{"algorithm": "the start", "n": len(first), **_shares(first, clock, 0.0)}]
    for algorithm, runs in of.items():
        gains = np.array([at(run, "greedy", clock, end) - at(run, "greedy", clock, 0.0) for run in runs])
        rows.append(
            {
                "algorithm": algorithm,
                "n": len(runs),
                **_shares(runs, clock, end),
                **as_numbers(mean_estimate(gains), "gain"),
                "tokens": float(np.median([carry_forward(clock.of(run), run.useful_steps, end) for run in runs])),
                "seconds": float(np.median([carry_forward(clock.of(run), run.train_seconds, end) for run in runs])),
            }
        )
    layout = [
        words("Algorithm", "algorithm"),
        number("Seeds", "n"),
        estimate("Solved greedily", "greedy"),
        estimate("Gain", "gain"),
        estimate("Sampled", "sampled"),
        estimate("pass@8", "pass8"),
        number("Tokens", "tokens", ",.0f"),
        number("Train s", "seconds", ".0f"),
    ]
    notes = [
        "Shares of 512 held-out problems: mean over seeds and its 95% interval (Student's t). Gain: of each seed's "
        "greedy share over the start's on the same evaluation.",
        "Tokens and training seconds up to the evaluation that is read: medians over seeds.",
    ]
    return Table(title, pd.DataFrame(rows), layout, notes)


def _shares(runs: list[ScoredRun], clock: Progress, end: float) -> dict[str, float]:
    shares = {name: [at(run, name, clock, end) for run in runs] for name in MEASURES}
    return {part: value for name, of in shares.items() for part, value in as_numbers(mean_estimate(of), name).items()}


@drawing()
def gains_figure(of: Mapping[str, list[ScoredRun]]) -> Figure:
    """The three shares against tokens and against seconds: mean and range over seeds."""
    looks = appearance(of)
    figure, grid = plt.subplots(2, 3, figsize=(9, 5), sharey="col", layout="constrained")
    titles = {"greedy": "solved greedily", "sampled": "solved when sampled", "pass8": "pass@8"}
    for row, (clock, label) in zip(
        grid, ((curves.STEPS, "million tokens"), (curves.SECONDS, "training seconds")), strict=True
    ):
        unit = 1e6 if clock is curves.STEPS else 1.0
        for axes, (measure, title) in zip(row, titles.items(), strict=True):
            for algorithm, runs in of.items():
                of_seeds = [(clock.of(run) / unit, run.column(MEASURES[measure])) for run in runs]
                x, mean, low, high = curves.mean_and_range(of_seeds, max(times[-1] for times, _ in of_seeds))
                axes.plot(x, mean, color=looks[algorithm].colour, linestyle=looks[algorithm].dash, label=algorithm)
                axes.fill_between(x, low, high, color=looks[algorithm].colour, alpha=0.2, linewidth=0)
            axes.set(title=title, xlabel=label)
            axes.grid(True)
    grid[0, 0].set_ylabel("share of problems")
    grid[1, 0].set_ylabel("share of problems")
    grid[0, 0].legend()
    return figure


def texts(of: Mapping[str, list[ScoredRun]]) -> str:
    views = (("At equal tokens", curves.STEPS), ("At equal seconds", curves.SECONDS))
    return "\n".join(markdown(table(title, of, clock, shared_end(of, clock))) for title, clock in views)


def main() -> None:
    of = {algorithm: runs_of(algorithm) for algorithm in STEPS}
    assert all(len(runs) == SEEDS for runs in of.values()), "expected all seeds of both algorithms"
    (RESULTS / "tables.md").write_text(texts(of))
    (RESULTS / "gains.png").write_bytes(render(gains_figure(of), "png"))
    print(f"written to {RESULTS}", file=sys.stderr)


if __name__ == "__main__":
    main()
