"""Algorithms by name: the built-in ones, installed plug-ins, and files of the user's own."""

import dataclasses
import importlib
import inspect
from importlib.metadata import entry_points
from typing import Any

from esbench.algorithms.built_in import BUILT_IN, EVOSAX
from esbench.algorithms.evolution import Evolution, EvolutionAlgorithm
from esbench.algorithms.interface import Algorithm
from esbench.errors import InputError, unknown
from esbench.plugins import load_object, names_a_file
from esbench.settings import build, field_names

GROUP = "esbench.algorithms"


def algorithm_names() -> list[str]:
    """The built-in algorithms, then those of installed plug-ins (entry points of the group `esbench.algorithms`)."""
    return [*BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP) if point.name not in BUILT_IN)]


def algorithm_class(name: str) -> type[Any]:
    """The dataclass behind a built-in name, `evosax:NAME`, an entry point or `path/to/file.py:ClassName`.

    It is an Algorithm (it has `bind`) or a Strategy (`init`, `ask`, `tell`, `deployed`); InputError otherwise.
    """
    if names_a_file(name):
        cls = load_object(name)
    elif name.startswith(EVOSAX):
        from esbench.algorithms.evosax_adapter import evosax_class

        cls = evosax_class(name.removeprefix(EVOSAX))
    elif name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        cls = getattr(importlib.import_module(module), attribute)
    else:
        points = {point.name: point for point in entry_points(group=GROUP)}
        if name not in points:
            raise unknown("algorithm", name, algorithm_names())
        cls = points[name].load()
    if not (inspect.isclass(cls) and dataclasses.is_dataclass(cls)):
        raise InputError(
            f"algorithm {name!r} is not a dataclass: expected a class under @esbench.settings.settings with bind, "
            "or with init, ask, tell and deployed"
        )
    if not _is_algorithm(cls):
        missing = [method for method in ("init", "ask", "tell", "deployed") if not callable(getattr(cls, method, None))]
        if missing or "pop_size" not in field_names(cls):
            lacks = ", ".join([*missing, *(["the setting pop_size"] if "pop_size" not in field_names(cls) else [])])
            raise InputError(f"algorithm {name!r} is neither an algorithm (bind) nor a strategy: it lacks {lacks}")
    return cls


def setting_names(name: str) -> list[str]:
    """The settings that `build_algorithm(name, ...)` takes; a strategy has those of its loop as well."""
    cls = algorithm_class(name)
    return field_names(cls) if _is_algorithm(cls) else field_names(cls) + field_names(Evolution)


def build_algorithm(name: str, values: dict[str, Any]) -> Algorithm:
    """The algorithm with these settings, the others at their defaults.

    Raises InputError naming the setting: unknown (with the nearest name), of the wrong type, out of range.
    """
    cls = algorithm_class(name)
    names = setting_names(name)
    for setting in values:
        if setting not in names:
            raise unknown(f"setting of {name}", setting, names)
    if _is_algorithm(cls):
        return build(cls, values)
    own = field_names(cls)
    strategy = build(cls, {key: value for key, value in values.items() if key in own})
    loop = build(Evolution, {key: value for key, value in values.items() if key not in own})
    return EvolutionAlgorithm(strategy, loop)


def settings_of(algorithm: Algorithm) -> dict[str, Any]:
    """All settings of an algorithm by name, defaults included."""
    if isinstance(algorithm, EvolutionAlgorithm):
        return {**_fields(algorithm.strategy), **_fields(algorithm.evolution)}
    return _fields(algorithm)


def describe(name: str) -> tuple[str, dict[str, Any]]:
    """What an algorithm is, in one line, and its settings with their defaults."""
    cls = algorithm_class(name)
    summary = (inspect.getdoc(cls) or name).splitlines()[0]
    return summary, settings_of(build_algorithm(name, {}))


def _fields(settings: Any) -> dict[str, Any]:
    # Those that cannot be set too: what evosax deploys is one.
    return {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}


def _is_algorithm(cls: type) -> bool:
    return callable(getattr(cls, "bind", None))
