"""What the studies of the integer language model found: a table each, and two figures.

    python -m baselines.studies.text_tables

Reads the rows in `results/text` that `text.py` made, and writes `tables.md`, `population.png` and `long.png` there.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from baselines.studies.text import BASE, STUDIES, TASK, Variant
from esbench.report.figures.curves import draw_curves
from esbench.report.figures.reading import read
from esbench.report.markdown import markdown
from esbench.report.scored_runs import ScoredRun, gather, read_run
from esbench.report.style import drawing, render
from esbench.report.table import Table, as_numbers, estimate, number, words
from esbench.results.load import load_runs
from esbench.statistics.intervals import mean_estimate
from esbench.statistics.runtime import carry_forward
from esbench.tasks.registry import task

RESULTS = Path(__file__).parents[2] / "results" / "text"
TITLES = {
    "population": "Population at equal tokens",
    "generations": "Population at equal generations",
    "rank": "Rank of the noise",
    "momentum": "Momentum and size of the noise",
    "group": "Members that read the same",
    "memory": "Memory",
    "backprop": "Backprop",
    "long": "A long run",
}
BITS = "Bits per byte"


def runs_of(study: str, variant: Variant) -> list[ScoredRun]:
    """The runs of a variant by seed, read at its budget; empty where there are none yet."""
    place = RESULTS / study / "lite" / TASK / variant.name
    found = sorted(load_runs(place), key=lambda run: run.manifest.seed) if place.is_dir() else []
    return [read_run(run, task(TASK).spec, variant.steps) for run in found if run.finished]


def studied(study: str) -> list[tuple[Variant, list[ScoredRun]]]:
    """The variants of a study that have runs; the base among them where it is one of the same budget."""
    places = [(study, variant) for variant in STUDIES[study]]
    if study not in ("generations", "long"):
        places.insert(0, ("base", STUDIES["base"][0]))
    found = [(variant, runs_of(folder, variant)) for folder, variant in places]
    return sorted(((variant, runs) for variant, runs in found if runs), key=lambda one: _size(one[0]))


def _size(variant: Variant) -> int:
    """Variants of other populations are shown by their size; the others keep their order."""
    return int(variant.settings.get("pop_size", BASE))  # ty: ignore[invalid-argument-type]


def table(study: str) -> Table:
    """One row a variant: its setting, what it came to, and what it had cost by then. Seconds are shown where they were
    measured alike, with nothing else on the machine."""
    variants, clocks = studied(study), study == "population"
    seconds = min((run.train_seconds[-1] for _, runs in variants for run in runs), default=0.0)
    rows = []
    for variant, runs in variants:
        ends = np.array([run.values[-1] for run in runs])
        then = np.array([float(carry_forward(run.train_seconds, run.values, seconds)) for run in runs])
        rows.append(
            {
                "setting": _told(variant),
                "n": len(runs),
                **as_numbers(mean_estimate(ends), "bits"),
                **as_numbers(mean_estimate(then), "at_seconds"),
                "generations": runs[0].column("generation")[-1],
                "tokens": runs[0].useful_steps[-1],
                "read": read(runs[0])[-1],
                "seconds": float(np.median([run.train_seconds[-1] for run in runs])),
            }
        )
    layout = [
        words("Setting", "setting"),
        number("Seeds", "n"),
        estimate(BITS, "bits"),
        *([estimate("At equal seconds", "at_seconds")] if clocks else []),
        number("Generations", "generations", ",.0f"),
        number("Member-tokens", "tokens", ",.0f"),
        number("Tokens read", "read", ",.0f"),
        *([number("Train s", "seconds", ".1f")] if clocks else []),
    ]
    notes = [
        "Bits per byte of the held-out chapters, lower is better: mean over seeds and its 95% interval (Student's t).",
        "Tokens read: of the text, each counted once for all members that read it.",
    ]
    if clocks:
        notes.append(
            f"At equal seconds: the last evaluation within the {seconds:.1f} training seconds of the quickest run. "
            "Train s: median over seeds, on two CPU cores."
        )
    return Table(TITLES[study], pd.DataFrame(rows), layout, notes)


def _told(variant: Variant) -> str:
    return ", ".join(f"{name}={str(value).lower()}" for name, value in variant.settings.items()) or "base"


@drawing()
def population_figure() -> Figure:
    """Bits per byte against the population, at equal generations, at equal tokens and at equal seconds."""
    tokens, generations = studied("population"), studied("generations")
    seconds = min(run.train_seconds[-1] for _, runs in tokens for run in runs)
    panels: Sequence[tuple[str, list[tuple[Variant, list[ScoredRun]]], Any]] = (
        ("at equal generations", generations, np.inf),
        ("at equal member-tokens", tokens, np.inf),
        (f"at equal seconds ({seconds:.0f})", tokens, seconds),
    )
    figure, row = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    for axes, (title, variants, end) in zip(row, panels, strict=True):
        sizes = [_size(variant) for variant, _ in variants]
        values = [[float(carry_forward(run.train_seconds, run.values, end)) for run in runs] for _, runs in variants]
        axes.plot(sizes, [np.mean(seeds) for seeds in values], marker="o", color="black")
        for size, seeds in zip(sizes, values, strict=True):
            axes.plot([size] * len(seeds), seeds, ".", color="grey", markersize=4)
        axes.set(title=title, xlabel="members")
        axes.set_xscale("log", base=2)
        axes.grid(True)
    row[0].set_ylabel("bits per byte\nlower is better")
    return figure


def texts() -> str:
    """The tables of all studies that have rows of their own."""
    return "\n".join(markdown(table(study)) for study in TITLES if any(runs_of(study, one) for one in STUDIES[study]))


def main() -> None:
    (RESULTS / "tables.md").write_text(texts())
    (RESULTS / "population.png").write_bytes(render(population_figure(), "png"))
    (RESULTS / "long.png").write_bytes(render(draw_curves(gather(load_runs(RESULTS / "long"))), "png"))
    print(f"written to {RESULTS}", file=sys.stderr)


if __name__ == "__main__":
    main()
