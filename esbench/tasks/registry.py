"""Tasks by name: the 16 of the catalogue, installed plug-ins, and files of the user's own.

Looking specs up imports neither jax nor any suite; making an environment does. Every task that is registered here is
registered with Gymnasium too, as `esbench/<id>`.
"""

import contextlib
import functools
import importlib
import inspect
import io
import logging
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import gymnasium

from esbench.errors import InputError, unknown
from esbench.plugins import load_object, names_a_file
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.spec import DEFAULT_CAP, HOSTED_SUITE, TaskSpec

if TYPE_CHECKING:
    from esbench.tasks.environment import Environment

GROUP = "esbench.tasks"


@dataclass(frozen=True)
class Task:
    """A spec and the function that builds its environment, the spec's cap included. Plug-ins are values of this."""

    spec: TaskSpec
    make: Callable[[], "Environment"]


_REGISTRY: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Adds a task under its id, with Gymnasium as `esbench/<id>`; the same id twice is an error (ValueError)."""
    if task.spec.id in _REGISTRY:
        raise ValueError(f"task {task.spec.id!r} is registered already")
    _REGISTRY[task.spec.id] = task
    gymnasium.register(
        id=f"esbench/{task.spec.id}",
        entry_point="esbench.tasks.face.single:UncappedTaskEnv",
        vector_entry_point="esbench.tasks.face.vector:TaskVectorEnv",
        reward_threshold=task.spec.reward_threshold,
        # `make` adds a time limit, this one or what it is asked for; `make_vec` hands the same on. The order of calls
        # needs no wrapper.
        max_episode_steps=task.spec.max_episode_steps,
        order_enforce=False,
        kwargs={"task": task.spec.id},
    )
    return task


def task(name: str) -> Task:
    """The task of an id, of the catalogue or of an installed plug-in, of `path/to/file.py:NAME`, or of `gymnasium:ID`.

    NAME is a Task, or a class or function without arguments that gives an Environment: its id is then NAME-v0, its
    suite "user", its cap the environment's attribute `max_episode_steps` or 1000, its budgets the defaults. ID is an
    environment registered with Gymnasium: its id is then gymnasium-ID, its suite "gymnasium".
    Raises InputError where there is no such task.
    """
    if names_a_file(name):
        return _from_file(name)
    if name.startswith(f"{HOSTED_SUITE}:"):
        return _from_gymnasium(name.removeprefix(f"{HOSTED_SUITE}:"))
    if name not in _REGISTRY:
        broken = _load_plugins()
        if name in broken:
            raise InputError(f"plug-in task {name!r} cannot be loaded: {broken[name]}")
        if name not in _REGISTRY:
            raise unknown("task", name, _REGISTRY)
    return _REGISTRY[name]


def task_specs() -> list[TaskSpec]:
    """All specs: the catalogue's in its order, then the installed plug-ins'."""
    _load_plugins()
    return [task.spec for task in _REGISTRY.values()]


def make(name: str) -> "Environment":
    """The environment of a task's name. Raises InputError where the name or the suite's library is missing."""
    return environment_of(task(name))


def environment_of(task: Task) -> "Environment":
    """The environment of a task; of one that is not the catalogue's, a user's own, checked: InputError, one line, where
    it cannot be made or breaks the contract."""
    from esbench.tasks.environment import check_environment

    if task.spec in CATALOGUE:
        return task.make()
    name = task.spec.id if task.spec.id in _REGISTRY else task.spec.source_id or task.spec.id
    environment = _made(name, task.make)
    _made(name, lambda: check_environment(environment))
    return environment


def _make(spec: TaskSpec) -> "Environment":
    """The environment of a task of the catalogue, truncated at its cap."""
    from esbench.tasks.environment import TimeLimit

    try:
        with _quiet():
            suite = importlib.import_module(f"esbench.tasks.suites.{spec.suite}")
            return TimeLimit(suite.make(spec), spec.max_episode_steps)
    except ModuleNotFoundError as error:
        absent = error.name is not None and error.name.partition(".")[0] == spec.suite
        state = "is not installed" if absent else f"cannot be imported ({error})"
        fix = f"pip install 'esbench[{spec.suite}]'"
        raise InputError(f"{spec.id} needs {spec.suite}, which {state}: {fix}") from error


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Silences what the suites print and warn about when they are imported; exceptions pass."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _from_file(name: str) -> Task:
    value = load_object(name)
    found = value if isinstance(value, Task) else _derive(name, value)
    if found.spec.id in _REGISTRY:
        raise InputError(f"{name} has the id {found.spec.id}, which is taken: rename it")
    return found


def _made(name: str, make: Callable[[], Any]) -> Any:
    """What `make`, code of the user's file, gives; InputError, one line, where it raises."""
    try:
        return make()
    except InputError:
        raise
    except Exception as error:
        # JAX's own messages go on for paragraphs.
        text = str(error).partition("\n")[0]
        raise InputError(f"{name}: {type(error).__name__}: {text}") from error


def _from_gymnasium(name: str) -> Task:
    from esbench.tasks import hosted
    from esbench.tasks.environment import TimeLimit

    spec = hosted.describe(name)
    return Task(spec, lambda: TimeLimit(hosted.Hosted(lambda: hosted.flat(name)), spec.max_episode_steps))


def _derive(name: str, value: Any) -> Task:
    """The task of a class or function from the user's file, with a default spec."""
    from esbench.tasks.environment import TimeLimit

    expected = f"{name}: expected a Task, or a class or function without arguments that gives an Environment"
    if not callable(value):
        raise InputError(f"{expected}, not {type(value).__name__}")
    try:
        inspect.signature(value).bind()
    except TypeError as error:
        raise InputError(f"{expected} ({error})") from error
    environment = _made(name, value)
    absent = [part for part in ("reset", "step", "observation_space", "action_space") if not hasattr(environment, part)]
    if absent:
        raise InputError(f"{expected}; {type(environment).__name__} has no {absent[0]}")

    def described() -> TaskSpec:
        return TaskSpec(
            id=f"{name.rpartition(':')[2].lstrip('_')}-v0",
            suite="user",
            source_id=name,
            max_episode_steps=getattr(environment, "max_episode_steps", DEFAULT_CAP),
            action_kind="continuous" if isinstance(environment.action_space, gymnasium.spaces.Box) else "discrete",
            description=(inspect.getdoc(value) or "").partition("\n")[0],
        )

    spec = _made(name, described)
    return Task(spec, lambda: TimeLimit(value(), spec.max_episode_steps))


@functools.cache
def _load_plugins() -> dict[str, str]:
    """Registers the installed plug-ins, once. The reasons of those that failed, by name: others' faults only warn."""
    broken: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        try:
            plugin = point.load()
            if not isinstance(plugin, Task):
                raise TypeError(f"expected a Task, not {type(plugin).__name__}")
            register(plugin)
        except Exception as error:
            broken[point.name] = f"{type(error).__name__}: {error}"
            warnings.warn(f"plug-in task {point.name!r} cannot be loaded: {broken[point.name]}", stacklevel=3)
    return broken


for _spec in CATALOGUE:
    register(Task(_spec, functools.partial(_make, _spec)))
