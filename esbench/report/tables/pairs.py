"""Pairs of algorithms: over all tasks, and task by task."""

import pandas as pd

from esbench.report import registry
from esbench.report.section import Section
from esbench.report.table import Table, as_row, estimate, interval, named, number, share, words
from esbench.report.wording import MEASURE
from esbench.statistics.comparison import MARGIN_OF_GAIN, SIGNIFICANCE


@registry.table("pairs", told=True)
def pairs_table(section: Section) -> Table:
    """One row per tier and pair."""
    rows = [{"tier": tier.name, **as_row(pair)} for tier, pair in section.pairs]
    layout = [
        *named("Tier", "First", "Second"),
        number("Tasks", "tasks"),
        number("Wins", "win"),
        number("Ties", "tie"),
        number("Losses", "loss"),
        number("Untested", "untested"),
        estimate("Score difference", "difference"),
        estimate("P(first > second)", "improvement"),
        share("First not worse", "first_not_worse", "learnt_tasks"),
        share("Second not worse", "second_not_worse", "learnt_tasks"),
    ]
    notes = [
        "Wins, ties and losses are the first's. Untested: fewer than two shared seeds.",
        f"Win or loss: a t test on shared seeds, p < {SIGNIFICANCE:g} after Holm's correction over the pair's tasks. "
        "Tie: anything else.",
        "The test is paired where both start from the same untrained policies, as evolution strategies do. Elsewhere "
        "it is Welch's: only the evaluation's random numbers are shared.",
        f"Where all seeds differ by the same amount, the test takes the spread over the evaluation's "
        f"{section.say.samples}.",
        "Score difference: first less second, clipped to [0, 1], paired by seed, mean over tasks. Intervals: as for "
        "the scores over all tasks.",
        "P(first > second): the chance that a run of the first scores higher, mean over tasks; a tie is a half.",
        "Not worse: on how many tasks the table of non-inferiority shows it, of those that one of the two is shown to "
        f"have learnt. The margin is {MARGIN_OF_GAIN:g} of what the better one gained.",
    ]
    return Table("Pairs of algorithms", pd.DataFrame(rows), layout, notes, asks="Which of two algorithms wins?")


@registry.table("tasks")
def tasks_table(section: Section) -> Table:
    """One row per tier, pair and task."""
    say = section.say
    rows = [
        {"tier": tier.name, "first": pair.first, "second": pair.second, **as_row(result)}
        for tier, pair in section.pairs
        for result in pair.by_task
    ]
    layout = [
        *named("Tier", "First", "Second", "Task"),
        *section.differing(MEASURE),
        words("Verdict", "verdict"),
        number("Shared seeds", "seeds"),
        number(f"{say.heading} difference", "difference", None),
        interval("95% interval", "difference"),
        number("p", "p", ".3g"),
        number("p (Holm)", "p_holm", ".3g"),
    ]
    notes = [
        f"Differences of {say.plural}, first less second{say.remark}. The verdict is the first's, by the test "
        "of the table of pairs."
    ]
    return Table(
        "Pairs of algorithms, task by task",
        pd.DataFrame(rows),
        layout,
        notes,
        asks="On which tasks does one algorithm win?",
    )
