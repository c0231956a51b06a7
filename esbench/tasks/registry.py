"""Tasks by name: the 16 of the catalogue, installed plug-ins, and files of the user's own."""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

from esbench.errors import InputError, unknown
from esbench.plugins import load_object, names_a_file
from esbench.tasks.environment import Environment
from esbench.tasks.spec import TaskSpec


@dataclass(frozen=True)
class Task:
    """A spec and the function that builds its environment. Plug-ins are values of this type."""

    spec: TaskSpec
    make: Callable[[], Environment]


_REGISTRY: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Adds a task under its id; the same id twice is an error (ValueError)."""
    if task.spec.id in _REGISTRY:
        raise ValueError(f"task {task.spec.id!r} is registered already")
    _REGISTRY[task.spec.id] = task
    return task
