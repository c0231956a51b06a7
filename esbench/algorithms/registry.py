"""Algorithms by name or as objects: the built-in ones, installed plug-ins, and the user's own."""

import dataclasses
import importlib
import inspect
import math
import re
from importlib.metadata import entry_points
from typing import Any

from esbench.algorithms.built_in import BUILT_IN, EVOSAX
from esbench.algorithms.evolution import EvolutionAlgorithm
from esbench.algorithms.interface import Algorithm
from esbench.errors import InputError, unknown
from esbench.plugins import load_object, names_a_file, unnamed
from esbench.problem import Evolution
from esbench.settings import as_json, build, field_names, whole

GROUP = "esbench.algorithms"
_MEANINGS = (
    ("pop_size", "a whole number, 1 or more", lambda value: type(value) is int and value >= 1),
    ("rank", "a whole number, 1 or more", lambda value: type(value) is int and value >= 1),
    ("sigma", "a number above 0", lambda value: 0 < value < math.inf),
    ("learning_rate", "a finite number", math.isfinite),
)
_MEANING = re.compile(r"(?:^|(?<=\. )|(?<=\.  ))\s*([a-z]\w*(?:, [a-z]\w*)*): (.*?)(?=\.\s|\.$|$)")
"""Names with commas between them at the beginning of a sentence, a colon, and the rest of the sentence."""


def algorithm_names() -> list[str]:
    """The built-in algorithms, then those of installed plug-ins (entry points of the group `esbench.algorithms`)."""
    return [*BUILT_IN, *sorted(point.name for point in entry_points(group=GROUP) if point.name not in BUILT_IN)]


def algorithm_name(algorithm: Any) -> str:
    """What an algorithm goes by: the name it was given by; of a class or an object the built-in's, or the class's."""
    if isinstance(algorithm, str):
        return algorithm
    cls = _class_of(algorithm)
    place = f"{cls.__module__}:{cls.__qualname__}"
    return next((name for name, at in BUILT_IN.items() if at == place), cls.__name__)


def algorithm_class(algorithm: Any) -> type[Any]:
    """The dataclass behind a built-in name, `evosax:NAME`, an entry point or `path/to/file.py:ClassName`; a class or an
    object's own.

    It is an Algorithm (it has `bind`) or a Strategy (`init`, `ask`, `tell`, `deployed`); InputError otherwise.
    """
    name = algorithm_name(algorithm)
    cls = _named(name) if isinstance(algorithm, str) else _class_of(algorithm)
    if not (inspect.isclass(cls) and dataclasses.is_dataclass(cls)):
        given = f"{algorithm!r}" if isinstance(algorithm, str | int | float | dict | list | None) else f"of {name}"
        raise InputError(
            f"algorithm {given} is not a dataclass: expected a class under @esbench.settings.settings or @dataclass "
            "with bind, or with init, ask, tell and deployed"
        )
    if not _is_algorithm(cls):
        missing = [method for method in ("init", "ask", "tell", "deployed") if not callable(getattr(cls, method, None))]
        if missing or "pop_size" not in field_names(cls):
            lacks = ", ".join([*missing, *(["the setting pop_size"] if "pop_size" not in field_names(cls) else [])])
            raise InputError(f"algorithm {name!r} is no strategy: it lacks {lacks}")
    return cls


def _class_of(algorithm: Any) -> type[Any]:
    if algorithm is EvolutionAlgorithm:
        raise InputError("algorithm EvolutionAlgorithm is a class: expected EvolutionAlgorithm(strategy, evolution)")
    if isinstance(algorithm, EvolutionAlgorithm):
        algorithm = algorithm.strategy
    return algorithm if inspect.isclass(algorithm) else type(algorithm)


def _named(name: str) -> Any:
    """What stands behind an algorithm's name."""
    if names_a_file(name):
        cls = load_object(name)
    elif name.startswith(EVOSAX):
        from esbench.algorithms.evosax_adapter import evosax_class

        cls = evosax_class(name.removeprefix(EVOSAX))
    elif name.endswith(".py"):
        raise unnamed("algorithm", name, classes_only=True)
    elif name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        cls = getattr(importlib.import_module(module), attribute)
    else:
        points = {point.name: point for point in entry_points(group=GROUP)}
        if name not in points:
            raise unknown("algorithm", name, algorithm_names())
        cls = points[name].load()
    return cls


def setting_names(algorithm: Any) -> list[str]:
    """The settings that `build_algorithm(algorithm, ...)` takes; a strategy has those of its loop as well."""
    cls = algorithm_class(algorithm)
    return field_names(cls) if _is_algorithm(cls) else field_names(cls) + field_names(Evolution)


