"""What a task is, apart from its code: a frozen record that survives a JSON round trip."""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Tier = Literal["smoke", "lite", "standard", "paper"]
ScoreScale = Literal["linear", "log2"]
TIERS: tuple[str, ...] = get_args(Tier)

EPISODES = 128
# The smoke tier proves that a run works; its scores are not read, and 128 episodes of Craftax take minutes.
SMOKE_EPISODES = 16
DEFAULT_CAP = 1000
"""Steps of an episode, where neither the environment nor the user states a limit."""
HOSTED_SUITE = "gymnasium"
"""The suite of Gymnasium's own environments as tasks."""


@dataclass(frozen=True)
class Budgets:
    """Useful environment steps of training, per tier. Evaluation is not counted."""

    smoke: int = 5_000
    lite: int = 1_000_000
    standard: int = 50_000_000
    paper: int = 500_000_000


@dataclass(frozen=True)
class Anchor:
    """A return that scores are read against, and where it comes from.

    value: mean undiscounted return of an episode. standard_error: of that mean, None where it is a rule or a bound.
    """

    value: float
    source: str
    standard_error: float | None = None


@dataclass(frozen=True)
class TaskSpec:
    """One versioned task: an environment plus its protocol.

    The number after `-v` changes whenever rewards, observations or ends change. `max_episode_steps` is the cap at
    which an episode is truncated. `requires` is the pinned requirement of the suite. Anchors are None until known.
    `score_scale` is the scale on which scores are read between the anchors: "log2" where returns double.
    `reward_threshold` is the return at which the task's authors call it solved, None where they state none.
    `lite_episodes` are those of an evaluation in the lite tier: fewer where 128 would take longer than the training.
    """

    id: str
    suite: str
    source_id: str
    max_episode_steps: int
    action_kind: Literal["discrete", "continuous"]
    description: str
    requires: str = ""
    paper_id: str | None = None
    budgets: Budgets = field(default_factory=Budgets)
    random: Anchor | None = None
    heuristic: Anchor | None = None
    reference: Anchor | None = None
    score_scale: ScoreScale = "linear"
    reward_threshold: float | None = None
    lite_episodes: int = EPISODES

    def __post_init__(self):
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*-v\d+", self.id):
            raise ValueError(f"task id {self.id!r} is not of the form Name-v0")
        if type(self.max_episode_steps) is not int or self.max_episode_steps < 1:
            raise ValueError(f"max_episode_steps {self.max_episode_steps!r}: expected a whole number, 1 or more")
        if self.score_scale not in get_args(ScoreScale):
            raise ValueError(f"score scale {self.score_scale!r} is none of {', '.join(get_args(ScoreScale))}")
        if self.score_scale == "log2" and any(
            anchor is not None and anchor.value < 1 for anchor in (self.random, self.reference)
        ):
            raise ValueError(f"the anchors of {self.id} are below 1, where scores on a log2 scale begin")

    def episodes(self, tier: str) -> int:
        """Of an evaluation in a tier, in each mode."""
        return {"smoke": SMOKE_EPISODES, "lite": self.lite_episodes}.get(tier, EPISODES)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types; `from_json` gives back an equal spec."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TaskSpec":
        values: dict[str, Any] = {**data, "budgets": Budgets(**data["budgets"])}
        for name in ("random", "heuristic", "reference"):
            if values.get(name) is not None:
                values[name] = Anchor(**values[name])
        return cls(**values)


def hosted_id(name: str) -> str:
    """The id of the task `gymnasium:<name>`: `gymnasium-<name>`, in letters that can name a directory."""
    slug = re.sub(r"[^\w.-]+", "-", f"{HOSTED_SUITE}-{name}")
    return slug if re.search(r"-v\d+$", slug) else f"{slug}-v0"
