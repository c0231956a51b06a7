"""What is to be run, resolved and validated before anything is computed or written."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esbench.algorithms.interface import Algorithm
from esbench.algorithms.registry import settings_of
from esbench.algorithms.step_sizes import generation_episodes, generation_steps
from esbench.errors import InputError, unknown
from esbench.experiment.assembly import assemble
from esbench.experiment.presets import find_preset
from esbench.plugins import names_a_file
from esbench.policies.networks import PolicySettings
from esbench.results.fingerprints import config_hash
from esbench.results.records import Tuning
from esbench.results.run_directory import run_path
from esbench.sizes import Sizes
from esbench.tasks import registry
from esbench.tasks.registry import Task
from esbench.tasks.spec import HOSTED_SUITE, TIERS

# Those of jax.default_matmul_precision that name an accuracy on every device.
PRECISIONS = ("float32", "tensorfloat32", "bfloat16", "default")
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class RunConfig:
    """One algorithm on one task, apart from the seed.

    sizes: those that were given, by name; the others are the machine's. budget: useful environment steps of training.
    preset: the name it was given by, or the file. tuning: what the preset says of its cost. name: the directory of its
    runs. precision: of matrix products, as JAX names it. out: the results root.
    """

    task: Task
    algorithm_name: str
    algorithm: Algorithm
    policy: PolicySettings
    sizes: dict[str, int]
    tier: str
    budget: int
    preset: str
    tuning: Tuning | None
    name: str
    precision: str
    out: Path

    @property
    def label(self) -> str:
        return f"{self.task.spec.id} {self.name}"

    @property
    def episodes(self) -> int:
        """Fresh episodes of an evaluation, in each mode."""
        return self.task.spec.episodes(self.tier)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the algorithm, defaults included, as JSON values."""
        return settings_of(self.algorithm)

    def path(self, seed: int) -> Path:
        """The directory of the run with `seed`; InputError where the seed is out of range."""
        if not 0 <= seed <= MAX_SEED:
            raise InputError(f"seed {seed}: expected 0 to {MAX_SEED}")
        return run_path(self.out, self.tier, self.task.spec.id, self.name, seed)

    def hash(self, sizes: Sizes) -> str:
        """sha256 over all that determines the rows of a seed on given versions and a given device."""
        return config_hash(
            task=self.task.spec.to_json(),
            algorithm=self.algorithm_name,
            settings=self.settings,
            policy=dataclasses.asdict(self.policy),
            tier=self.tier,
            budget=self.budget,
            sizes=dataclasses.asdict(sizes),
            precision=self.precision,
        )

    def warnings(self) -> list[str]:
        """What is worth knowing before the run, one line each."""
        episodes = generation_episodes(self.settings)
        worst = episodes * self.task.spec.max_episode_steps if episodes else 0
        lines = []
        if self.task.spec.suite == HOSTED_SUITE:
            lines.append("stepped in Python on the host, one environment after the other: slower than a compiled task")
        if worst <= self.budget:
            return lines
        return [
            *lines,
            f"a generation of {episodes:,} episodes takes up to {worst:,} steps where all last "
            f"{self.task.spec.max_episode_steps:,}: more than the budget of {self.budget:,}",
        ]


def resolve(
    task: str,
    algorithm: str,
    tier: str = "lite",
    steps: int | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
    precision: str = "float32",
    devices: int | None = None,
    out: str | Path = "runs",
) -> RunConfig:
    """The configuration these options of `esbench run` describe.

    steps: the budget, where it is not the tier's. preset: a name, "defaults" for the algorithm's own settings, or a
    FILE.toml; the tier's where None. settings: values by name that replace the preset's, as text or as numbers.
    devices: how many share a population's work. name: the directory of the runs, where it is not the algorithm's.
    Raises InputError, one line, for everything that cannot be.
    """
    if tier not in TIERS:
        raise unknown("tier", tier, TIERS)
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    found = registry.task(task)
    base = find_preset(algorithm, preset, tier, found.spec.id)
    on = {} if devices is None else {"devices": devices}
    assembled = assemble(algorithm, {**base.values, **(settings or {}), **on})
    budget = getattr(found.spec.budgets, tier) if steps is None else steps
    if budget < 1:
        raise InputError(f"budget of {budget} steps: expected at least 1")
    config = RunConfig(
        task=found,
        algorithm_name=algorithm,
        algorithm=assembled.algorithm,
        policy=assembled.policy,
        sizes=assembled.sizes,
        tier=tier,
        budget=budget,
        preset=base.name,
        tuning=base.tuning,
        name=default_name(algorithm) if name is None else name,
        precision=precision,
        out=Path(out),
    )
    config.path(0)  # the name must be able to name a directory
    _check_budget(config)
    return config


def default_name(algorithm: str) -> str:
    """The directory name of an algorithm's runs: its own name, made safe; of `path.py:ClassName`, the class's."""
    return algorithm.rpartition(":")[2] if names_a_file(algorithm) else re.sub(r"[^\w.-]+", "-", algorithm)


def _check_budget(config: RunConfig) -> None:
    settings = config.settings
    smallest = generation_steps(settings)
    if smallest is None or smallest <= config.budget:
        return
    factors = ("num_envs", "num_steps") if "num_envs" in settings else ("pop_size", "n_parallel_evaluations")
    given = " x ".join(f"{name} {settings[name]}" for name in factors if name in settings)
    raise InputError(
        f"a budget of {config.budget} steps cannot hold one generation ({given} = {smallest} steps): "
        f"expected --steps {smallest} or more, or a smaller {factors[0]}"
    )
