"""Settings: frozen, validated dataclasses whose numbers can be traced, so that trials share one compilation."""

import dataclasses
import functools
import json
import math
import operator
import typing
from typing import Annotated, Any, TypeVar, dataclass_transform

import jax
import numpy as np
import pydantic

from esbench.errors import InputError, unknown

Settings = TypeVar("Settings")

_NUMBER = object()
Switch = Annotated[bool, _NUMBER]
"""A bool that is a number: traced code selects by it, with `jnp.where`, and Python asks for it nowhere after `init`."""


@dataclass_transform(frozen_default=True)
def settings(cls: type) -> type:
    """Makes `cls` a frozen dataclass, validated when it is built, and a pytree.

    Fields annotated `float` or `Switch` only change numbers: they are the leaves. All others, a plain `bool` too,
    change shapes or branches and are static. A state that holds the settings (`jax.tree.map(jnp.float32, self)`)
    therefore makes every learning rate an input of the compiled program instead of a constant in it.
    """
    cls = pydantic.dataclasses.dataclass(frozen=True, config=pydantic.ConfigDict(extra="forbid"))(cls)
    annotations = typing.get_type_hints(cls, include_extras=True)
    names = [f.name for f in dataclasses.fields(cls)]
    leaves = tuple(name for name in names if _is_number(annotations[name]))
    static = tuple(name for name in names if name not in leaves)

    def flatten_with_keys(value):
        children = [(jax.tree_util.GetAttrKey(name), getattr(value, name)) for name in leaves]
        return children, tuple(getattr(value, name) for name in static)

    def unflatten(aux, children):
        value = object.__new__(cls)  # no validation: the leaves may be traced arrays
        for name, field in zip(leaves + static, (*children, *aux), strict=True):
            object.__setattr__(value, name, field)
        return value

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten)
    return cls


def _is_number(annotation: Any) -> bool:
    plain, *extras = typing.get_args(annotation) if typing.get_origin(annotation) is Annotated else [annotation]
    return plain is float or (plain is bool and _NUMBER in extras)


def number_names(settings: Any) -> set[str]:
    """The settings of `settings`, and of settings in it, that are numbers: inputs of a compiled program."""
    leaves = jax.tree.leaves_with_path(settings)
    return {path[-1].name for path, leaf in leaves if isinstance(leaf, int | float)}


def field_names(cls: Any) -> list[str]:
    """The names of the settings that `cls` (any dataclass) takes."""
    return [f.name for f in dataclasses.fields(cls) if f.init]


@functools.cache
def _adapter(cls: type) -> pydantic.TypeAdapter:
    return pydantic.TypeAdapter(cls)


def build(cls: type[Settings], values: dict[str, Any]) -> Settings:
    """An instance of the dataclass `cls` from named values; text such as "0.1" is read as the field's type.

    Raises InputError naming the setting, the value and what was expected.
    """
    names = field_names(cls)
    for name in values:
        if name not in names:
            raise unknown(f"setting of {cls.__name__}", name, names)
    try:
        built = _adapter(cls).validate_python(values)
    except pydantic.PydanticUserError as error:  # a plain dataclass that holds an array, say
        raise InputError(
            f"{cls.__name__} has settings of types that cannot be checked: expected an object with all its settings, "
            f"{cls.__name__}(...), and none beside it"
        ) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise InputError(f"{cls.__name__} needs the setting {name}: it has no default") from error
        # What a class checks across its settings has no name of its own.
        message = f"{name} = {first['input']!r}: {first['msg']}" if name else str(first["ctx"]["error"])
        raise InputError(message) from error
    for name in names:
        if isinstance(value := getattr(built, name), float) and math.isnan(value):
            raise InputError(f"{name} = {value!r}: expected a number")
    return built


def as_json(owner: str, name: str, value: Any) -> Any:
    """A setting's value as JSON holds it, NumPy's numbers as Python's; InputError for what it cannot hold."""
    try:
        return json.loads(json.dumps(value.item() if isinstance(value, np.generic) else value, allow_nan=False))
    except (TypeError, ValueError) as error:
        shown = " ".join(str(getattr(value, "__name__", repr(value))).split())
        raise InputError(
            f"setting {name} of {owner} = {shown[:80]}: expected what JSON holds (numbers, text, bools, lists)"
        ) from error


def whole(what: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """`value`, of Python or NumPy, as an int; InputError, naming `what` it is of, for one that is no whole number (a
    bool and 3.0 are none) or out of range."""
    expected = f"{least} or more" if most is None else f"{least} to {most}"
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    # A NumPy bool is no index; Python's is one.
    if number is None or isinstance(value, bool):
        raise InputError(f"{what} {value!r}: expected a whole number, {expected}")
    if number < least or (most is not None and number > most):
        raise InputError(f"{what} {number}: expected {expected}")
    return number
