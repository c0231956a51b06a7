"""Anchors in the words of their sources; `python baselines/studies/anchors.py` measures those that are measured."""

from esbench.tasks.spec import Anchor


def measured(value: float, standard_error: float, episodes: int) -> Anchor:
    """The mean return of actions drawn uniformly from the action space, measured on these very environments."""
    return Anchor(value, f"uniformly random actions, {episodes} episodes, seed 0", standard_error)


def rule(name: str, value: float, standard_error: float, episodes: int) -> Anchor:
    """The mean return of a simple rule, measured likewise."""
    return Anchor(value, f"{name}, {episodes} episode{'s' * (episodes > 1)}, seed 0", standard_error)
