"""What `esbench tasks show` says of a task beyond its spec: what is seen, done and paid, and how it differs."""

from dataclasses import dataclass

from esbench.tasks.spec import RL, TaskSpec
from esbench.tasks.tiers import EPISODES, SMOKE_EPISODES


@dataclass(frozen=True)
class Card:
    """Prose about one task; every field is a sentence or two.

    differences: from the library's default, and from the environments of other libraries that people would compare.
    study: what measured the anchors, if not the study of all tasks.
    """

    observation: str
    action: str
    reward: str
    ends: str
    differences: str
    study: str = ""


@dataclass(frozen=True)
class Library:
    """Where a suite comes from: its pinned requirement, its licence, and whether its source is kept up."""

    name: str
    requires: str
    licence: str
    state: str


def lines(spec: TaskSpec, card: Card | None, library: Library | None) -> list[tuple[str, str]]:
    """(name, text) of everything about a task, its name and description first. card, library: None for a user's own."""
    tiers = ", ".join(f"{tier} {steps:,}" for tier, steps in spec.to_json()["budgets"].items())
    found = [(spec.id, spec.description)]
    if card is not None:
        found += [("observation", card.observation), ("action", f"{spec.action_kind}, {card.action}")]
        found += [("reward", card.reward), ("ends", card.ends)]
    elif spec.action_kind is not None:
        found += [("action", spec.action_kind)]
    if spec.max_episode_steps is not None:
        found += [("cap", f"truncated after {spec.max_episode_steps:,} steps")]
    else:
        found += [("measure", f"{spec.measure.title} of a {spec.measure.sample}")]
    found += [("budgets", f"{tiers} {spec.cost}" if spec.track != RL else tiers)]
    if spec.beyond:
        found += [("beyond", f"the tier {' and '.join(spec.beyond)}: nothing learns it with that budget")]
    found.append(
        ("evaluation", f"{EPISODES} {spec.measure.sample}s; smoke {SMOKE_EPISODES}, lite {spec.lite_episodes}")
    )
    for name in ("random", "heuristic", "reference"):
        anchor = getattr(spec, name)
        error = f" +- {anchor.standard_error:g}" if anchor and anchor.standard_error is not None else ""
        found.append((name, f"{anchor.value:g}{error} ({anchor.source})" if anchor else "-"))
    if card is not None:
        found.append(("measured by", f"python baselines/studies/{card.study or f'anchors.py --tasks {spec.id}'}"))
    found.append(("solved at", f"{spec.reward_threshold:g}" if spec.reward_threshold is not None else "not defined"))
    found.append(("source", f"{spec.suite} {spec.source_id}" + (f" ({spec.requires})" if spec.requires else "")))
    if library is not None:
        found += [("licence", library.licence), ("state", library.state)]
    found.append(("in the paper", spec.paper_id or "-"))
    if card is not None:
        found.append(("differences", card.differences))
    return found
