"""Pairs of algorithms: over all tasks, and task by task."""

from collections.abc import Sequence

import pandas as pd

from esbench.report.analysis import Comparison, TaskComparison
from esbench.report.cells import Tier
from esbench.report.table import Shown, Table, estimate, number, with_interval, words
from esbench.report.wording import MEASURE, wording
from esbench.statistics.comparison import MARGIN, SIGNIFICANCE

Comparisons = dict[tuple[str, str], Comparison]


def pairs_table(tiers: Sequence[Tier], comparisons: Sequence[Comparisons]) -> Table:
    """One row per tier and pair."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier, pairs in zip(tiers, comparisons, strict=True):
        for pair in pairs.values():
            counts = {verdict: pair.count(verdict) for verdict in ("win", "tie", "loss", "untested")}
            first_not_worse, second_not_worse = (
                sum(task.shown is True for task in tasks.values())
                for tasks in (pair.first_not_worse, pair.second_not_worse)
            )
            rows.append(
                [
                    *words(tier.name, pair.first, pair.second),
                    *(Shown(str(count), count) for count in (len(pair.tasks), *counts.values())),
                    with_interval(pair.difference),
                    with_interval(pair.improvement),
                    Shown(f"{first_not_worse} of {pair.scored}", first_not_worse),
                    Shown(f"{second_not_worse} of {pair.scored}", second_not_worse),
                ]
            )
            numbers.append(
                {
                    "tier": tier.name,
                    "first": pair.first,
                    "second": pair.second,
                    "tasks": len(pair.tasks),
                    **counts,
                    "difference": pair.difference.value,
                    "difference_low": pair.difference.low,
                    "difference_high": pair.difference.high,
                    "improvement": pair.improvement.value,
                    "improvement_low": pair.improvement.low,
                    "improvement_high": pair.improvement.high,
                    "scored_tasks": pair.scored,
                    "first_not_worse": first_not_worse,
                    "second_not_worse": second_not_worse,
                }
            )
    columns = (
        *("Tier", "First", "Second", "Tasks", "Wins", "Ties", "Losses", "Untested"),
        *("Score difference", "P(first > second)", "First not worse", "Second not worse"),
    )
    notes = [
        "Wins, ties and losses are the first's. A win or a loss is a paired t test on the seeds that both have, "
        f"p < {SIGNIFICANCE:g} after Holm's correction over the pair's tasks (where it is the same difference on every "
        f"seed, the spread is that of the {say.samples} it was evaluated with); anything else is a tie. Untested: "
        "fewer than two shared seeds.",
        "Score difference: first less second in scores clipped to [0, 1], mean over tasks, paired by seed, with the "
        "interval of the scores over all tasks. P(first > second): mean over tasks, ties count half.",
        f"Not worse: on how many of the tasks with anchors non-inferiority is shown, with a margin of {MARGIN:g} of "
        "the way from random to reference: the table of non-inferiority.",
    ]
    return Table("pairs", "Pairs of algorithms", columns, 3, rows, pd.DataFrame(numbers), notes)


def tasks_table(tiers: Sequence[Tier], comparisons: Sequence[Comparisons]) -> Table:
    """One row per tier, pair and task."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier, pairs in zip(tiers, comparisons, strict=True):
        for pair in pairs.values():
            for result in pair.tasks:
                told = say.told(tier.specs[result.task], MEASURE)
                rows.append([*words(tier.name, pair.first, pair.second, result.task, *told), *_shown(result)])
                numbers.append(
                    {
                        "tier": tier.name,
                        "first": pair.first,
                        "second": pair.second,
                        "task": result.task,
                        "seeds": result.values.seeds,
                        "difference": result.values.difference.value,
                        "difference_low": result.values.difference.low,
                        "difference_high": result.values.difference.high,
                        "p": result.values.p_value,
                        "p_holm": result.adjusted_p,
                        "verdict": result.verdict,
                    }
                )
    own = say.columns(MEASURE)
    columns = (
        *("Tier", "First", "Second", "Task", *own, "Verdict", "Shared seeds"),
        *(f"{say.heading} difference", "95% interval", "p", "p (Holm)"),
    )
    notes = [
        f"Paired differences of {say.plural}, first less second{say.remark}; the verdict is the first's, as in the "
        "table of pairs."
    ]
    title = "Pairs of algorithms, task by task"
    return Table("tasks", title, columns, 5 + len(own), rows, pd.DataFrame(numbers), notes)


def _shown(result: TaskComparison) -> list[Shown]:
    return [
        *words(result.verdict),
        Shown(str(result.values.seeds), result.values.seeds),
        *estimate(result.values.difference),
        number(result.values.p_value, ".3g"),
        number(result.adjusted_p, ".3g"),
    ]
