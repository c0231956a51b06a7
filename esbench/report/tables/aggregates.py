"""Scores over all tasks: one row per tier and algorithm."""

from collections.abc import Sequence

import pandas as pd

from esbench.report import registry
from esbench.report.analysis import Aggregate
from esbench.report.scored_runs import Tier
from esbench.report.section import Section
from esbench.report.table import Column, Table, as_numbers, estimate, named, share, unless
from esbench.report.table_cell import MISSING, between
from esbench.statistics.aggregates import REPETITIONS
from esbench.statistics.normalization import has_scores

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
_BOUNDS = ("rank_first", "rank_last", "seeds_fewest", "seeds_most")


@registry.table("aggregates", told=True)
def aggregates_table(section: Section) -> Table:
    """An algorithm that lacks a task is a row that says "missing", with the number of tasks it has."""
    rows = []
    for tier, of_tier in zip(section.tiers, section.aggregates, strict=True):
        rows += [_numbers(tier, aggregate) for aggregate in of_tier]
        rows += [
            {"tier": tier.name, "algorithm": name, "tasks": len(tier.row(name)), "_of": len(tier.scored_tasks)}
            for name in tier.algorithms
            if name not in tier.complete
        ]
    estimates = [part for name in STATISTICS for part in (name, f"{name}_low", f"{name}_high")]
    columns = ["tier", "algorithm", "tasks", *_BOUNDS, *estimates, "_of", "_otherwise"]
    data = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(_BOUNDS, "Int64"))
    first, *others = map(_statistic, STATISTICS)
    layout = [
        *named("Tier", "Algorithm"),
        Column("Rank", lambda row: between(row.get("rank_first"), row.get("rank_last"))),
        share("Tasks", "tasks", "_of"),
        Column("Seeds", lambda row: between(row.get("seeds_fewest"), row.get("seeds_most"))),
        *unless(lambda row: None if "rank_first" in row else MISSING, first),
        *unless(lambda row: None if "rank_first" in row else "", *others),
    ]
    return Table(
        "Scores over all tasks", data, layout, _notes(section.tiers), asks="Which algorithm is best over all tasks?"
    )


def _statistic(name: str) -> Column:
    return estimate(
        STATISTICS[name],
        name,
        bold=lambda row: name == "mean" and row["rank_first"] == 1,
        mark=lambda row: OTHERWISE if name in row["_otherwise"] else "",
    )


def _numbers(tier: Tier, aggregate: Aggregate) -> dict:
    numbers = {
        "tier": tier.name,
        "algorithm": aggregate.algorithm,
        "tasks": len(tier.scored_tasks),
        "rank_first": aggregate.ranks[0],
        "rank_last": aggregate.ranks[-1],
        "seeds_fewest": aggregate.seeds[0],
        "seeds_most": aggregate.seeds[-1],
        "_of": len(tier.scored_tasks),
        "_otherwise": aggregate.otherwise,
    }
    for name, value in aggregate.estimates.items():
        numbers |= as_numbers(value, name)
    return numbers


def _notes(tiers: Sequence[Tier]) -> list[str]:
    notes = [
        "Ranking score: scores clipped to [0, 1], averaged over seeds, then over tasks.",
        "Rank: a range where paired differences may be chance, at 95% over all pairs together (Bonferroni). Bold: may "
        "be rank 1.",
        f"Intervals: 95%, bootstrap over seeds within tasks, {REPETITIONS:,} resamples, widened for few seeds. None: "
        "for the median, for P(improvement), and where a task has a single seed.",
        "IQM: mean of the middle half of all runs. Median: of the tasks' means. P(improvement): chance to beat another "
        "algorithm; a tie is a half.",
        "Optimality gap: mean distance to a score of 1, lower is better. Scores below 0 count in full.",
        "Area under curve: the ranking score's mean over the budget. At equal seconds: the ranking score when the "
        "quickest run of each task ends.",
        f"{OTHERWISE.strip()}: this number would give the algorithm another rank.",
    ]
    if any(len(tier.hardware) > 1 for tier in tiers):
        notes.append(
            "A tier that ran on several kinds of hardware has no score at equal seconds: "
            + "; ".join(f"{tier.name} on {', '.join(tier.hardware)}" for tier in tiers if len(tier.hardware) > 1)
            + "."
        )
    for tier in tiers:
        if tier.beyond:
            notes.append(
                f"Not in the tier {tier.name}, since nothing learns them with its budgets: {', '.join(tier.beyond)}. "
                "The larger tiers have them."
            )
        if without := [task for task, spec in tier.specs.items() if not has_scores(spec)]:
            notes.append(f"Left out of {tier.name}, as they have no anchors: {', '.join(without)}.")
    return notes
