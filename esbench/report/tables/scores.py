"""Final returns: one row per tier, task and algorithm."""

from collections.abc import Sequence
from statistics import fmean

import pandas as pd

from esbench.report.analysis import Comparison
from esbench.report.cells import Cell, Tier
from esbench.report.digits import agreed
from esbench.report.statistics.intervals import Estimate
from esbench.report.table import Shown, Table, decimals, estimate, missing, number, words

TIE = " ≈"

Comparisons = dict[tuple[str, str], Comparison]

_SECONDS = ("train_seconds", "compile_seconds")
_NUMBERS = (
    *("return_mean", "return_low", "return_high", "score_mean"),
    *("useful_steps", "sequential_steps", "overshoot", *_SECONDS),
)
_FRAME = ["tier", "task", "algorithm", "action_mode", "n", "budget", *_NUMBERS]


def scores_table(tiers: Sequence[Tier], comparisons: Sequence[Comparisons]) -> Table:
    """An algorithm without a score on a task is a row that says "missing", with n = 0."""
    rows, numbers = [], []
    for tier, pairs in zip(tiers, comparisons, strict=True):
        for task in tier.tasks:
            best = best_algorithms(tier, task)
            for algorithm in tier.algorithms:
                cell = tier.cell(task, algorithm)
                name = {"tier": tier.name, "task": task, "algorithm": algorithm}
                if cell is None:
                    rows.append([*words(*name.values()), *missing(2), Shown("0", 0), *[Shown("")] * 8])
                    numbers.append({**name, "n": 0})
                    continue
                values = _numbers(cell, tier.budgets[task])
                tied = best and algorithm not in best and not told_apart(pairs, task, best[0], algorithm)
                rows.append([*words(*name.values()), *_shown(values, algorithm in best, TIE if tied else "")])
                numbers.append({**name, **values})
    frame = pd.DataFrame(numbers, columns=_FRAME).astype({"n": int, "budget": "Int64"} | dict.fromkeys(_NUMBERS, float))
    columns = (
        *("Tier", "Task", "Algorithm", "Return", "95% interval", "Seeds", "Score"),
        *("Budget", "Useful steps", "Overshoot", "Sequential steps", "Train s", "Compile s", "Acts"),
    )
    return Table("scores", "Final return", columns, 3, rows, frame, _notes(tiers))


def best_algorithms(tier: Tier, task: str) -> list[str]:
    """Those with the highest mean return; none where there is no other to compare with."""
    means = {
        algorithm: agreed(fmean(cell.returns))
        for algorithm in tier.algorithms
        if (cell := tier.cell(task, algorithm)) is not None
    }
    return [name for name, mean in means.items() if mean == max(means.values())] if len(means) > 1 else []


def told_apart(comparisons: Comparisons, task: str, first: str, second: str) -> bool:
    """Whether the two algorithms' comparison found a win or a loss on the task."""
    comparison = comparisons.get((first, second)) or comparisons[second, first]
    return any(result.task == task and result.verdict in ("win", "loss") for result in comparison.tasks)


def _numbers(cell: Cell, budget: int) -> dict:
    returns = cell.mean_return
    return {
        "action_mode": cell.manifest.action_mode,
        "n": len(cell.runs),
        "budget": budget,
        "return_mean": returns.value,
        "return_low": returns.low,
        "return_high": returns.high,
        "score_mean": fmean(cell.scores),
        "useful_steps": cell.mean_of("useful_steps"),
        "sequential_steps": cell.mean_of("sequential_steps"),
        **{clock: cell.mean_of(clock) for clock in _SECONDS},
        "overshoot": fmean(run.steps_in_all / run.manifest.budget - 1 for run in cell.runs),
    }


def _shown(values: dict, best: bool, mark: str) -> list[Shown]:
    returns = Estimate(*(values[f"return_{part}"] for part in ("mean", "low", "high")))
    shown, bounds = estimate(returns, decimals(returns.value), bold=best, mark=mark)
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


def _notes(tiers: Sequence[Tier]) -> list[str]:
    episodes = sorted({run.score_row.samples for tier in tiers for cell in tier.cells.values() for run in cell.runs})
    return [
        f"Return: mean over seeds of the deployed policy's mean return over {' or '.join(map(str, episodes))} fresh "
        "episodes, in the mode it acts in; 95% Student-t interval over seeds.",
        "Bold: the highest mean of the task. ≈: not told apart from it by the paired test of the table of tasks, which "
        "is not corrected over pairs of algorithms, or too few shared seeds to test.",
        "Score: (return - random) / (reference - random) with the task's fixed anchors, in log2 for Game2048; not "
        "clipped here.",
        "Budget and useful steps: environment steps of training, the steps at the score row. Overshoot: how far a run "
        "went past its budget. Sequential steps: the critical path, the longest episode of every generation. "
        "Train s, compile s: means over seeds, compilation once for all seeds that one process ran.",
    ]
