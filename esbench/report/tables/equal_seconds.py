"""The measure at equal training seconds, next to that at equal useful steps."""

from typing import Any

import pandas as pd

from esbench.report import registry
from esbench.report.digits import agreed
from esbench.report.scored_runs import Tier
from esbench.report.section import Section
from esbench.report.table import Column, Table, as_numbers, estimate, named, number
from esbench.report.wording import MEASURE, UNIT

_AT = ("at_steps", "at_seconds", "at_compiled_seconds")


@registry.table("equal_seconds")
def equal_seconds_table(section: Section) -> Table:
    """One row per tier, task, kind of hardware and algorithm; seconds of unlike hardware are not compared."""
    say = section.say
    rows = [row for tier in section.tiers for task in tier.tasks for row in _rows(tier, task, say.measure)]

    def measured(heading: str, at: str) -> Column:
        return estimate(heading, f"{say.measure}_{at}", places=None, bold=lambda row: row[f"_best_{at}"])

    layout = [
        *named("Tier", "Task", "Algorithm", "Hardware"),
        *section.differing(MEASURE, UNIT),
        number("Seeds", "n"),
        number(f"Useful {say.unit}", "useful_steps", ",d"),
        measured(f"{say.heading} at equal {say.unit}", "at_steps"),
        number("Train s", "train_seconds", ".3g"),
        measured(f"{say.heading} at equal seconds", "at_seconds"),
        number("Train and compile s", "compiled_seconds", ".3g"),
        measured(f"{say.heading} with compilation", "at_compiled_seconds"),
        number(f"Sequential {say.unit}", "sequential_steps", ",.0f"),
    ]
    notes = [
        "Train s: training seconds of the task's quickest run on that hardware, without compilation and evaluation.",
        "Train and compile s: the same with the seconds that a run's programs took to compile, as if it were alone.",
        "A slower run counts with its last evaluation until then. Seconds are compared within one kind of hardware.",
        f"Intervals: 95%, Student's t over seeds. Sequential {say.unit}: of the whole run.",
    ]
    title = f"At equal {say.unit} and at equal seconds"
    return Table(title, pd.DataFrame(rows), layout, notes, asks="Which algorithm leads after the same training time?")


def _rows(tier: Tier, task: str, measure: str) -> list[dict[str, Any]]:
    """Of a task, by hardware and algorithm. The best of a kind of hardware is that of several."""
    of_task = {name: cell for name in tier.algorithms if (cell := tier.cell(task, name)) is not None}
    rows: list[dict[str, Any]] = []
    for hardware in sorted({name for cell in of_task.values() for name in cell.hardware}):
        seconds, compiled = tier.seconds(task, hardware), tier.seconds(task, hardware, compiled=True)
        cells = {name: cell.on(hardware) for name, cell in of_task.items() if hardware in cell.hardware}
        here: list[dict[str, Any]] = [
            {
                "tier": tier.name,
                "task": task,
                "algorithm": name,
                "hardware": hardware,
                "n": len(cell.runs),
                "useful_steps": tier.budgets[task],
                "train_seconds": seconds,
                **as_numbers(cell.mean, f"{measure}_at_steps"),
                **as_numbers(cell.mean_of_values(cell.at_seconds(seconds)), f"{measure}_at_seconds"),
                "compiled_seconds": compiled,
                **as_numbers(
                    cell.mean_of_values(cell.at_seconds(compiled, compiled=True)), f"{measure}_at_compiled_seconds"
                ),
                "sequential_steps": cell.mean_of("sequential_steps"),
            }
            for name, cell in cells.items()
        ]
        for at in _AT:
            values = [tier.specs[task].measure.sign * agreed(row[f"{measure}_{at}"]) for row in here]
            for row, value in zip(here, values, strict=True):
                row[f"_best_{at}"] = len(here) > 1 and value == max(values)
        rows += here
    return rows
