"""The final measure against the anchors: whether a random policy and a rule are beaten, and what it would take."""

import math
from statistics import fmean

import numpy as np
import pandas as pd

from esbench.report import registry
from esbench.report import table_cell as shown
from esbench.report.digits import written
from esbench.report.learning import ROUNDING, YES, beats, beats_untrained, uncertainty
from esbench.report.scored_runs import Cell, ScoredRun, every_cell
from esbench.report.section import Section
from esbench.report.table import Column, Record, Table, as_numbers, estimate, named, number
from esbench.report.table_cell import Shown
from esbench.report.wording import MEASURE, UNIT, Wording
from esbench.statistics.intervals import student_t_interval

_NAMES = ("random", "heuristic")


@registry.table("anchors")
def anchors_table(section: Section) -> Table:
    """One row per tier, task with a random or a heuristic anchor, and algorithm."""
    say = section.say
    rows = [
        {
            **names,
            "n": len(cell.runs),
            **as_numbers(cell.mean, say.measure, f"{say.measure}_mean"),
            "untrained": fmean(cell.untrained),
            "beats_untrained": beats_untrained(cell),
            **_against(cell, tier.budgets[names["task"]]),
        }
        for tier, cell, names in every_cell(section.tiers)
        if any(getattr(cell.spec, name) for name in _NAMES)
    ]
    layout = [
        *named("Tier", "Task", "Algorithm"),
        *section.differing(MEASURE, UNIT),
        number("Seeds", "n"),
        estimate(say.heading, say.measure, f"{say.measure}_mean", places=None),
        *(
            column
            for name in ("random", "untrained", "heuristic")
            for column in (number(name.capitalize(), name, None), _answer(name))
        ),
        number("Budget", "budget", ",d"),
        Column("Would take", _would_take),
    ]
    return Table(
        "Against random, untrained and heuristic policies",
        pd.DataFrame(rows),
        layout,
        _notes(say),
        asks="Does it beat a random policy, its own untrained one and a simple rule?",
    )


def _against(cell: Cell, budget: int) -> dict:
    """Per anchor its value and what is said of it; the useful steps to the first unbeaten one, NaN where all are
    beaten."""
    mean, sign, reference = cell.mean, cell.spec.measure.sign, cell.spec.reference
    numbers: dict[str, float | str] = {}
    steps, unbeaten = math.nan, None
    for name in _NAMES:
        numbers |= {name: math.nan, f"beats_{name}": ""}
        anchor = getattr(cell.spec, name)
        if anchor is not None:
            said = beats(mean, anchor, cell.spec.measure.higher_is_better)
            numbers |= {name: anchor.value, f"beats_{name}": said}
            unbeaten = unbeaten or (anchor if said != YES else None)
    # A rule may be as good as can be.
    if unbeaten and not (reference and sign * unbeaten.value >= sign * reference.value):
        steps = steps_to(cell, unbeaten.value + sign * uncertainty(unbeaten), budget)
    return {**numbers, "budget": budget, "steps_to_anchor": steps}


def steps_to(cell: Cell, target: float, budget: int) -> float:
    """Useful steps until the mean is at `target`, if it continues as in the last half of the budget. 0 where it is
    there, infinity without a trend."""
    sign = cell.spec.measure.sign
    left = sign * (target - fmean(cell.values))
    if left <= 0:
        return 0.0
    slopes = sign * np.array([_slope(run, budget) for run in cell.runs])
    interval = student_t_interval(slopes)
    if interval is None or not interval[0] > 0:
        return math.inf
    return budget + left / fmean(slopes)


def _slope(run: ScoredRun, budget: int) -> float:
    """The least-squares slope of a run's values over useful steps, over the last half of the budget."""
    late = run.useful_steps >= budget / 2
    if late.sum() < 2:
        late[-2:] = True
    steps, values = run.useful_steps[late], run.values[late]
    if len(steps) < 2 or np.ptp(steps) == 0:
        return 0.0
    apart = steps - fmean(steps)
    return float(apart @ (values - values[0]) / (apart @ apart))  # exactly 0 where nothing changes


def _answer(name: str) -> Column:
    def cell(record: Record) -> Shown:
        said = record[f"beats_{name}"]
        return Shown(said, said, bold=said == YES) if said else Shown("-")

    return Column(f"Beats {name}", cell)


def _would_take(record: Record) -> Shown:
    steps = record.get("steps_to_anchor", math.nan)
    if steps == 0:
        return Shown("more seeds", steps)
    return Shown("no trend", steps) if math.isinf(steps) else shown.number(float(written(steps, ".2g")), ",.0f")


def _notes(say: Wording) -> list[str]:
    return [
        f"Yes: the 95% interval over seeds (Student's t) lies {say.above} the anchor and its uncertainty. Worse: it "
        f"lies {say.below} both.",
        f"Level: it lies within that uncertainty: two standard errors of the anchor, at least {ROUNDING:.1%} of it. "
        "Not shown: anything else.",
        "Untrained: the mean before training. Yes: a paired t test over seeds shows that the mean is better, at 95%.",
        "Heuristic: a rule that learns nothing; `esbench tasks show` names it.",
        f"Would take: useful {say.unit} until the mean reaches the first unbeaten anchor, if the last half's trend "
        "continues.",
        f"More seeds: the mean is {say.above} that anchor already. No trend: the last half does not clearly "
        f"{say.rises} (95% interval of its slope over seeds).",
        "A dash: every anchor is beaten, or the rule is the best possible.",
    ]
