"""The final measure: one row per tier, task and algorithm."""

from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from esbench.report.analysis import Comparison
from esbench.report.cells import Cell, Tier
from esbench.report.digits import agreed
from esbench.report.table import Shown, Table, decimals, estimate, missing, number, words
from esbench.report.wording import MEASURE, UNIT, Wording, wording
from esbench.statistics.intervals import Estimate

TIE = " ≈"

Comparisons = dict[tuple[str, str], Comparison]

_SECONDS = ("train_seconds", "compile_seconds")


def scores_table(tiers: Sequence[Tier], comparisons: Sequence[Comparisons]) -> Table:
    """An algorithm without a score on a task is a row that says "missing", with n = 0."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier, pairs in zip(tiers, comparisons, strict=True):
        for task, spec in tier.specs.items():
            best = best_algorithms(tier, task)
            for algorithm in tier.algorithms:
                cell = tier.cell(task, algorithm)
                name = {"tier": tier.name, "task": task, "algorithm": algorithm}
                named = words(*name.values(), *say.told(spec, MEASURE, UNIT))
                if cell is None:
                    rows.append([*named, *missing(2), Shown("0", 0), *[Shown("")] * 8])
                    numbers.append({**name, "n": 0})
                    continue
                values = _numbers(cell, tier.budgets[task], say.measure)
                tied = best and algorithm not in best and not told_apart(pairs, task, best[0], algorithm)
                rows.append([*named, *_shown(values, cell.mean, algorithm in best, TIE if tied else "")])
                numbers.append({**name, **values})
    measured = [f"{say.measure}_{part}" for part in ("mean", "low", "high")] + ["score_mean"]
    floats = [*measured, "useful_steps", "sequential_steps", "overshoot", *_SECONDS]
    frame = pd.DataFrame(numbers, columns=["tier", "task", "algorithm", "action_mode", "n", "budget", *floats])
    own = say.columns(MEASURE, UNIT)
    columns = (
        *("Tier", "Task", "Algorithm", *own, say.heading, "95% interval", "Seeds", "Score"),
        *("Budget", f"Useful {say.unit}", "Overshoot", f"Sequential {say.unit}", "Train s", "Compile s", "Acts"),
    )
    return Table(
        "scores",
        f"Final {say.measure}",
        columns,
        3 + len(own),
        rows,
        frame.astype({"n": int, "budget": "Int64"} | dict.fromkeys(floats, float)),
        _notes(tiers, say),
    )


def best_algorithms(tier: Tier, task: str) -> list[str]:
    """Those with the best mean; none where there is no other to compare with."""
    means = {
        algorithm: agreed(tier.specs[task].measure.sign * fmean(cell.values))
        for algorithm in tier.algorithms
        if (cell := tier.cell(task, algorithm)) is not None
    }
    return [name for name, mean in means.items() if mean == max(means.values())] if len(means) > 1 else []


def told_apart(comparisons: Comparisons, task: str, first: str, second: str) -> bool:
    """Whether the two algorithms' comparison found a win or a loss on the task."""
    comparison = comparisons.get((first, second)) or comparisons[second, first]
    return any(result.task == task and result.verdict in ("win", "loss") for result in comparison.tasks)


def _numbers(cell: Cell, budget: int, key: str) -> dict:
    mean = cell.mean
    return {
        "action_mode": cell.manifest.action_mode,
        "n": len(cell.runs),
        "budget": budget,
        f"{key}_mean": mean.value,
        f"{key}_low": mean.low,
        f"{key}_high": mean.high,
        "score_mean": fmean(cell.scores),
        "useful_steps": cell.mean_of("useful_steps"),
        "sequential_steps": cell.mean_of("sequential_steps"),
        **{clock: cell.mean_of(clock) for clock in _SECONDS},
        "overshoot": fmean(run.steps_in_all / run.manifest.budget - 1 for run in cell.runs),
    }


def _shown(values: dict, mean: Estimate, best: bool, mark: str) -> list[Shown]:
    shown, bounds = estimate(mean, decimals(mean.value), bold=best, mark=mark)
    return [
        shown,
        bounds if values["n"] > 1 else Shown("none: one seed"),
        Shown(str(values["n"]), values["n"]),
        number(values["score_mean"], ".3f"),
        number(values["budget"], ",d"),
        number(values["useful_steps"], ",.0f"),
        number(values["overshoot"], ".1%"),
        number(values["sequential_steps"], ",.0f"),
        *(number(values[clock], ".1f") for clock in _SECONDS),
        *words(values["action_mode"]),
    ]


def _notes(tiers: Sequence[Tier], say: Wording) -> list[str]:
    samples = sorted({run.score_row.samples for tier in tiers for cell in tier.cells.values() for run in cell.runs})
    return [
        f"{say.heading}{say.remark}: mean over seeds of the deployed policy's mean {say.measure} over "
        f"{' or '.join(map(str, samples))} fresh {say.samples}, in the mode it acts in; 95% Student-t interval over "
        f"seeds{say.cut}.",
        f"Bold: the {say.best} mean of the task. ≈: not told apart from it by the paired test of the table of tasks, "
        "which is not corrected over pairs of algorithms, or too few shared seeds to test.",
        f"Score: ({say.measure} - random) / (reference - random) with the task's fixed anchors{say.in_log2}; not "
        "clipped here.",
        f"Budget and useful {say.unit}: {say.cost} of training, the {say.unit} at the score row. Overshoot: how far a "
        f"run went past its budget. Sequential {say.unit}: {say.critical_path}. "
        "Train s, compile s: means over seeds, compilation once for all seeds that one process ran.",
    ]