def build_algorithm(algorithm: Any, values: dict[str, Any]) -> Algorithm:
    """The algorithm with these settings, the others at their defaults; those of an object are its own.

    algorithm: a name, a class or an object, a Strategy or an Algorithm.
    Raises InputError naming the setting: unknown (with the nearest name), of the wrong type, out of range.
    """
    cls = algorithm_class(algorithm)
    names = setting_names(algorithm)
    for setting in values:
        if setting not in names:
            raise unknown(f"setting of {algorithm_name(algorithm)}", setting, names)
    if isinstance(algorithm, EvolutionAlgorithm):
        strategy, loop = algorithm.strategy, algorithm.evolution
        if not isinstance(loop, Evolution) or inspect.isclass(strategy):
            given = f"EvolutionAlgorithm({_shown(strategy)}, {_shown(loop)})"
            raise InputError(f"{given}: expected a strategy, as an object, and an Evolution")
    else:
        strategy, loop = algorithm, Evolution
    own = field_names(cls)
    of_strategy = {key: value for key, value in values.items() if key in own}
    if isinstance(strategy, str) or inspect.isclass(strategy):
        built = build(cls, of_strategy)
    else:
        built = _changed(strategy, of_strategy)
    if _is_algorithm(cls):
        return built
    _check_numbers(built)
    whole("pop_size", built.pop_size, least=1)
    of_loop = {key: value for key, value in values.items() if key not in own}
    return EvolutionAlgorithm(built, build(loop, of_loop) if inspect.isclass(loop) else _changed(loop, of_loop))


def _shown(value: Any) -> str:
    return value.__name__ if inspect.isclass(value) else " ".join(repr(value).split())[:60]


def _check_numbers(strategy: Any) -> None:
    """InputError for an impossible value of a setting that every strategy has: its class may state no range."""
    for name, expected, fits in _MEANINGS:
        value = getattr(strategy, name, None)
        if isinstance(value, int | float) and not fits(value):
            raise InputError(f"{name} = {value!r}: expected {expected}")


def _changed(settings: Any, values: dict[str, Any]) -> Any:
    """`settings` with some values replaced, checked as they are when it is built; the very object where there are
    none."""
    if not values:
        return settings
    now = {name: getattr(settings, name) for name in field_names(type(settings))}
    return build(type(settings), {**now, **values})


def settings_of(algorithm: Algorithm) -> dict[str, Any]:
    """All settings of an algorithm by name, defaults included, as JSON values; InputError for what JSON cannot hold."""
    if isinstance(algorithm, EvolutionAlgorithm):
        return {**_fields(algorithm.strategy), **_fields(algorithm.evolution)}
    return _fields(algorithm)


def defaults_of(algorithm: Any) -> dict[str, Any]:
    """The defaults of the settings that have one, by name, as JSON values."""
    cls = algorithm_class(algorithm)
    return {
        field.name: as_json(cls.__name__, field.name, field.default)
        for owner in ([cls] if _is_algorithm(cls) else [cls, Evolution])
        for field in dataclasses.fields(owner)
        if field.default is not dataclasses.MISSING
    }


def describe(name: str) -> tuple[str, dict[str, Any]]:
    """What an algorithm is, in one line, and its settings with their defaults."""
    cls = algorithm_class(name)
    summary = (inspect.getdoc(cls) or name).splitlines()[0]
    return summary, settings_of(build_algorithm(name, {}))


def meanings(name: str) -> dict[str, str]:
    """What the settings of an algorithm mean, as far as its class says it. After its first line a docstring may have
    sentences such as `sigma: standard deviation of the noise.` or `lr_decay, sigma_decay: factors per generation.`.
    They may stand below a line `Attributes:`."""
    cls = algorithm_class(name)
    classes = [*cls.__mro__] if _is_algorithm(cls) else [*cls.__mro__, Evolution]
    found: dict[str, str] = {}
    for each in classes:
        lines = inspect.cleandoc(each.__doc__ or "").split("\n")[1:]
        text = " ".join(line for line in lines if line != "Attributes:")
        for names, meaning in _MEANING.findall(text):
            for setting in names.split(", "):
                found.setdefault(setting, " ".join(meaning.split()))
    return {setting: found[setting] for setting in setting_names(name) if setting in found}


def _fields(settings: Any) -> dict[str, Any]:
    # Those that cannot be set too: what evosax deploys is one.
    owner = type(settings).__name__
    return {f.name: as_json(owner, f.name, getattr(settings, f.name)) for f in dataclasses.fields(settings)}


def _is_algorithm(cls: type) -> bool:
    return callable(getattr(cls, "bind", None))
