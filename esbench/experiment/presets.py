"""Presets: named settings per algorithm and task, read from strict TOML files."""

import dataclasses
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium

import esbench
from esbench.algorithms.registry import settings_of
from esbench.errors import InputError, unknown
from esbench.experiment.assembly import assemble
from esbench.tasks.registry import hosted_id, task_specs

TIER_PRESETS = {"smoke": "smoke", "lite": "lite", "standard": "lite", "paper": "paper"}
OWN_DEFAULTS = "defaults"


@dataclass(frozen=True)
class Preset:
    """Settings of one algorithm: `default` for every task (None: only the named tasks are set), `tasks` by id.

    source: the file and the table, for messages.
    """

    source: str
    default: dict[str, Any] | None
    tasks: dict[str, dict[str, Any]]

    def values(self, task: str) -> dict[str, Any]:
        """The settings for `task`; InputError where the preset says nothing about it."""
        if self.default is None and task not in self.tasks:
            raise InputError(
                f"{self.source} has no settings for task {task!r}: expected one of {', '.join(self.tasks)}"
            )
        return {**(self.default or {}), **self.tasks.get(task, {})}


def find_preset(algorithm: str, preset: str | None, tier: str, task: str) -> tuple[str, dict[str, Any]]:
    """(name, settings) of the preset of `algorithm` for `task`.

    preset: a name in the algorithm's file, a path ending in `.toml`, or None for the tier's. An algorithm without a
    file has only its own defaults, under the name "defaults".
    """
    if preset is not None and preset.endswith(".toml"):
        return preset, read_preset(Path(preset), algorithm, task).values(task)
    path = preset_file(algorithm)
    if path is None:
        if preset not in (None, OWN_DEFAULTS):
            raise InputError(f"algorithm {algorithm!r} has no preset {preset!r}: expected a FILE.toml, or --set")
        return OWN_DEFAULTS, {}
    presets = read_presets(path, algorithm)
    name = preset or TIER_PRESETS[tier]
    if name not in presets and name in TIER_PRESETS:
        has = ", ".join(presets)
        raise InputError(f"algorithm {algorithm!r} has no preset {name!r}: expected --preset with one of {has}")
    if name not in presets:
        raise unknown(f"preset of {algorithm}", name, presets)
    return name, presets[name].values(task)


def preset_file(algorithm: str) -> Path | None:
    """The settings file of a built-in algorithm: inside the installed package, or at the top of a checkout.

    That of `evosax:NAME` is `evosax/NAME.toml`.
    """
    package = Path(esbench.__file__).parent
    candidates = [folder / "baselines" / f"{algorithm.replace(':', '/')}.toml" for folder in (package, package.parent)]
    return next((path for path in candidates if path.is_file()), None)


def read_presets(path: Path, algorithm: str) -> dict[str, Preset]:
    """All presets of a file of `baselines/`, every table of it checked."""
    return {name: _preset(path, name, table, algorithm) for name, table in _tables(path, "", _read(path))}


def read_preset(path: Path, algorithm: str, task: str) -> Preset:
    """The one preset of a user's own file; `task` is a valid id in it even where it is not registered."""
    return _preset(path, "", _read(path), algorithm, task)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
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
    default, tasks = None, {}
    for key, value in _tables(path, prefix, table):
        if key == "default":
            default = value
        elif key == "tasks":
            tasks = dict(_tables(path, f"{prefix}tasks.", value))
        else:
            raise InputError(f"{path}: {unknown('table', prefix + key, [f'{prefix}default', f'{prefix}tasks'])}")
    hosted = {hosted_id(name) for name in gymnasium.registry}
    ids = {spec.id for spec in task_specs()} | hosted | set(own_tasks)
    for task in tasks:
        if task not in ids:
            raise InputError(f"{path}: {prefix}tasks: {unknown('task', task, ids)}")
    if default is not None:
        _check(f"{path}: [{prefix}default]", default, default, algorithm)
    for task, values in tasks.items():
        _check(f'{path}: [{prefix}tasks."{task}"]', values, {**(default or {}), **values}, algorithm)
    return Preset(f"preset {name or path}" + (f" of {algorithm}" if name else ""), default, tasks)


def _check(where: str, table: dict[str, Any], values: dict[str, Any], algorithm: str) -> None:
    """A table must build, and none of its values may be of another type than its setting."""
    try:
        built = assemble(algorithm, values)
    except InputError as error:
        raise InputError(f"{where} {error}") from error
    settings = {**built.sizes, **dataclasses.asdict(built.policy), **settings_of(built.algorithm)}
    for name, value in table.items():
        setting = settings[name]
        # The one conversion: a whole number where a float is expected.
        if type(setting) is not type(value) and not (type(setting) is float and type(value) is int):
            raise InputError(f"{where} {name} = {value!r}: expected {type(setting).__name__}")
