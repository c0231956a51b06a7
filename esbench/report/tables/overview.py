"""The final measures side by side: one row per task, one column per algorithm."""

from collections.abc import Sequence

import pandas as pd

from esbench.report.analysis import Comparison
from esbench.report.cells import Tier
from esbench.report.table import MISSING, Shown, Table, decimals, number, span, with_interval, words
from esbench.report.tables.anchors import UNTESTED, YES, beats
from esbench.report.tables.scores import TIE, best_algorithms, told_apart
from esbench.report.wording import MEASURE, UNIT, capital, wording
from esbench.tasks.spec import Anchor

NOT_BEYOND_RANDOM = " †"


def overview_table(tiers: Sequence[Tier], comparisons: Sequence[dict[tuple[str, str], Comparison]]) -> Table:
    say = wording(tiers)
    algorithms = list(dict.fromkeys(name for tier in tiers for name in tier.algorithms))
    rows, numbers = [], []
    for tier, pairs in zip(tiers, comparisons, strict=True):
        for task, spec in tier.specs.items():
            best = best_algorithms(tier, task)
            shown = [*words(tier.name, task, *say.told(spec, MEASURE, UNIT)), number(tier.budgets[task], ",d")]
            shown += [_anchor(spec.random), _anchor(spec.reference)]
            values: dict[str, object] = {"tier": tier.name, "task": task, "budget": tier.budgets[task]}
            for name in algorithms:
                cell = tier.cell(task, name)
                if cell is None:
                    shown.append(Shown(MISSING if name in tier.algorithms else "-"))
                    continue
                mean = cell.mean
                tied = best and name not in best and not told_apart(pairs, task, best[0], name)
                nothing = spec.random is not None and beats(mean, spec.random, spec.measure.higher_is_better) not in (
                    YES,
                    UNTESTED,
                )
                mark = (TIE if tied else "") + (NOT_BEYOND_RANDOM if nothing else "")
                shown.append(with_interval(mean, decimals(mean.value), bold=name in best, mark=mark))
                values |= {f"{name}_{say.measure}": mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
                values[f"{name}_n"] = len(cell.runs)
            rows.append(shown)
            numbers.append(values)
    seeds = sorted({len(cell.runs) for tier in tiers for cell in tier.cells.values()})
    notes = [
        f"Mean {say.title} over {span(seeds)} seeds and its 95% interval (Student's t{say.cut}). Bold: the {say.best} "
        "mean of the task; ≈: not told apart from it by the paired test, which is not corrected over pairs of "
        "algorithms.",
        f"Random: the {say.measure} of a policy that acts at random; †: not shown to be {say.above} it, which the "
        "table of anchors tells more of. Reference: what a score of 1 is.",
    ]
    own = say.columns(MEASURE, UNIT)
    columns = ("Tier", "Task", *own, "Budget", "Random", "Reference", *algorithms)
    title = f"{capital(say.plural)} side by side"
    return Table("overview", title, columns, 2 + len(own), rows, pd.DataFrame(numbers), notes)


def _anchor(anchor: Anchor | None) -> Shown:
    return Shown("-") if anchor is None else number(anchor.value, f".{decimals(anchor.value)}f")
