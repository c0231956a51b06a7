"""What a run leaves behind, typed: one manifest, then one row per evaluation, as JSON lines.

A change of these models is a new version of the format: `SCHEMA` is raised, `esbench.results.versions` learns to read
the older one, and `make results` writes the JSON Schema of the new one beside the old.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

SCHEMA = 5
_THEN = ", then "


class Record(BaseModel):
    """What is read from and written to JSON: strict about names, never changed, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Device(Record):
    """Where a run was computed.

    kind: the accelerator's or processor's own name. count: how many of them shared a run. together: how many runs one
    program had room for; a run's seconds are then its part of the program's. threads: of a CPU, into as many parts as
    which XLA cuts some sums; None where it was not recorded, and on accelerators.
    """

    platform: str
    kind: str
    count: int
    together: int = 1
    threads: int | None = None

    @property
    def first(self) -> str:
        """The kind that a run began on."""
        return self.kind.split(_THEN)[0]

    def then(self, other: "Device") -> "Device":
        """Where a run was computed that went on on `other`: its seconds compare with neither's, unless both are of one
        kind and had as many runs together."""
        last = self._named.split(_THEN)[-1]
        if last == other._named:
            return self
        return self.model_copy(update={"kind": f"{self._named}{_THEN}{other._named}", "together": 1})

    @property
    def _named(self) -> str:
        return self.kind if self.together == 1 else f"{self.kind}, {self.together} runs together"

    def __str__(self) -> str:
        return f"{self.count} x {self._named} ({self.platform})"


class TuningCost(Record):
    """What finding the settings cost before this run: settings tried, the most seeds of one, useful steps in all."""

    trials: int
    seeds: int
    useful_steps: int


class Options(Record):
    """The options that a run was asked for, with what was left open filled in; `RunOptions` says what each is. Those
    that every reader asks for are typed, others are there by name. steps: the budget."""

    model_config = ConfigDict(extra="allow")

    tier: str
    steps: int
    preset: str
    name: str


class Manifest(Record):
    """The first line of `run.jsonl`: everything that determines the rows, and where they were computed.

    options: as the run was asked for.
    task: TaskSpec.to_json(). algorithm: the name or file it was given by, or the name of its class. settings: all of
    the algorithm's, defaults included. policy: the network's `name` and its settings; empty for a problem that brings
    its own. problem: the settings of a problem that is no environment. spaces: what the network reads and gives
    (`policies.spaces`), None where it is unknown. sizes: the resolved sizes.
    switches: what was in force outside esbench that could change the last bits of a number (`jax_switches.recorded`).
    action_mode: how the deployed policy acts when it is scored, fixed before training.
    config_hash: sha256 over all that determines the rows of a seed (`results.fingerprints`).
    tuning: None where it was not recorded, as for settings chosen by hand. plugins: sha256 of the files that define a
    task, an algorithm or a network of the user's own, and of those of the user's that they import, None without any.
    """

    kind: Literal["manifest"] = "manifest"
    schema_version: int = SCHEMA
    task: dict[str, Any]
    algorithm: str
    seed: int
    options: Options
    settings: dict[str, Any]
    policy: dict[str, Any]
    parameters: int
    sizes: dict[str, int]
    action_mode: Literal["sample", "greedy"]
    device: Device
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    compilation_cache: Literal["warm", "cold", "off"]
    config_hash: str
    started: str
    tuning: TuningCost | None = None
    plugins: str | None = None
    problem: dict[str, Any] = {}
    switches: dict[str, str] = {}
    spaces: dict[str, Any] | None = None

    @property
    def tier(self) -> str:
        return self.options.tier

    @property
    def budget(self) -> int:
        """Of training, in the task's unit."""
        return self.options.steps

    @property
    def preset(self) -> str:
        return self.options.preset

    @property
    def name(self) -> str:
        """The directory of the run, and its name in tables."""
        return self.options.name


class Row(Record):
    """One evaluation of a run. Counts and clocks are totals since the start; clocks are in seconds.

    measure: the name of the task's measure. scores: means over fresh samples, by name: the measure's, and those of
    whatever else the evaluation gave. Of environments: `return` and `length` of episodes in the manifest's action mode,
    `return_greedy` and `return_sample` of the same episodes' keys in each mode. std: of the measure over the samples.
    samples: how many there were; distinct_samples: how many of them differed in what was scored.
    training: the last step's own metrics, None at step 0 and where a value is not finite. final marks the row that is
    the run's score.
    """

    kind: Literal["row"] = "row"
    generation: int
    useful_steps: int
    computed_steps: int
    sequential_steps: int
    measure: str
    scores: dict[str, float]
    std: float
    samples: int
    distinct_samples: int
    compile_seconds: float
    train_seconds: float
    evaluate_seconds: float
    log_seconds: float
    final: bool
    training: dict[str, float | None]

    @model_validator(mode="after")
    def _has_its_measure(self) -> Self:
        if self.measure not in self.scores:
            raise ValueError(f"no score {self.measure!r}, its measure")
        return self

    @property
    def value(self) -> float:
        """The mean of the measure."""
        return self.scores[self.measure]
