"""The final measure against the anchors: whether a random policy and a rule are beaten, and what it would take."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd

from esbench.report.cells import Cell, Run, Tier
from esbench.report.digits import written
from esbench.report.table import Shown, Table, decimals, number, with_interval, words
from esbench.report.wording import MEASURE, UNIT, wording
from esbench.statistics.intervals import Estimate, student_t_interval
from esbench.tasks.spec import Anchor

YES, LEVEL, NO, WORSE, UNTESTED = "yes", "level", "not shown", "worse", "one seed"
_NAMES = ("random", "heuristic")
_ROUNDING = 1e-3


def anchors_table(tiers: Sequence[Tier]) -> Table:
    """One row per tier, task with a random or a heuristic anchor, and algorithm."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier in tiers:
        for task, spec in tier.specs.items():
            anchors = {name: anchor for name in _NAMES if (anchor := getattr(spec, name)) is not None}
            for algorithm in tier.algorithms:
                cell = tier.cell(task, algorithm)
                if cell is None or not anchors:
                    continue
                mean, sign = cell.mean, spec.measure.sign
                said = {name: beats(mean, anchor, spec.measure.higher_is_better) for name, anchor in anchors.items()}
                unbeaten = next((anchor for name, anchor in anchors.items() if said[name] != YES), None)
                reference = spec.reference
                if unbeaten is not None and reference and sign * unbeaten.value >= sign * reference.value:
                    unbeaten = None  # a rule that is as good as can be
                steps = math.nan
                if unbeaten is not None:
                    steps = steps_to(cell, unbeaten.value + sign * uncertainty(unbeaten), tier.budgets[task])
                named = words(tier.name, task, algorithm, *say.told(spec, MEASURE, UNIT))
                shown = [*named, Shown(str(len(cell.runs)), len(cell.runs))]
                shown.append(with_interval(mean, decimals(mean.value)))
                for name in _NAMES:
                    shown += _shown(anchors.get(name), said.get(name))
                rows.append([*shown, number(tier.budgets[task], ",d"), _told(steps, unbeaten)])
                numbers.append(
                    {
                        "tier": tier.name,
                        "task": task,
                        "algorithm": algorithm,
                        "n": len(cell.runs),
                        f"{say.measure}_mean": mean.value,
                        f"{say.measure}_low": mean.low,
                        f"{say.measure}_high": mean.high,
                        **{name: anchor.value for name, anchor in anchors.items()},
                        **{f"beats_{name}": answer for name, answer in said.items()},
                        "budget": tier.budgets[task],
                        "steps_to_anchor": steps,
                    }
                )
    own = say.columns(MEASURE, UNIT)
    columns = (
        *("Tier", "Task", "Algorithm", *own, "Seeds", say.heading),
        *("Random", "Beats random", "Heuristic", "Beats heuristic", "Budget", "Would take"),
    )
    notes = [
        f"Yes: the 95% Student-t interval over seeds lies {say.above} the anchor, by more than two of the anchor's own "
        f"standard errors and {_ROUNDING:.1%} of it; worse: {say.below} it by as much; level: no further from it than "
        "that; not shown: anything else. Heuristic: a rule that learns nothing (`esbench tasks show` says which).",
        f"Would take: useful {say.unit} until the mean {say.measure} would be at the first anchor that is not beaten, "
        f"along the line through the last half of training; more seeds: the mean is {say.above} it already; no trend: "
        f"the line does not {say.rises}, or on some seeds only (its slope's 95% interval holds 0); -: none is left to "
        "beat, or the rule is as good as can be.",
    ]
    title, frame = "Against random and heuristic policies", _frame(numbers, say.measure)
    return Table("anchors", title, columns, 3 + len(own), rows, frame, notes)


def uncertainty(anchor: Anchor) -> float:
    """How far from an anchor nothing can be said: two standard errors, and the rounding of the catalogue."""
    return max(2 * (anchor.standard_error or 0.0), _ROUNDING * abs(anchor.value))


def beats(mean: Estimate, anchor: Anchor, higher_is_better: bool = True) -> str:
    if not mean.has_interval:
        return UNTESTED
    low, high = anchor.value - uncertainty(anchor), anchor.value + uncertainty(anchor)
    better, worse = (YES, WORSE) if higher_is_better else (WORSE, YES)
    if mean.low > high:
        return better
    if mean.high < low:
        return worse
    return LEVEL if low <= mean.low and mean.high <= high else NO


def steps_to(cell: Cell, target: float, budget: int) -> float:
    """Useful steps until the mean is at `target` if it goes on as in the last half of the budget; 0 where it is there,
    infinity without a trend."""
    sign = cell.spec.measure.sign
    left = sign * (target - fmean(cell.values))
    if left <= 0:
        return 0.0
    slopes = sign * np.array([_slope(run, budget) for run in cell.runs])
    interval = student_t_interval(slopes)
    if interval is None or not interval[0] > 0:
        return math.inf
    return budget + left / fmean(slopes)


def _slope(run: Run, budget: int) -> float:
    """The least-squares slope of a run's values over useful steps, over the last half of the budget."""
    late = run.useful_steps >= budget / 2
    if late.sum() < 2:
        late[-2:] = True
    steps, values = run.useful_steps[late], run.values[late]
    if len(steps) < 2 or np.ptp(steps) == 0:
        return 0.0
    apart = steps - fmean(steps)
    return float(apart @ (values - values[0]) / (apart @ apart))  # exactly 0 where nothing changes


def _shown(anchor: Anchor | None, said: str | None) -> list[Shown]:
    if anchor is None or said is None:
        return [Shown("-"), Shown("-")]
    return [number(anchor.value, f".{decimals(anchor.value)}f"), Shown(said, said, bold=said == YES)]


def _told(steps: float, unbeaten: Anchor | None) -> Shown:
    if unbeaten is None:
        return Shown("-")
    if steps == 0:
        return Shown("more seeds", steps)
    return Shown("no trend", steps) if math.isinf(steps) else number(float(written(steps, ".2g")), ",.0f")


def _frame(numbers: list[dict], key: str) -> pd.DataFrame:
    measured = [f"{key}_{part}" for part in ("mean", "low", "high")]
    anchors = ["random", "beats_random", "heuristic", "beats_heuristic"]
    columns = ["tier", "task", "algorithm", "n", *measured, *anchors, "budget", "steps_to_anchor"]
    return pd.DataFrame(numbers, columns=columns)
