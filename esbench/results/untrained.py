"""A score that is the untrained policy's: the budget held less than one step of training."""

from collections.abc import Sequence

from esbench.results.records import Row


def is_untrained(row: Row) -> bool:
    """Whether a row is a run's score and was written before any training."""
    return row.final and row.useful_steps == 0


def untrained(rows: Sequence[Row], cost: str = "steps") -> str:
    """What to say first of a run whose score is the untrained policy's, and what helps; empty for any other run.

    The rows are a run's, in order. The one after the score is at the end of the first step of training. cost: the unit
    of the budget.
    """
    if not any(map(is_untrained, rows)):
        return ""
    took = rows[-1].useful_steps
    return (
        f"the score is the UNTRAINED policy's: one generation took {took:,} {cost}, more than the budget; use --steps "
        f"{took} or more, or a smaller pop_size"
    )
