"""What is to be run, resolved and validated before anything is computed or written."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esbench.algorithms.interface import Algorithm, StepCost, step_cost
from esbench.algorithms.registry import algorithm_name, settings_of
from esbench.errors import InputError
from esbench.experiment.options.assembly import assemble
from esbench.experiment.options.presets import find_preset
from esbench.experiment.options.run_options import RunOptions, Storage, options_of, takes
from esbench.jax_switches import pinned, recorded
from esbench.plugins import names_a_file
from esbench.policies import registry as policies
from esbench.results.fingerprints import config_hash
from esbench.results.records import TuningCost
from esbench.results.run_directory import run_path
from esbench.settings import whole
from esbench.sizes import Sizes
from esbench.tasks import registry
from esbench.tasks.registry import Task
from esbench.tasks.spec import HOSTED_SUITE

MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class RunConfig:
    """One algorithm on one task, without the seed.

    options: as they were asked for, with budget, preset and name filled in. network: settings of the policy's network,
    None for a task that brings its own. problem: settings of a task that is no environment. sizes: those that were
    given, by name. The others are the machine's. tuning: what the preset says of its cost.
    """

    task: Task
    algorithm_name: str
    algorithm: Algorithm
    network: Any
    problem: dict[str, Any]
    sizes: dict[str, int]
    tuning: TuningCost | None
    options: RunOptions
    storage: Storage

    @property
    def tier(self) -> str:
        return self.options.tier

    @property
    def budget(self) -> int:
        """Of training, in the task's unit."""
        assert self.options.steps is not None  # filled in by `resolve`
        return self.options.steps

    @property
    def name(self) -> str:
        """The directory of its runs."""
        assert self.options.name is not None  # filled in by `resolve`
        return self.options.name

    @property
    def label(self) -> str:
        return f"{self.task.spec.id} {self.name}"

    @property
    def samples(self) -> int:
        """Fresh samples of an evaluation: episodes in each action mode."""
        return self.task.spec.episodes(self.tier)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the algorithm, defaults included, as JSON values."""
        return settings_of(self.algorithm)

    @property
    def policy(self) -> dict[str, Any]:
        """The network's name and settings as JSON values; empty for a task that brings its own."""
        return {} if self.network is None else policies.describe(self.network)

    @property
    def step_cost(self) -> StepCost | None:
        """What one step of training takes; None where only the step itself shows it."""
        return step_cost(self.algorithm, self.task.spec, self.problem)

    def path(self, seed: int) -> Path:
        """The directory of the run with `seed`; InputError where the seed is no whole number or out of range."""
        return run_path(
            Path(self.storage.out), self.tier, self.task.spec.id, self.name, whole("seed", seed, most=MAX_SEED)
        )

    def determining(self, sizes: Sizes) -> dict[str, Any]:
        """All that determines the rows of a seed on given versions and a given device, by the manifest's names."""
        return {
            "task": self.task.spec.to_json(),
            "algorithm": self.algorithm_name,
            "settings": self.settings,
            "policy": self.policy,
            "problem": self.problem,
            "sizes": dataclasses.asdict(sizes),
            "options": self.options.to_json(),
            "switches": recorded(),
        }

    def hash(self, sizes: Sizes) -> str:
        """sha256 over what determines the rows."""
        return config_hash(self.determining(sizes))

    def warnings(self) -> list[str]:
        """What is worth knowing before the run, one line each."""
        spec, cost = self.task.spec, self.step_cost
        lines = []
        if spec.suite == HOSTED_SUITE:
            lines.append("stepped in Python on the host, one environment after the other: slower than a compiled task")
        if cost is not None and cost.fewest < cost.most and cost.most > self.budget:
            lines.append(
                f"a generation of {cost.fewest:,} {spec.measure.sample}s can take {cost.most:,} {spec.cost_word}, "
                f"more than the budget of {self.budget:,}. If the first one does, the score is the UNTRAINED policy's: "
                f"use --steps {cost.most} or more, or a smaller {next(iter(cost.factors))}"
            )
        return lines


@pinned()
@takes(RunOptions, Storage)
def resolve(task: Any, algorithm: Any, **options: Any) -> RunConfig:
    """The configuration that these options of `esbench run` describe.

    task, algorithm: names as on the command line, or objects: what `tasks.registry.task` and
    `algorithms.registry.build_algorithm` take. options: fields of RunOptions and Storage.
    Raises InputError, one line, for everything that cannot be.
    """
    asked, storage = options_of(options)
    found = registry.task(task)
    base = find_preset(algorithm, asked.preset, asked.tier, found.spec.id)
    on = {} if asked.devices is None else {"devices": asked.devices}
    assembled = assemble(algorithm, {**base.values, **asked.settings, **on}, asked.policy, found)
    budget = getattr(found.spec.budgets, asked.tier) if asked.steps is None else asked.steps
    config = RunConfig(
        task=found,
        algorithm_name=algorithm_name(algorithm),
        algorithm=assembled.algorithm,
        network=assembled.network,
        problem=assembled.problem,
        sizes=assembled.sizes,
        tuning=base.tuning,
        options=dataclasses.replace(
            asked,
            steps=whole("steps", budget, least=1),
            preset=base.name,
            name=default_name(algorithm) if asked.name is None else asked.name,
        ),
        storage=storage,
    )
    config.path(0)  # the name must be able to name a directory
    config.hash(Sizes())  # and all settings be JSON
    _check_budget(config)
    return config


def default_name(algorithm: Any) -> str:
    """The directory name of an algorithm's runs: its own name, made safe; of `path.py:ClassName`, the class's."""
    name = algorithm_name(algorithm)
    return name.rpartition(":")[2] if names_a_file(name) else re.sub(r"[^\w.-]+", "-", name)


def _check_budget(config: RunConfig) -> None:
    cost = config.step_cost
    if cost is None or cost.fewest <= config.budget:
        return
    word, factor = config.task.spec.cost_word, next(iter(cost.factors))
    raise InputError(
        f"a budget of {config.budget} {word} cannot hold one generation ({cost} = {cost.fewest} {word}): "
        f"expected --steps {cost.fewest} or more, or a smaller {factor}"
    )
