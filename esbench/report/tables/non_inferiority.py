"""Whether an algorithm is not worse than another, task by task, at equal steps and at equal seconds."""

import itertools
from collections.abc import Sequence

import pandas as pd

from esbench.report.analysis import NotWorse, not_worse
from esbench.report.cells import Tier
from esbench.report.table import Shown, Table, number, words
from esbench.report.wording import wording
from esbench.statistics.comparison import MARGIN, SIGNIFICANCE

_SAID = {True: "yes", False: "not shown", None: "-"}


def non_inferiority_table(tiers: Sequence[Tier]) -> Table:
    """One row per tier, ordered pair and task with anchors."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier in tiers:
        for first, second in itertools.permutations(tier.algorithms, 2):
            at_steps, at_seconds = (not_worse(tier, first, second, at_seconds=clock) for clock in (False, True))
            for task, by_steps in at_steps.items():
                by_seconds = at_seconds.get(task)
                rows.append(
                    [
                        *words(tier.name, first, second, task),
                        Shown(str(by_steps.test.seeds), by_steps.test.seeds),
                        *_shown(by_steps),
                        *(_shown(by_seconds) if by_seconds else [Shown("-")] * 4),
                    ]
                )
                numbers.append(
                    {
                        "tier": tier.name,
                        "first": first,
                        "second": second,
                        "task": task,
                        "seeds": by_steps.test.seeds,
                        **_numbers("steps", by_steps),
                        **(_numbers("seconds", by_seconds) if by_seconds else {}),
                    }
                )
    columns = (
        *("Tier", "First", "Second", "Task", "Shared seeds"),
        *(f"Difference ({say.unit})", f"Lower bound ({say.unit})"),
        *(f"p (Holm, {say.unit})", f"Not worse ({say.unit})"),
        *("Difference (seconds)", "Lower bound (seconds)", "p (Holm, seconds)", "Not worse (seconds)"),
    )
    notes = [
        f"Not worse: the mean paired difference of scores, first less second, is above -{MARGIN:g} of the way from "
        f"random to reference (one-sided paired t test, p < {SIGNIFICANCE:g} after Holm's correction over the tasks of "
        f"the ordered pair), at equal useful {say.unit} and at equal training seconds. Not shown is not the same as "
        "worse.",
        "Lower bound: one-sided 95%, not corrected. Seconds: those of the table of equal seconds; of several kinds of "
        "hardware nothing is said.",
    ]
    return Table("non_inferiority", "Non-inferiority", columns, 4, rows, pd.DataFrame(numbers), notes)


def _shown(result: NotWorse) -> list[Shown]:
    low = result.test.low
    return [
        number(result.test.difference, ".3f"),
        number(low, ".3f"),
        number(result.adjusted_p, ".3g"),
        Shown(_SAID[result.shown]),
    ]


def _numbers(clock: str, result: NotWorse) -> dict[str, float | bool | None]:
    return {
        f"difference_at_{clock}": result.test.difference,
        f"low_at_{clock}": result.test.low,
        f"p_at_{clock}": result.test.p_value,
        f"p_holm_at_{clock}": result.adjusted_p,
        f"not_worse_at_{clock}": result.shown,
    }
