"""The final measure: one row per tier, task and algorithm."""

from statistics import fmean

import pandas as pd

from esbench.report import registry
from esbench.report.analysis import Comparison
from esbench.report.digits import agreed
from esbench.report.scored_runs import Cell, Tier, every_cell
from esbench.report.section import Section
from esbench.report.table import Column, Table, as_numbers, interval, named, number, unless, words
from esbench.report.table_cell import MISSING
from esbench.report.wording import MEASURE, UNIT, Wording

TIE = " ≈"
_COUNTS = {"n": "int64", "budget": "Int64"}
_NAMES = ("tier", "task", "algorithm", "action_mode", *_COUNTS)


@registry.table("scores", file="table", told=True)
def scores_table(section: Section) -> Table:
    """An algorithm without a score on a task is a row that says "missing", with n = 0."""
    say = section.say
    rows = []
    for tier, pairs in zip(section.tiers, section.comparisons, strict=True):
        for task in tier.tasks:
            marks = standing(tier, task, pairs)
            for algorithm in tier.algorithms:
                cell = tier.cell(task, algorithm)
                numbers = _numbers(cell, tier.budgets[task], say.measure) if cell else {"n": 0}
                bold, mark = marks.get(algorithm, (False, ""))
                names = {"tier": tier.name, "task": task, "algorithm": algorithm}
                rows.append({**names, **numbers, "_best": bold, "_mark": mark})
    data = pd.DataFrame(rows)
    floats = [name for name in data if name not in _NAMES and not name.startswith("_")]
    data = data[[*_NAMES, *floats, "_best", "_mark"]].astype(_COUNTS | dict.fromkeys(floats, float))
    layout = [*named("Tier", "Task", "Algorithm"), *section.differing(MEASURE, UNIT), *_layout(say)]
    asks = "What did each algorithm reach, and at what cost?"
    return Table(f"Final {say.measure}", data, layout, _notes(section), asks=asks)


def standing(tier: Tier, task: str, pairs: dict[tuple[str, str], Comparison]) -> dict[str, tuple[bool, str]]:
    """For every algorithm with the task: whether its mean is the best, and the mark where it may equal the best."""
    best = best_algorithms(tier, task)

    def is_tied(name: str) -> bool:
        if not best or name in best:
            return False
        pair = pairs.get((best[0], name)) or pairs[name, best[0]]
        return not any(result.task == task and result.verdict in ("win", "loss") for result in pair.by_task)

    here = [name for name in tier.algorithms if tier.cell(task, name)]
    return {name: (name in best, TIE if is_tied(name) else "") for name in here}


def best_algorithms(tier: Tier, task: str) -> list[str]:
    """Those with the best mean; empty for a single algorithm."""
    means = {
        algorithm: agreed(tier.specs[task].measure.sign * fmean(cell.values))
        for algorithm in tier.algorithms
        if (cell := tier.cell(task, algorithm)) is not None
    }
    return [name for name, mean in means.items() if mean == max(means.values())] if len(means) > 1 else []


def _numbers(cell: Cell, budget: int, measure: str) -> dict:
    return {
        "action_mode": cell.manifest.action_mode,
        "n": len(cell.runs),
        "budget": budget,
        **as_numbers(cell.mean, measure, f"{measure}_mean"),
        "untrained_mean": fmean(cell.untrained),
        "score_mean": fmean(cell.scores),
        "useful_steps": cell.mean_of("useful_steps"),
        "sequential_steps": cell.mean_of("sequential_steps"),
        "overshoot": fmean(run.steps_in_all / run.manifest.budget - 1 for run in cell.runs),
        "train_seconds": cell.mean_of("train_seconds"),
        "compile_seconds": cell.mean_of("compile_seconds"),
    }


def _layout(say: Wording) -> list[Column]:
    looks = {"bold": lambda row: row["_best"], "mark": lambda row: row["_mark"]}
    value = number(say.heading, f"{say.measure}_mean", None, **looks)
    bounds = interval("95% interval", say.measure, f"{say.measure}_mean")
    others = [
        number("Untrained", "untrained_mean", None),
        number("Score", "score_mean", ".3f"),
        number("Budget", "budget", ",d"),
        number(f"Useful {say.unit}", "useful_steps", ",.0f"),
        number("Overshoot", "overshoot", ".1%"),
        number(f"Sequential {say.unit}", "sequential_steps", ",.0f"),
        number("Train s", "train_seconds", ".1f"),
        number("Compile s", "compile_seconds", ".1f"),
        words("Acts", "action_mode", left=False),
    ]
    return [
        *unless(lambda row: None if row["n"] else MISSING, value),
        *unless(lambda row: {0: "", 1: "none: one seed"}.get(row["n"]), bounds),
        number("Seeds", "n"),
        *unless(lambda row: None if row["n"] else "", *others),
    ]


def _notes(section: Section) -> list[str]:
    say = section.say
    samples = sorted({run.score_row.samples for _, cell, _ in every_cell(section.tiers) for run in cell.runs})
    return [
        f"{say.heading}{say.remark}: mean over seeds of the deployed policy's mean over "
        f"{' or '.join(map(str, samples))} fresh {say.samples}. Interval: 95%, Student's t over seeds{say.cut}.",
        f"Bold: the {say.best} mean of the task. ≈: the test of the table of tasks shows no difference from "
        "the best, or seeds are too few.",
        f"Score: ({say.measure} - random) / (reference - random) with the task's fixed anchors{say.in_log2}; not "
        "clipped here.",
        "Untrained: the mean before training.",
        f"Budget: {say.cost} of training. Useful {say.unit}: those at the score row. Overshoot: how far a run went "
        "past its budget.",
        f"Sequential {say.unit}: {say.critical_path}.",
        "Train s, compile s: means over seeds; the seeds of one process share a compilation. Acts: the mode in which "
        "the policy was evaluated.",
    ]
