"""Presets: named settings per algorithm and task, read from strict TOML files."""

import inspect
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
from pydantic import ValidationError

import esbench
from esbench.algorithms.registry import algorithm_name, settings_of
from esbench.errors import InputError, unknown
from esbench.experiment.options.assembly import assemble
from esbench.policies.registry import settings_of as network_settings
from esbench.results.records import TuningCost
from esbench.tasks.registry import Task, environments, task_specs
from esbench.tasks.registry import task as registered
from esbench.tasks.spec import RL, hosted_id

TIER_PRESETS = {"smoke": "smoke", "lite": "lite", "standard": "lite", "paper": "paper"}
OWN_DEFAULTS = "defaults"
_COST = "expected trials, seeds and useful_steps, whole numbers"


@dataclass(frozen=True)
class Preset:
    """Settings of one algorithm: `default` for every task (None: only the named tasks are set), `tasks` by id.

    source: the file and the table, for messages. default_tuning, task_tuning: what finding `default`, and a task's own
    settings, cost, where the file says it.
    """

    source: str
    default: dict[str, Any] | None
    tasks: dict[str, dict[str, Any]]
    default_tuning: TuningCost | None = None
    task_tuning: dict[str, TuningCost] = field(default_factory=dict)

    def values(self, task: str) -> dict[str, Any]:
        """The settings for `task`; InputError where the preset says nothing about it."""
        if self.default is None and task not in self.tasks:
            raise InputError(
                f"{self.source} has no settings for task {task!r}: expected one of {', '.join(self.tasks)}"
            )
        return {**(self.default or {}), **self.tasks.get(task, {})}

    def tuning(self, task: str) -> TuningCost | None:
        """What finding the settings for `task` cost; None where the file is silent on it."""
        return self.task_tuning.get(task) if task in self.tasks else self.default_tuning


@dataclass(frozen=True)
class Found:
    """A preset's settings for one task, the name they go by, and what finding them cost."""

    name: str
    values: dict[str, Any]
    tuning: TuningCost | None = None


def find_preset(algorithm: Any, preset: str | None, tier: str, task: str) -> Found:
    """The settings of `algorithm` for `task`.

    preset: a name in the algorithm's file, a path ending in `.toml`, "defaults" for the algorithm's own, or None for
    the tier's. An algorithm without a file has only its own defaults. A class has its own defaults where no preset is
    named, and an object has its own settings: it takes no preset.
    """
    if preset is not None and not isinstance(preset, str):
        raise InputError(f"preset {preset!r}: expected a name, or a path that ends in .toml")
    if not isinstance(algorithm, str):
        if preset not in (None, OWN_DEFAULTS) and not inspect.isclass(algorithm):
            raise InputError(f"preset {preset!r}: an object brings its settings: expected the algorithm's name")
        preset = preset or OWN_DEFAULTS
        algorithm = algorithm_name(algorithm)
    if preset is not None and preset.endswith(".toml"):
        own = read_preset(Path(preset), algorithm, task)
        return Found(preset, own.values(task), own.tuning(task))
    path = preset_file(algorithm)
    if preset == OWN_DEFAULTS or (preset is None and path is None):
        return Found(OWN_DEFAULTS, {})
    if path is None:
        raise InputError(f"algorithm {algorithm!r} has no preset {preset!r}: expected a FILE.toml, or --set")
    presets = read_presets(path, algorithm)
    name = preset or TIER_PRESETS[tier]
    if name not in presets and name in TIER_PRESETS:
        has = ", ".join(presets)
        raise InputError(f"algorithm {algorithm!r} has no preset {name!r}: expected --preset with one of {has}")
    if name not in presets:
        raise unknown(f"preset of {algorithm}", name, presets)
    return Found(name, presets[name].values(task), presets[name].tuning(task))


