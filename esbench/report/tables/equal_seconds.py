"""Returns at equal training seconds, beside those at equal useful steps."""

import math
from collections.abc import Sequence

import pandas as pd

from esbench.report.cells import Tier
from esbench.report.digits import agreed
from esbench.report.statistics.intervals import Estimate, mean_estimate
from esbench.report.table import Shown, Table, decimals, number, with_interval, words


def equal_seconds_table(tiers: Sequence[Tier]) -> Table:
    """One row per tier, task, kind of hardware and algorithm; seconds of unlike hardware are not compared."""
    rows, numbers = [], []
    for tier in tiers:
        for task in tier.tasks:
            of_task = {name: cell for name in tier.algorithms if (cell := tier.cell(task, name)) is not None}
            for hardware in sorted({name for cell in of_task.values() for name in cell.hardware}):
                seconds = tier.seconds(task, hardware)
                cells = {name: cell.on(hardware) for name, cell in of_task.items() if hardware in cell.hardware}
                estimates = {
                    name: {
                        "at_steps": cell.mean_return,
                        "at_seconds": mean_estimate(cell.at_seconds(seconds), least=cell.episode_spread),
                    }
                    for name, cell in cells.items()
                }
                best = {
                    key: max(of_name[key].value for of_name in estimates.values()) if len(cells) > 1 else math.nan
                    for key in ("at_steps", "at_seconds")
                }
                for name, cell in cells.items():
                    values = estimates[name]
                    rows.append(
                        [
                            *words(tier.name, task, name, hardware),
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
                                f"return_{key}{bound}": value
                                for key, of_key in values.items()
                                for bound, value in zip(("", "_low", "_high"), of_key, strict=True)
                            },
                            "sequential_steps": cell.mean_of("sequential_steps"),
                        }
                    )
    columns = (
        *("Tier", "Task", "Algorithm", "Hardware", "Seeds", "Useful steps", "Return at equal steps"),
        *("Train s", "Return at equal seconds", "Sequential steps"),
    )
    notes = [
        "Train s: the training seconds of the task's quickest run on that hardware, without compilation and "
        "evaluation; of a slower run its last row until then counts. Seconds are compared within one kind of "
        "hardware only.",
        "Intervals: 95% Student-t over seeds. Sequential steps: of the whole run.",
    ]
    return Table("equal_seconds", "At equal steps and at equal seconds", columns, 4, rows, pd.DataFrame(numbers), notes)


def _shown(estimate: Estimate, best: float) -> Shown:
    return with_interval(estimate, decimals(estimate.value), bold=agreed(estimate.value) == agreed(best))
