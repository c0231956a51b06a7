"""Whether an algorithm is not worse than another, task by task, at equal steps and at equal seconds."""

import itertools
from typing import Any

import pandas as pd

from esbench.report import registry
from esbench.report.analysis import NotWorse, not_worse
from esbench.report.section import Section
from esbench.report.table import Column, Table, as_row, named, number
from esbench.report.table_cell import Shown
from esbench.statistics.comparison import MARGIN_OF_GAIN, SIGNIFICANCE


@registry.table("non_inferiority")
def non_inferiority_table(section: Section) -> Table:
    """One row per tier, ordered pair and task with anchors that one of the two learnt."""
    unit = section.say.unit
    rows = []
    for tier in section.tiers:
        for first, second in itertools.permutations(tier.algorithms, 2):
            at_steps, at_seconds = (not_worse(tier, first, second, at_seconds=clock) for clock in (False, True))
            for task, by_steps in at_steps.items():
                row: dict[str, Any] = {
                    "tier": tier.name,
                    "first": first,
                    "second": second,
                    "task": task,
                    "seeds": by_steps.seeds,
                    "margin": by_steps.margin,
                }
                row |= _numbers("steps", by_steps)
                if task in at_seconds:
                    row |= _numbers("seconds", at_seconds[task])
                rows.append(row)
    layout = [
        *named("Tier", "First", "Second", "Task"),
        number("Shared seeds", "seeds"),
        number("Margin", "margin", ".3f"),
        *_layout("steps", unit),
        *_layout("seconds", "seconds"),
    ]
    notes = [
        f"Not worse: the first's score falls behind the second's by less than the margin, at equal useful {unit} or at "
        "equal training seconds.",
        f"Margin: {MARGIN_OF_GAIN:g} of what the better one gained: its mean score less that of the random policy, 0, "
        "or of its untrained self, whichever is higher.",
        "Only tasks that one of the two is shown to have learnt, above random and above its untrained self: elsewhere "
        "being no worse says nothing.",
        f"Test: one-sided t, paired or Welch's as in the table of pairs, p < {SIGNIFICANCE:g} after Holm's correction "
        "over the pair's tasks. Not shown: the data leave it open.",
        "Difference: first less second. Lower bound: one-sided 95%, not corrected.",
        "Seconds: as in the table at equal seconds, and only on one kind of hardware.",
    ]
    return Table(
        "Non-inferiority",
        pd.DataFrame(rows),
        layout,
        notes,
        asks="Is one algorithm as good as another, within a margin?",
    )


def _numbers(clock: str, result: NotWorse) -> dict[str, float | bool | None]:
    return {f"{name}_at_{clock}": value for name, value in as_row(result).items() if name not in ("seeds", "margin")}


def _layout(clock: str, unit: str) -> list[Column]:
    def answer(record) -> Shown:
        said = record.get(f"not_worse_at_{clock}")
        return Shown("-" if said is None else "yes" if said else "not shown")

    return [
        number(f"Difference ({unit})", f"difference_at_{clock}", ".3f"),
        number(f"Lower bound ({unit})", f"low_at_{clock}", ".3f"),
        number(f"p (Holm, {unit})", f"p_holm_at_{clock}", ".3g"),
        Column(f"Not worse ({unit})", answer),
    ]
