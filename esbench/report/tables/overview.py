"""Final returns side by side: one row per task, one column per algorithm."""

from collections.abc import Sequence

import pandas as pd

from esbench.report.analysis import Comparison
from esbench.report.cells import Tier
from esbench.report.statistics.intervals import mean_estimate
from esbench.report.table import MISSING, Shown, Table, decimals, number, span, with_interval, words
from esbench.report.tables.scores import TIE, best_algorithm, told_apart
from esbench.tasks.spec import Anchor


def overview_table(tiers: Sequence[Tier], comparisons: Sequence[dict[tuple[str, str], Comparison]]) -> Table:
    algorithms = list(dict.fromkeys(name for tier in tiers for name in tier.algorithms))
    rows, numbers = [], []
    for tier, pairs in zip(tiers, comparisons, strict=True):
        for task, spec in tier.specs.items():
            best = best_algorithm(tier, task)
            shown = [*words(tier.name, task), number(tier.budgets[task], ",d")]
            shown += [_anchor(spec.random), _anchor(spec.reference)]
            values: dict[str, object] = {"tier": tier.name, "task": task, "budget": tier.budgets[task]}
            for name in algorithms:
                cell = tier.cell(task, name)
                if cell is None:
                    shown.append(Shown(MISSING if name in tier.algorithms else "-"))
                    continue
                returns = mean_estimate(cell.returns)
                tied = name != best and best is not None and not told_apart(pairs, task, best, name)
                places = decimals(returns.value)
                shown.append(with_interval(returns, places, bold=name == best, mark=TIE if tied else ""))
                values |= {f"{name}_return": returns.value, f"{name}_low": returns.low, f"{name}_high": returns.high}
                values[f"{name}_n"] = len(cell.runs)
            rows.append(shown)
            numbers.append(values)
    seeds = sorted({len(cell.runs) for tier in tiers for cell in tier.cells.values()})
    notes = [
        f"Mean return over {span(seeds)} seeds and its 95% interval (Student's t). Bold: the highest mean of the task; "
        "≈: not told apart from it by the paired test.",
        "Random: the return of a policy that acts at random. Reference: what a score of 1 is.",
    ]
    columns = ("Tier", "Task", "Budget", "Random", "Reference", *algorithms)
    return Table("overview", "Returns side by side", columns, 2, rows, pd.DataFrame(numbers), notes)


def _anchor(anchor: Anchor | None) -> Shown:
    return Shown("-") if anchor is None else number(anchor.value, f".{decimals(anchor.value)}f")
