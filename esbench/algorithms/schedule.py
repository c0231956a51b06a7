"""Schedules over a run's budget."""

from typing import Annotated

import jax
from pydantic import Field

Left = Annotated[float, Field(gt=0, le=1)]
"""A setting: the share of a number that is left at the end of the budget; 1: it stays."""


def left(final: jax.Array | float, spent: jax.Array) -> jax.Array:
    """What is left of a number that falls evenly to the share `final` of it, float32 (); exactly 1 where `final` is.

    spent: the share of the budget, 0 to 1.
    """
    return 1 - (1 - final) * spent
