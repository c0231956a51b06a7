"""What a task is, without its code: a frozen record that survives a JSON round trip."""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from esbench.tasks.tiers import EPISODES, SMOKE_EPISODES, Budgets, Tier

ScoreScale = Literal["linear", "log2"]
DEFAULT_CAP = 1000
"""Steps of an episode, unless the environment or the user states a limit."""
HOSTED_SUITE = "gymnasium"
"""The suite of Gymnasium's own environments as tasks."""


@dataclass(frozen=True)
class Anchor:
    """A return that scores are read against, and where it comes from.

    value: mean undiscounted return of an episode. standard_error: of that mean, None where it is a rule or a bound.
    """

    value: float
    source: str
    standard_error: float | None = None


@dataclass(frozen=True)
class Measure:
    """What is measured of the deployed policy or parameters. name: of the scores in an evaluation. sample: what an
    evaluation has many independent ones of. unit: of the measure, empty without one. lowest, highest: the bounds of a
    sample, by the rules; None without a bound. Intervals end there."""

    name: str
    sample: str
    higher_is_better: bool = True
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None

    def __post_init__(self):
        for what, value in (("name", self.name), ("sample", self.sample)):
            if not isinstance(value, str) or not value.strip() or value == "value":
                raise ValueError(f"a measure's {what} {value!r} cannot name a column: expected a word")

    @property
    def title(self) -> str:
        """The name with its unit, as headings and axes have it."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def sign(self) -> int:
        """What values are multiplied by so that more is better."""
        return 1 if self.higher_is_better else -1


RETURN = Measure("return", "episode")


def returns(lowest: float | None, highest: float | None) -> Measure:
    """Returns between the lowest and the highest that the rules allow; None without a bound."""
    return dataclasses.replace(RETURN, lowest=lowest, highest=highest)


RL = "rl"
"""The track of tasks that are environments."""
REASONING = "reasoning"
"""The track of environments in which answers are written and checked."""
GSM8K = "gsm8k"
"""The suite of questions out of a file of the user's, and what the file's name stands after: `gsm8k:PATH`."""


@dataclass(frozen=True)
class TaskSpec:
    """One versioned task: a problem plus its protocol.

    The number after `-v` changes whenever what is measured changes: rewards, observations or ends. `requires` is the
    pinned requirement of the suite. Anchors are None until known. `score_scale` is the scale on which scores are read
    between the anchors: "log2" where returns double. `reward_threshold` is the value at which the task's authors call
    it solved; None without one. `lite_episodes` are the samples of an evaluation in the lite tier: fewer where 128
    would take longer than the training, more where they cost little. `beyond` are the tiers with whose budget nothing
    learns the task: it can be run there, and is no part of their own tasks and aggregate. `track` is the kind of
    problem: those of unlike tracks are never shown together. `cost` is the unit of budgets. `landmarks` are further
    values of the measure, each after its name, which figures draw as lines. Of environments: `max_episode_steps` is the
    cap at which an episode is truncated; of other problems it is None, as `action_kind` is.
    """

    id: str
    suite: str
    source_id: str
    max_episode_steps: int | None = None
    action_kind: Literal["discrete", "continuous"] | None = None
    description: str = ""
    requires: str = ""
    paper_id: str | None = None
    budgets: Budgets = field(default_factory=Budgets)
    random: Anchor | None = None
    heuristic: Anchor | None = None
    reference: Anchor | None = None
    score_scale: ScoreScale = "linear"
    reward_threshold: float | None = None
    lite_episodes: int = EPISODES
    track: str = RL
    measure: Measure = RETURN
    cost: str = "environment steps"
    beyond: tuple[Tier, ...] = ()
    landmarks: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        for what, text in (("track", self.track), ("cost", self.cost)):
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{self.id}: {what} {text!r}: expected a word")
        if not isinstance(self.budgets, Budgets):
            raise ValueError(f"{self.id}: budgets {self.budgets!r}: expected Budgets(...)")
        stated = {self.max_episode_steps is not None, self.action_kind is not None}
        if stated == {True, False}:
            raise ValueError(f"{self.id}: expected max_episode_steps and action_kind, of an environment, or neither")
        if self.track == RL and False in stated:
            raise ValueError(f"{self.id} is of the track rl: expected max_episode_steps and action_kind")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*-v\d+", self.id):
            raise ValueError(f"task id {self.id!r} is not of the form Name-v0")
        if (cap := self.max_episode_steps) is not None and (type(cap) is not int or cap < 1):
            raise ValueError(f"max_episode_steps {self.max_episode_steps!r}: expected a whole number, 1 or more")
        if self.score_scale not in get_args(ScoreScale):
            raise ValueError(f"score scale {self.score_scale!r} is none of {', '.join(get_args(ScoreScale))}")
        if self.score_scale == "log2" and any(
            anchor is not None and anchor.value < 1 for anchor in (self.random, self.reference)
        ):
            raise ValueError(f"the anchors of {self.id} are below 1, where scores on a log2 scale begin")

    @property
    def is_environment(self) -> bool:
        """Whether the task is an Environment, for which a policy is chosen, and no Problem."""
        return self.action_kind is not None

    @property
    def action_mode(self) -> Literal["greedy"] | None:
        """How whatever is trained acts when it is scored; None where its algorithm says it."""
        return "greedy" if self.track == REASONING else None

    @property
    def attempts(self) -> int:
        """How many samples of each episode are scored for `pass@attempts`; 0 for none."""
        return 8 if self.track == REASONING else 0

    @property
    def cap(self) -> int:
        """Of an environment: the steps after which an episode is truncated."""
        assert self.max_episode_steps is not None
        return self.max_episode_steps

    @property
    def cost_word(self) -> str:
        """The unit of budgets as one word: "steps", "tokens"."""
        return self.cost.split()[-1]

    @property
    def evaluation_cost(self) -> tuple[int, int] | None:
        """The least and the most that one evaluation of a member takes, an episode here; None where it is unknown."""
        return None if self.max_episode_steps is None else (1, self.max_episode_steps)

    def episodes(self, tier: str) -> int:
        """Samples of an evaluation in a tier: episodes in each action mode."""
        return {"smoke": SMOKE_EPISODES, "lite": self.lite_episodes}.get(tier, EPISODES)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON types; `from_json` gives back an equal spec."""
        return {
            **dataclasses.asdict(self),
            "beyond": list(self.beyond),
            "landmarks": [list(landmark) for landmark in self.landmarks],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TaskSpec":
        values: dict[str, Any] = {
            **data,
            "budgets": Budgets(**data["budgets"]),
            # JSON has no tuples, and specs of older versions have neither.
            "beyond": tuple(data.get("beyond", ())),
            "landmarks": tuple(map(tuple, data.get("landmarks", ()))),
        }
        if "measure" in values:  # specs of older versions are all of returns
            values["measure"] = Measure(**values["measure"])
        for name in ("random", "heuristic", "reference"):
            if values.get(name) is not None:
                values[name] = Anchor(**values[name])
        return cls(**values)


def determining(spec: dict[str, Any]) -> dict[str, Any]:
    """What of a spec's JSON a run's rows depend on: no words, anchors or other tiers' budgets.

    Tracks and measures are filled in for older versions, which had one of each.
    """
    filled = {"track": RL, "measure": dataclasses.asdict(RETURN), **spec}
    found = {name: filled.get(name) for name in _DETERMINING}
    if isinstance(found["measure"], dict):  # a stranger's can be anything
        bounds = ("lowest", "highest")
        found["measure"] = {name: value for name, value in found["measure"].items() if name not in bounds}
    return found


_DETERMINING = (
    "id",
    "suite",
    "source_id",
    "requires",
    "max_episode_steps",
    "action_kind",
    "lite_episodes",
    "track",
    "measure",
)


def hosted_id(name: str) -> str:
    """The id of the task `gymnasium:<name>`: `gymnasium-<name>`, in letters that can name a directory."""
    return slug(f"{HOSTED_SUITE}-{name}")


def slug(name: str) -> str:
    """`name` as a task's id: in letters that can name a directory, with a version."""
    safe = re.sub(r"[^\w.-]+", "-", name)
    return safe if re.search(r"-v\d+$", safe) else f"{safe}-v0"
