"""The measure at equal training seconds, beside that at equal useful steps."""

import math
from collections.abc import Sequence

import pandas as pd

from esbench.report.cells import Tier
from esbench.report.digits import agreed
from esbench.report.table import Shown, Table, decimals, number, with_interval, words
from esbench.report.wording import MEASURE, UNIT, wording
from esbench.statistics.intervals import Estimate


def equal_seconds_table(tiers: Sequence[Tier]) -> Table:
    """One row per tier, task, kind of hardware and algorithm; seconds of unlike hardware are not compared."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier in tiers:
        for task, spec in tier.specs.items():
            of_task = {name: cell for name in tier.algorithms if (cell := tier.cell(task, name)) is not None}
            for hardware in sorted({name for cell in of_task.values() for name in cell.hardware}):
                seconds = tier.seconds(task, hardware)
                cells = {name: cell.on(hardware) for name, cell in of_task.items() if hardware in cell.hardware}
                estimates = {
                    name: {"at_steps": cell.mean, "at_seconds": cell.mean_of_values(cell.at_seconds(seconds))}
                    for name, cell in cells.items()
                }
                best = {
                    key: max(
                        (of_name[key].value for of_name in estimates.values()), key=lambda v: spec.measure.sign * v
                    )
                    if len(cells) > 1
                    else math.nan
                    for key in ("at_steps", "at_seconds")
                }
                for name, cell in cells.items():
                    values = estimates[name]
                    rows.append(
                        [
                            *words(tier.name, task, name, hardware, *say.told(spec, MEASURE, UNIT)),
                            Shown(str(len(cell.runs)), len(cell.runs)),
                            number(tier.budgets[task], ",d"),
                            _shown(values["at_steps"], best["at_steps"]),
                            number(seconds, ".3g"),
                            _shown(values["at_seconds"], best["at_seconds"]),
                            number(cell.mean_of("sequential_steps"), ",.0f"),
                        ]
                    )
                    numbers.append(
                        {
                            "tier": tier.name,
                            "task": task,
                            "algorithm": name,
                            "hardware": hardware,
                            "n": len(cell.runs),
                            "useful_steps": tier.budgets[task],
                            "train_seconds": seconds,
                            **{
                                f"{say.measure}_{key}{bound}": value
                                for key, of_key in values.items()
                                for bound, value in zip(("", "_low", "_high"), of_key, strict=True)
                            },
                            "sequential_steps": cell.mean_of("sequential_steps"),
                        }
                    )
    own = say.columns(MEASURE, UNIT)
    columns = (
        *("Tier", "Task", "Algorithm", "Hardware", *own, "Seeds", f"Useful {say.unit}"),
        *(f"{say.heading} at equal {say.unit}", "Train s", f"{say.heading} at equal seconds"),
        f"Sequential {say.unit}",
    )
    notes = [
        "Train s: the training seconds of the task's quickest run on that hardware, without compilation and "
        "evaluation; of a slower run its last row until then counts. Seconds are compared within one kind of "
        "hardware only.",
        f"Intervals: 95% Student-t over seeds. Sequential {say.unit}: of the whole run.",
    ]
    title = f"At equal {say.unit} and at equal seconds"
    return Table("equal_seconds", title, columns, 4 + len(own), rows, pd.DataFrame(numbers), notes)


def _shown(estimate: Estimate, best: float) -> Shown:
    return with_interval(estimate, decimals(estimate.value), bold=agreed(estimate.value) == agreed(best))
