"""From named values to an algorithm, a network, a problem's settings and sizes: one flat list, as the command line and
presets give it."""

import dataclasses
import inspect
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from esbench.algorithms.interface import Algorithm
from esbench.algorithms.registry import algorithm_name, build_algorithm, setting_names
from esbench.errors import InputError, unknown
from esbench.policies.registry import build_network
from esbench.policies.registry import setting_names as network_settings
from esbench.settings import as_json, build, field_names
from esbench.sizes import Sizes
from esbench.tasks.registry import Task


@dataclass(frozen=True)
class Assembled:
    """network: None for a task that brings its own. problem: settings of a task that is no environment. sizes: those
    that were given, by name. The others are the machine's."""

    algorithm: Algorithm
    network: Any
    problem: dict[str, Any]
    sizes: dict[str, int]


def assemble(algorithm: Any, values: Mapping[str, Any], policy: Any = None, task: Task | None = None) -> Assembled:
    """What `values` describe; a name is the algorithm's first, then the network's or the problem's, then a size's.

    policy: a network by name or as an object, None for the default. task: None for an environment.
    Text is read as the setting's type. InputError for an unknown name, with the nearest one, and for a value of the
    wrong type or range.
    """
    environment = task is None or task.spec.is_environment
    if not environment and policy is not None:
        raise InputError(f"--policy {policy}: {task.spec.id} brings its own network: expected no --policy")
    owners = {
        "algorithm": setting_names(algorithm),
        "network": network_settings(policy) if environment else [],
        "problem": [] if environment else _problem_settings(task),
        "sizes": field_names(Sizes),
    }
    given: dict[str, dict[str, Any]] = {owner: {} for owner in owners}
    for name, value in values.items():
        owner = next((owner for owner, names in owners.items() if name in names), None)
        if owner is None:
            known = itertools.chain.from_iterable(owners.values())
            raise unknown(f"setting of {algorithm_name(algorithm)}", name, known)
        given[owner][name] = value
    checked = build(Sizes, given["sizes"])
    return Assembled(
        build_algorithm(algorithm, given["algorithm"]),
        build_network(policy, given["network"]) if environment else None,
        {} if environment else _problem(task, given["problem"]),
        {name: getattr(checked, name) for name in given["sizes"]},
    )


def _problem_settings(task: Task) -> list[str]:
    is_settings = inspect.isclass(task.make) and dataclasses.is_dataclass(task.make)
    return field_names(task.make) if is_settings else []


def _problem(task: Task, values: dict[str, Any]) -> dict[str, Any]:
    """All settings of a problem, checked, its defaults included."""
    names = _problem_settings(task)
    if not names:
        return {}
    built = build(task.make, {**task.defaults, **values})  # ty: ignore[invalid-argument-type] it is a class of settings
    return {name: as_json(task.spec.id, name, getattr(built, name)) for name in names}
