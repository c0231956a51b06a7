"""Scores over all tasks: one row per tier and algorithm."""

from collections.abc import Sequence

import pandas as pd

from esbench.report.analysis import Aggregate
from esbench.report.cells import Tier
from esbench.report.table import Shown, Table, missing, with_interval, words
from esbench.statistics.aggregate import REPETITIONS

STATISTICS = {
    "mean": "Ranking score",
    "iqm": "IQM",
    "median": "Median",
    "optimality_gap": "Optimality gap",
    "improvement": "P(improvement)",
    "area": "Area under curve",
    "equal_seconds": "At equal seconds",
}
OTHERWISE = " *"
_BOUNDS = ("", "_low", "_high")
_FRAME = [
    *("tier", "algorithm", "tasks", "rank_first", "rank_last", "seeds_fewest", "seeds_most"),
    *(statistic + bound for statistic in STATISTICS for bound in _BOUNDS),
]


def aggregates_table(tiers: Sequence[Tier], aggregates: Sequence[Sequence[Aggregate]]) -> Table:
    """An algorithm that lacks a task is a row that says "missing", with the number of tasks it has."""
    rows, numbers = [], []
    for tier, of_tier in zip(tiers, aggregates, strict=True):
        scored = len(tier.scored_tasks)
        for aggregate in of_tier:
            numbers.append(_numbers(tier, aggregate))
            ranks, seeds = (f"{r[0]}-{r[-1]}" if len(r) > 1 else str(r[0]) for r in (aggregate.ranks, aggregate.seeds))
            rows.append(
                [
                    *words(tier.name, aggregate.algorithm),
                    Shown(ranks, aggregate.ranks[0]),
                    Shown(f"{scored} of {scored}", scored),
                    Shown(seeds, aggregate.seeds[0]),
                    *(_shown(aggregate, statistic) for statistic in STATISTICS),
                ]
            )
        for name in tier.algorithms:
            if name not in tier.complete:
                has = len(tier.row(name))
                numbers.append({"tier": tier.name, "algorithm": name, "tasks": has})
                rows.append(
                    [
                        *words(tier.name, name),
                        Shown("-"),
                        Shown(f"{has} of {scored}", has),
                        Shown("-"),
                        *missing(len(STATISTICS)),
                    ]
                )
    frame = pd.DataFrame(numbers, columns=_FRAME).astype(dict.fromkeys(_FRAME[3:7], "Int64"))
    columns = ("Tier", "Algorithm", "Rank", "Tasks", "Seeds", *STATISTICS.values())
    return Table("aggregates", "Scores over all tasks", columns, 2, rows, frame, _notes(tiers))


def _shown(aggregate: Aggregate, statistic: str) -> Shown:
    if statistic not in aggregate.estimates:
        return Shown("-")
    mark = OTHERWISE if statistic in aggregate.otherwise else ""
    best = statistic == "mean" and aggregate.ranks[0] == 1
    return with_interval(aggregate.estimates[statistic], bold=best, mark=mark)


def _numbers(tier: Tier, aggregate: Aggregate) -> dict:
    numbers = {
        "tier": tier.name,
        "algorithm": aggregate.algorithm,
        "tasks": len(tier.scored_tasks),
        "rank_first": aggregate.ranks[0],
        "rank_last": aggregate.ranks[-1],
        "seeds_fewest": aggregate.seeds[0],
        "seeds_most": aggregate.seeds[-1],
    }
    for statistic, estimate in aggregate.estimates.items():
        numbers |= {statistic + bound: value for bound, value in zip(_BOUNDS, estimate, strict=True)}
    return numbers


def _notes(tiers: Sequence[Tier]) -> list[str]:
    notes = [
        "Ranking score: the mean over tasks of the mean over seeds of scores clipped to [0, 1]. Bold: rank 1 cannot be "
        "ruled out. Rank: a range where the paired difference to another algorithm is not separated from 0, at 95% "
        "over all pairs together (Bonferroni).",
        f"Intervals: 95% bootstrap over seeds, stratified by task, {REPETITIONS:,} resamples, widened for few seeds; "
        "none where a task has a single seed, none for the median, whose bootstrap does not hold what it says, and "
        "none for P(improvement), which is over several pairs.",
        "IQM: mean of the middle half of all runs. Median: of the tasks' means. Optimality gap: mean distance to 1 of "
        "scores not clipped below, lower is better. P(improvement): chance to beat the other algorithms, ties count "
        "half. Area under curve: the ranking score's mean over the budget. At equal seconds: after the training "
        f"seconds of the quickest run of every task. {OTHERWISE.strip()}: by this number the algorithm would rank "
        "otherwise.",
    ]
    if any(len(tier.hardware) > 1 for tier in tiers):
        notes.append(
            "No score at equal seconds where a tier was computed on several kinds of hardware: "
            + "; ".join(f"{tier.name} on {', '.join(tier.hardware)}" for tier in tiers if len(tier.hardware) > 1)
            + "."
        )
    for tier in tiers:
        if without := [task for task in tier.tasks if task not in tier.scored_tasks]:
            notes.append(f"Left out of {tier.name} for want of anchors: {', '.join(without)}.")
    return notes
