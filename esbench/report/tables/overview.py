"""The final measures side by side: one row per task, one column per algorithm."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from esbench.report import registry
from esbench.report.analysis import Comparison
from esbench.report.digits import agreed
from esbench.report.learning import UNTESTED, YES, beats, beats_untrained
from esbench.report.scored_runs import Tier
from esbench.report.section import Section
from esbench.report.table import Column, Table, as_numbers, estimate, named, number, unless
from esbench.report.table_cell import MISSING, span, within
from esbench.report.tables.scores import standing
from esbench.report.wording import MEASURE, UNIT, Wording, capital

NOT_BEYOND_RANDOM, NOT_BEYOND_UNTRAINED = " †", " ‡"


@registry.table("overview")
def overview_table(section: Section) -> Table:
    say, tiers = section.say, section.tiers
    algorithms = list(dict.fromkeys(name for tier in tiers for name in tier.algorithms))
    own = {tier.name: tier.algorithms for tier in tiers}
    rows = [
        _numbers(tier, task, pairs, say.measure)
        for tier, pairs in zip(tiers, section.comparisons, strict=True)
        for task in tier.tasks
    ]

    def of_algorithm(name: str) -> list[Column]:
        column = estimate(
            name,
            name,
            f"{name}_{say.measure}",
            places=None,
            bold=lambda row: row[f"_{name}_best"],
            mark=lambda row: row[f"_{name}_mark"],
        )
        absent = {tier: MISSING if name in names else "-" for tier, names in own.items()}
        return unless(lambda row: None if f"{name}_n" in row else absent[row["tier"]], column)

    layout = [
        *named("Tier", "Task"),
        *section.differing(MEASURE, UNIT),
        number("Budget", "budget", ",d"),
        number("Random", "_random", None),
        number("Reference", "_reference", None),
        Column("Untrained", lambda row: within(row["_untrained_low"], row["_untrained_high"])),
        *(column for name in algorithms for column in of_algorithm(name)),
    ]
    return Table(
        f"{capital(say.plural)} side by side",
        pd.DataFrame(rows),
        layout,
        _notes(tiers, say),
        asks="Which algorithm is best on each task?",
    )


def _numbers(tier: Tier, task: str, pairs: dict[tuple[str, str], Comparison], measure: str) -> dict:
    """Of a task, each algorithm's that has it."""
    spec = tier.specs[task]
    numbers: dict[str, Any] = {"tier": tier.name, "task": task, "budget": tier.budgets[task]}
    numbers |= {f"_{name}": anchor.value for name in ("random", "reference") if (anchor := getattr(spec, name))}
    means = [agreed(fmean(cell.untrained)) for name in tier.algorithms if (cell := tier.cell(task, name))]
    numbers |= {"_untrained_low": min(means), "_untrained_high": max(means)}
    for name, (best, mark) in standing(tier, task, pairs).items():
        cell = tier.cells[task, name]
        learns = beats_untrained(cell) in (YES, UNTESTED)
        beaten = spec.random is None or beats(cell.mean, spec.random, spec.measure.higher_is_better) in (YES, UNTESTED)
        numbers |= as_numbers(cell.mean, name, f"{name}_{measure}")
        numbers |= {f"{name}_n": len(cell.runs), f"_{name}_best": best}
        marks = (mark, "" if beaten else NOT_BEYOND_RANDOM, "" if learns else NOT_BEYOND_UNTRAINED)
        numbers[f"_{name}_mark"] = "".join(marks)
    return numbers


def _notes(tiers: Sequence[Tier], say: Wording) -> list[str]:
    seeds = sorted({len(cell.runs) for tier in tiers for cell in tier.cells.values()})
    return [
        f"Mean {say.title} over {span(seeds)} seeds, with its 95% interval (Student's t{say.cut}).",
        f"Bold: the {say.best} mean of the task. ≈: the pair's test shows no difference from the best, uncorrected "
        "over pairs of algorithms.",
        f"Random: the {say.measure} of a policy that acts at random. †: not shown to be {say.above} it. Reference: a "
        "score of 1.",
        f"Untrained: the algorithms' means before training, the lowest and the highest. ‡: not shown to be "
        f"{say.above} its own (paired t over seeds).",
    ]
