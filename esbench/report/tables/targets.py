"""Steps and seconds to targets: one row per tier, task, algorithm and target."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from esbench.report.cells import Cell, Tier
from esbench.report.digits import written
from esbench.report.table import Shown, Table, number, words
from esbench.report.wording import UNIT, capital, wording
from esbench.statistics.runtime import ToTarget, first_hits, to_target

SHOWN_TARGETS = (0.25, 0.5, 0.75, 0.95)


def targets_table(tiers: Sequence[Tier]) -> Table:
    say = wording(tiers)
    rows, numbers = [], []
    for tier in tiers:
        for task in tier.scored_tasks:
            for algorithm in tier.algorithms:
                cell = tier.cell(task, algorithm)
                if cell is None:
                    continue
                for target in SHOWN_TARGETS:
                    steps, seconds = time_to(cell, target, "useful_steps"), time_to(cell, target, "train_seconds")
                    rows.append(
                        [
                            *words(tier.name, task, algorithm, *say.told(tier.specs[task], UNIT)),
                            number(target, "g"),
                            Shown(f"{steps.reached} of {steps.runs}", steps.reached),
                            *(_shown(time, form) for time, form in ((steps, ",.0f"), (seconds, ".3g"))),
                        ]
                    )
                    numbers.append(
                        {
                            "tier": tier.name,
                            "task": task,
                            "algorithm": algorithm,
                            "target": target,
                            "reached": steps.reached,
                            "n": steps.runs,
                            **_numbers("steps", steps),
                            **_numbers("seconds", seconds),
                        }
                    )
    own = say.columns(UNIT)
    columns = ("Tier", "Task", "Algorithm", *own, "Target", "Reached", f"Median {say.unit}", "Median seconds")
    notes = [
        "Target: a score, the way from random to reference. A run reaches it with its first evaluation at or above it; "
        "runs that do not are censored at their end and stay in the median: > is the longest run.",
        "The CSV has the expected running time too (ERT): the time of all runs until target or end, for each that "
        "reached it.",
    ]
    title = f"{capital(say.unit)} and seconds to targets"
    return Table("targets", title, columns, 3 + len(own), rows, pd.DataFrame(numbers), notes)


def time_to(cell: Cell, target: float, clock: str) -> ToTarget:
    """clock: "useful_steps" or "train_seconds" of the runs."""
    times = [getattr(run, clock) for run in cell.runs]
    hits = [first_hits(t, run.scores, np.array([target]))[0] for t, run in zip(times, cell.runs, strict=True)]
    return to_target(hits, [t[-1] for t in times])


def _shown(time: ToTarget, form: str) -> Shown:
    return Shown(f"> {written(time.spent, form)}", np.inf) if np.isinf(time.median) else number(time.median, form)


def _numbers(unit: str, time: ToTarget) -> dict[str, float]:
    return {f"median_{unit}": time.median, f"expected_{unit}": time.expected, f"longest_{unit}": time.spent}
