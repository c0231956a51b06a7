"""Steps and seconds to targets: one row per tier, task, algorithm and target."""

import numpy as np
import pandas as pd

from esbench.report import registry
from esbench.report import table_cell as shown
from esbench.report.digits import written
from esbench.report.scored_runs import Cell, every_cell
from esbench.report.section import Section
from esbench.report.table import Column, Record, Table, named, number, share
from esbench.report.table_cell import Shown
from esbench.report.wording import UNIT, capital
from esbench.statistics.runtime import first_hits, to_target

SHOWN_TARGETS = (0.25, 0.5, 0.75, 0.95)


@registry.table("targets")
def targets_table(section: Section) -> Table:
    unit = section.say.unit
    rows = [
        {**names, "target": target, **_numbers(cell, target)}
        for tier, cell, names in every_cell(section.tiers)
        if names["task"] in tier.scored_tasks
        for target in SHOWN_TARGETS
    ]
    layout = [
        *named("Tier", "Task", "Algorithm"),
        *section.differing(UNIT),
        number("Target", "target", "g"),
        share("Reached", "reached", "n"),
        _median(f"Median {unit}", "steps", ",.0f"),
        _median("Median seconds", "seconds", ".3g"),
    ]
    notes = [
        "Target: a score, the share of the way from random to reference. It is reached with the first evaluation at or "
        "above it.",
        "Runs that miss the target stay in the median. >: longer than the longest run.",
        "The CSV adds the expected running time (ERT): the time of all runs, divided by how many reached the target.",
    ]
    title = f"{capital(unit)} and seconds to targets"
    return Table(title, pd.DataFrame(rows), layout, notes, asks="How soon is a score reached?")


def _numbers(cell: Cell, target: float) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for unit, clock in (("steps", "useful_steps"), ("seconds", "train_seconds")):
        times = [run.column(clock) for run in cell.runs]
        hits = [first_hits(t, run.scores, np.array([target]))[0] for t, run in zip(times, cell.runs, strict=True)]
        time = to_target(hits, [t[-1] for t in times])
        numbers |= {"reached": time.reached, "n": time.runs, f"median_{unit}": time.median}
        numbers |= {f"expected_{unit}": time.expected, f"longest_{unit}": time.spent}
    return numbers


def _median(heading: str, unit: str, form: str) -> Column:
    def cell(record: Record) -> Shown:
        median, longest = record[f"median_{unit}"], record[f"longest_{unit}"]
        return Shown(f"> {written(longest, form)}", median) if np.isinf(median) else shown.number(median, form)

    return Column(heading, cell)
