"""Which row is a run's score: the last one with at most 1.02 x its budget in useful steps. And the shares of the budget
that rows stand for."""

ROWS = 20
"""Rows of a run after the first: one per this share of the budget."""


def share_of(useful_steps: int, budget: int, rows: int = ROWS) -> int:
    """How many shares of the budget, 0 to `rows`, are reached after `useful_steps`: the number of an evaluation."""
    return min(useful_steps * rows // budget, rows)


def is_within(useful_steps: int, budget: int, hundredths: int = 102) -> bool:
    """Whether a row at `useful_steps` can be the score of a run of `budget`: it overshoots by 2% at most."""
    return 100 * useful_steps <= hundredths * budget
