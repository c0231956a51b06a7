"""What a run leaves behind, typed: one manifest, then one row per evaluation, as JSON lines.

A change of these models is a new version of the format: `SCHEMA` is raised, `esbench.results.versions` learns to read
the older one, and `make results` writes the JSON Schema of the new one beside the old.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA = 2
_THEN = ", then "


class Record(BaseModel):
    """What is read from and written to JSON: strict about names, never changed, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Device(Record):
    """Where a run was computed. `kind` is the accelerator's or processor's own name, `count` how many shared a run."""

    platform: str
    kind: str
    count: int

    def then(self, other: "Device") -> "Device":
        """Where a run was computed that went on on `other`: of another kind, its seconds compare with neither's."""
        if self.kind.split(_THEN)[-1] == other.kind:
            return self
        return self.model_copy(update={"kind": f"{self.kind}{_THEN}{other.kind}"})

    def __str__(self) -> str:
        return f"{self.count} x {self.kind} ({self.platform})"


class Tuning(Record):
    """What finding the settings cost before this run: settings tried, the most seeds of one, useful steps in all."""

    trials: int
    seeds: int
    useful_steps: int


class Manifest(Record):
    """The first line of `run.jsonl`: everything that determines the rows, and where they were computed.

    task: TaskSpec.to_json(). settings, policy: all settings, defaults included. sizes: the resolved sizes.
    action_mode: how the deployed policy acts when it is scored, fixed before training.
    config_hash: sha256 over task, algorithm, settings, policy, tier, budget, sizes, precision (not the seed).
    tuning: None where it was not recorded, as for settings chosen by hand. plugins: sha256 of the files that define a
    task or an algorithm of the user's own, None without any.
    """

    kind: Literal["manifest"] = "manifest"
    schema_version: int = SCHEMA
    task: dict[str, Any]
    algorithm: str
    name: str
    preset: str
    settings: dict[str, Any]
    policy: dict[str, Any]
    parameters: int
    tier: str
    seed: int
    budget: int
    sizes: dict[str, int]
    action_mode: Literal["sample", "greedy"]
    precision: str
    device: Device
    versions: dict[str, str]
    commit: str | None
    dirty: bool | None
    compilation_cache: Literal["warm", "cold", "off"]
    config_hash: str
    started: str
    tuning: Tuning | None = None
    plugins: str | None = None


class Row(Record):
    """One evaluation of a run. Counts and clocks are totals since the start; clocks are in seconds.

    return_mean and return_std are of `episodes` fresh episodes in the manifest's action mode; return_mean_greedy and
    return_mean_sample of the same episodes' keys in each mode. distinct_episodes: how many different
    (return, length) pairs were among them. training: the last step's own metrics, None at step 0 and where a value
    is not finite. final marks the row that is the run's score.
    """

    kind: Literal["row"] = "row"
    generation: int
    useful_steps: int
    computed_steps: int
    sequential_steps: int
    return_mean: float
    return_std: float
    return_mean_greedy: float
    return_mean_sample: float
    episodes: int
    distinct_episodes: int
    compile_seconds: float
    train_seconds: float
    evaluate_seconds: float
    log_seconds: float
    final: bool
    training: dict[str, float | None]