def lite_values(algorithm: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """The preset that runs of tier lite have, by name, and its settings by environment."""
    path, name = preset_file(algorithm), TIER_PRESETS["lite"]
    presets = {} if path is None else read_presets(path, algorithm)
    if name not in presets:
        return OWN_DEFAULTS, {task: {} for task in environments()}
    preset = presets[name]
    known = [task for task in environments() if preset.default is not None or task in preset.tasks]
    return name, {task: preset.values(task) for task in known}


def preset_file(algorithm: str) -> Path | None:
    """The settings file of a built-in algorithm; that of `evosax:NAME` is `evosax/NAME.toml`."""
    return baselines_file(Path(f"{algorithm.replace(':', '/')}.toml"))


def baselines_file(name: Path) -> Path | None:
    """A file of `baselines/`: inside the installed package, or at the top of a checkout. None where it is not there."""
    package = Path(esbench.__file__).parent
    candidates = [folder / "baselines" / name for folder in (package, package.parent)]
    return next((path for path in candidates if path.is_file()), None)


def read_presets(path: Path, algorithm: str) -> dict[str, Preset]:
    """All presets of a file of `baselines/`, every table of it checked."""
    return {name: _preset(path, name, table, algorithm) for name, table in _tables(path, "", _read(path))}


def read_preset(path: Path, algorithm: str, task: str) -> Preset:
    """The one preset of a user's own file; `task` is a valid id in it even where it is not registered."""
    return _preset(path, "", _read(path), algorithm, task)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors begin with a mark
    except OSError as error:
        raise InputError(f"cannot read preset {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from error


def _tables(path: Path, parent: str, values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, table in values.items():
        if not isinstance(table, dict):
            raise InputError(f"{path}: {parent}{name} = {table!r}: expected a table")
        yield name, table


def _preset(path: Path, name: str, table: dict[str, Any], algorithm: str, *own_tasks: str) -> Preset:
    prefix = f"{name}." if name else ""
    default, tasks, tuning = None, {}, {}
    for key, value in _tables(path, prefix, table):
        if key == "default":
            default = value
        elif key == "tasks":
            tasks = dict(_tables(path, f"{prefix}tasks.", value))
        elif key == "tuning":
            tuning = value
        else:
            tables = [prefix + table for table in ("default", "tasks", "tuning")]
            raise InputError(f"{path}: {unknown('table', prefix + key, tables)}")
    default_tuning, task_tuning = _costs(path, f"{prefix}tuning", tuning, default, tasks)
    hosted = {hosted_id(name) for name in gymnasium.registry}
    # A task that was tuned was known then, as one of a file's.
    ids = {spec.id for spec in task_specs()} | hosted | set(own_tasks) | set(task_tuning)
    for task in tasks:
        if task not in ids:
            raise InputError(f"{path}: {prefix}tasks: {unknown('task', task, ids)}")
    if default is not None:
        check_values(f"{path}: [{prefix}default]", default, default, algorithm)
    others = {spec.id for spec in task_specs() if spec.track != RL}  # these have settings of their own
    for task, values in tasks.items():
        own = registered(task) if task in others else None
        check_values(f'{path}: [{prefix}tasks."{task}"]', values, {**(default or {}), **values}, algorithm, own)
    source = f"preset {name or path}" + (f" of {algorithm}" if name else "")
    return Preset(source, default, tasks, default_tuning, task_tuning)


def _costs(
    path: Path, where: str, tuning: dict[str, Any], default: dict[str, Any] | None, tasks: dict[str, dict[str, Any]]
) -> tuple[TuningCost | None, dict[str, TuningCost]]:
    """What the table `tuning` of a preset says: of its default, and of its tasks by id."""

    def cost(at: str, values: dict[str, Any], there: bool) -> TuningCost:
        if not there:
            raise InputError(f"{path}: [{at}]: the preset has no settings that this is the cost of")
        try:
            return TuningCost.model_validate(values, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{path}: [{at}] {first['loc'][0]}: {first['msg']}; {_COST}") from error

    for key, _ in _tables(path, f"{where}.", tuning):
        if key not in ("default", "tasks"):
            raise InputError(f"{path}: {unknown('table', f'{where}.{key}', [f'{where}.default', f'{where}.tasks'])}")
    of_default = cost(f"{where}.default", tuning["default"], default is not None) if "default" in tuning else None
    of_tasks = dict(_tables(path, f"{where}.tasks.", tuning.get("tasks", {})))
    return of_default, {task: cost(f'{where}.tasks."{task}"', own, task in tasks) for task, own in of_tasks.items()}


def check_values(
    where: str, table: dict[str, Any], values: dict[str, Any], algorithm: str, task: Task | None = None
) -> None:
    """InputError unless `values` build and those of them in `table` have the types of their settings. task: None for
    an environment."""
    try:
        built = assemble(algorithm, values, task=task)
    except InputError as error:
        raise InputError(f"{where} {error}") from error
    network = {} if built.network is None else network_settings(built.network)
    settings = {**built.sizes, **network, **built.problem, **settings_of(built.algorithm)}
    for name, value in table.items():
        setting = settings[name]
        # The one conversion: a whole number where a float is expected.
        if type(setting) is not type(value) and not (type(setting) is float and type(value) is int):
            raise InputError(f"{where} {name} = {value!r}: expected {type(setting).__name__}")
