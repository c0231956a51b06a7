"""How much one step of an algorithm takes, read off its settings."""

from collections.abc import Mapping
from typing import Any


def generation_episodes(settings: Mapping[str, Any]) -> int | None:
    """Episodes of a generation; None where the settings are not those of a population."""
    if "pop_size" not in settings:
        return None
    return int(settings["pop_size"]) * int(settings.get("n_parallel_evaluations", 1))


def generation_steps(settings: Mapping[str, Any]) -> int | None:
    """The fewest environment steps that one step of an algorithm with these settings can take.

    One per episode of a population's generation, a whole rollout of a PPO update; None where the settings have
    neither form.
    """
    if "num_envs" in settings and "num_steps" in settings:
        return int(settings["num_envs"]) * int(settings["num_steps"])
    return generation_episodes(settings)
