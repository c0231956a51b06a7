"""The tiers: their budgets and how many episodes an evaluation has. Their presets: `experiment/options/presets.py`."""

from dataclasses import dataclass
from typing import Literal, get_args

Tier = Literal["smoke", "lite", "standard", "paper"]
TIERS: tuple[str, ...] = get_args(Tier)

EPISODES = 128
# The smoke tier proves that a run works; its scores are not read, and 128 episodes of Craftax take minutes.
SMOKE_EPISODES = 16


@dataclass(frozen=True)
class Budgets:
    """Useful environment steps of training, per tier. Evaluation is not counted."""

    smoke: int = 5_000
    lite: int = 1_000_000
    standard: int = 50_000_000
    paper: int = 500_000_000
