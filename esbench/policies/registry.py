"""Networks by name or as objects: the built-in ones, and the user's own."""

import dataclasses
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium

from esbench.errors import InputError, unknown
from esbench.plugins import load_object, names_a_file, unnamed
from esbench.policies.networks import ActionSpace, Policy
from esbench.settings import as_json, build, field_names

BUILT_IN = {
    "mlp": "esbench.policies.mlp:MLP",
    "gru": "esbench.policies.gru:GRU",
    "cnn": "esbench.policies.cnn:CNN",
    "rwkv7": "esbench.policies.rwkv7:RWKV7",
}
DEFAULT = "mlp"
FITTING = (
    f"expected one of {', '.join(BUILT_IN)}, path/to/file.py:NAME, a dataclass of settings with bind, or a function "
    "(observation_space, action_space) that gives a policy"
)


@dataclass(frozen=True)
class NamedNetwork:
    """A network as it was chosen.

    name: what manifests call it. make: a dataclass of settings with `bind`, or a function of the two spaces.
    """

    name: str
    make: Any

    def bind(self, observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> Policy:
        """The policy for a task's spaces. InputError where the network does not fit them, or its code raises."""
        make = self.make.bind if dataclasses.is_dataclass(self.make) else self.make
        try:
            return make(observation_space, action_space)
        except InputError:
            raise
        except Exception as error:  # of the user's own
            said = " ".join(str(error).split())
            raise InputError(f"policy {self.name} cannot be made: {type(error).__name__}: {said}") from error


def policy_names() -> list[str]:
    """The built-in networks."""
    return list(BUILT_IN)


def network_class(policy: Any) -> Any:
    """The dataclass of settings, or the function, behind a built-in name or `path/to/file.py:NAME`; behind a class, an
    object or a function, itself. None is the default.

    InputError for an unknown name, with the nearest one, and for anything that is neither.
    """
    if policy is None:
        policy = DEFAULT
    if isinstance(policy, NamedNetwork):
        policy = policy.make
    cls = _named(policy) if isinstance(policy, str) else policy
    if dataclasses.is_dataclass(cls) and not inspect.isclass(cls):
        cls = type(cls)
    if all(callable(getattr(cls, method, None)) for method in ("init", "apply")):
        raise InputError(
            f"policy {_shown(policy)} is a Flax module, which fits one task's spaces: expected a function "
            "(observation_space, action_space) that gives it, or a dataclass of settings with bind"
        )
    if inspect.isclass(cls):
        if not (dataclasses.is_dataclass(cls) and callable(getattr(cls, "bind", None))):
            raise InputError(f"policy {_shown(policy)} is not a dataclass with bind: {FITTING}")
        if "name" in field_names(cls):
            raise InputError(f"policy {_shown(policy)} has a setting called name, as manifests call the network itself")
        return cls
    if not callable(cls):
        raise InputError(f"policy {_shown(policy)} is no network: {FITTING}")
    if not _takes_spaces(cls):
        raise InputError(
            f"policy {_shown(policy)} is a function of other arguments: expected (observation_space, action_space)"
        )
    return cls


def network_name(policy: Any) -> str:
    """What a network goes by: the name it was given by; of a class, an object or a function the built-in's, or its
    own. InputError for one of the user's that is called as a built-in is."""
    if policy is None or isinstance(policy, str):
        return policy or DEFAULT
    if isinstance(policy, NamedNetwork):
        return policy.name
    cls = network_class(policy)
    place = f"{getattr(cls, '__module__', None)}:{getattr(cls, '__qualname__', None)}"
    for name, at in BUILT_IN.items():
        if at == place:
            return name
    # Of a partial function or a callable object: what is called.
    own = getattr(cls, "__name__", None) or getattr(getattr(cls, "func", None), "__name__", type(cls).__name__)
    if own in BUILT_IN:
        raise InputError(f"a policy of your own cannot be called {own!r}, as a built-in is: expected another name")
    return own


def setting_names(policy: Any) -> list[str]:
    """The settings that `build_network(policy, ...)` takes; none of a function."""
    cls = network_class(policy)
    return field_names(cls) if inspect.isclass(cls) else []


def build_network(policy: Any = None, values: Mapping[str, Any] | None = None) -> NamedNetwork:
    """The network with these settings, the others at their defaults; those of an object are its own.

    policy: a built-in name, `path/to/file.py:NAME`, a dataclass of settings with `bind`, an object of one, or a
    function of the two spaces that gives a policy. None is the suite's own.
    Raises InputError naming the setting: unknown (with the nearest name), missing, of the wrong type, out of range.
    """
    name, cls, values = network_name(policy), network_class(policy), dict(values or {})
    make = policy.make if isinstance(policy, NamedNetwork) else policy
    if not inspect.isclass(cls):
        if values:
            raise InputError(f"setting {next(iter(values))!r}: the policy {name} is a function and has no settings")
        return NamedNetwork(name, cls)
    if isinstance(make, cls):
        if not values:
            return NamedNetwork(name, make)
        values = {**{field: getattr(make, field) for field in field_names(cls)}, **values}
    return NamedNetwork(name, build(cls, values))


def settings_of(network: Any) -> dict[str, Any]:
    """All settings of a network by name, defaults included, as JSON values; InputError for what JSON cannot hold."""
    network = build_network(network)
    values = {name: getattr(network.make, name) for name in setting_names(network)}
    return {name: as_json(network.name, name, value) for name, value in values.items()}


def describe(network: Any) -> dict[str, Any]:
    """A network as a manifest records it: `name`, then its settings."""
    return {"name": network_name(network), **settings_of(network)}


def network_from(record: Mapping[str, Any], policy: Any = None) -> NamedNetwork:
    """The network that `describe` gave `record` of; a record of an older version has no name and is an MLP's.

    policy: where a network of the user's own is, as `build_network` takes it; no code is loaded because a record says
    so. InputError where the name is missing, or a setting is not this network's.
    """
    settings = {name: value for name, value in record.items() if name != "name"}
    name = record.get("name", DEFAULT)
    if policy is None and name not in BUILT_IN:
        raise InputError(f"policy {name!r} is no built-in one: say where it is, as path/to/file.py:NAME or an object")
    return build_network(name if policy is None else policy, settings)


def _named(name: str) -> Any:
    if names_a_file(name):
        return load_object(name)
    if name not in BUILT_IN:
        raise unnamed("policy", name) if name.endswith(".py") else unknown("policy", name, BUILT_IN)
    module, _, attribute = BUILT_IN[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def _takes_spaces(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # some built-in functions have no signature
        return True
    return True


def _shown(value: Any) -> str:
    """A value as an error shows it: in one line, and not long."""
    if not callable(value) and not dataclasses.is_dataclass(value):
        text = " ".join(repr(value).split())
        return text if len(text) <= 80 else f"{text[:77]}..."
    return getattr(value, "__name__", type(value).__name__)
