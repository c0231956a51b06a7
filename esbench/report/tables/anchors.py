"""Final returns against the anchors: whether a random policy and a rule are beaten, and what it would take."""

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd

from esbench.report.cells import Cell, Run, Tier
from esbench.report.digits import written
from esbench.report.statistics.intervals import Estimate, student_t_interval
from esbench.report.table import Shown, Table, decimals, number, with_interval, words
from esbench.tasks.spec import Anchor

YES, LEVEL, NO, WORSE, UNTESTED = "yes", "level", "not shown", "worse", "one seed"
_NAMES = ("random", "heuristic")
_ROUNDING = 1e-3


def anchors_table(tiers: Sequence[Tier]) -> Table:
    """One row per tier, task with a random or a heuristic anchor, and algorithm."""
    rows, numbers = [], []
    for tier in tiers:
        for task, spec in tier.specs.items():
            anchors = {name: anchor for name in _NAMES if (anchor := getattr(spec, name)) is not None}
            for algorithm in tier.algorithms:
                cell = tier.cell(task, algorithm)
                if cell is None or not anchors:
                    continue
                returns = cell.mean_return
                said = {name: beats(returns, anchor) for name, anchor in anchors.items()}
                unbeaten = next((anchor for name, anchor in anchors.items() if said[name] != YES), None)
                if unbeaten is not None and spec.reference is not None and unbeaten.value >= spec.reference.value:
                    unbeaten = None  # a rule that is as good as can be
                steps = math.nan
                if unbeaten is not None:
                    steps = steps_to(cell, unbeaten.value + uncertainty(unbeaten), tier.budgets[task])
                shown = [*words(tier.name, task, algorithm), Shown(str(len(cell.runs)), len(cell.runs))]
                shown.append(with_interval(returns, decimals(returns.value)))
                for name in _NAMES:
                    shown += _shown(anchors.get(name), said.get(name))
                rows.append([*shown, number(tier.budgets[task], ",d"), _told(steps, unbeaten)])
                numbers.append(
                    {
                        "tier": tier.name,
                        "task": task,
                        "algorithm": algorithm,
                        "n": len(cell.runs),
                        "return_mean": returns.value,
                        "return_low": returns.low,
                        "return_high": returns.high,
                        **{name: anchor.value for name, anchor in anchors.items()},
                        **{f"beats_{name}": answer for name, answer in said.items()},
                        "budget": tier.budgets[task],
                        "steps_to_anchor": steps,
                    }
                )
    columns = (
        *("Tier", "Task", "Algorithm", "Seeds", "Return", "Random", "Beats random", "Heuristic", "Beats heuristic"),
        *("Budget", "Would take"),
    )
    notes = [
        "Yes: the 95% Student-t interval over seeds lies above the anchor, by more than two of the anchor's own "
        f"standard errors and {_ROUNDING:.1%} of it; worse: below it by as much; level: no further from it than that; "
        "not shown: anything else. Heuristic: a rule that learns nothing (`esbench tasks show` says which).",
        "Would take: useful steps until the mean return would be at the first anchor that is not beaten, along the "
        "line through the last half of training; more seeds: the mean is above it already; no trend: the line does "
        "not rise, or on some seeds only (its slope's 95% interval holds 0); -: none is left to beat, or the rule is "
        "as good as can be.",
    ]
    return Table("anchors", "Against random and heuristic policies", columns, 3, rows, _frame(numbers), notes)


def uncertainty(anchor: Anchor) -> float:
    """How far from an anchor nothing can be said: two standard errors, and the rounding of the catalogue."""
    return max(2 * (anchor.standard_error or 0.0), _ROUNDING * abs(anchor.value))


def beats(returns: Estimate, anchor: Anchor) -> str:
    if not returns.has_interval:
        return UNTESTED
    low, high = anchor.value - uncertainty(anchor), anchor.value + uncertainty(anchor)
    if returns.low > high:
        return YES
    if returns.high < low:
        return WORSE
    return LEVEL if low <= returns.low and returns.high <= high else NO


def steps_to(cell: Cell, target: float, budget: int) -> float:
    """Useful steps until the mean return is at `target` if it goes on as in the last half of the budget; 0 where it is
    there, infinity without a trend."""
    final = fmean(cell.returns)
    if final >= target:
        return 0.0
    slopes = np.array([_slope(run, budget) for run in cell.runs])
    interval = student_t_interval(slopes)
    if interval is None or not interval[0] > 0:
        return math.inf
    return budget + (target - final) / fmean(slopes)


def _slope(run: Run, budget: int) -> float:
    """The least-squares slope of a run's return over useful steps, over the last half of the budget."""
    late = run.useful_steps >= budget / 2
    if late.sum() < 2:
        late[-2:] = True
    steps, returns = run.useful_steps[late], run.returns[late]
    if len(steps) < 2 or np.ptp(steps) == 0:
        return 0.0
    apart = steps - fmean(steps)
    return float(apart @ (returns - returns[0]) / (apart @ apart))  # exactly 0 where nothing changes


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


def _frame(numbers: list[dict]) -> pd.DataFrame:
    columns = ["tier", "task", "algorithm", "n", "return_mean", "return_low", "return_high", "random", "beats_random"]
    return pd.DataFrame(numbers, columns=[*columns, "heuristic", "beats_heuristic", "budget", "steps_to_anchor"])
