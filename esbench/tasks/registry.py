"""Tasks by name: the 16 of the catalogue, Countdown, texts, installed plug-ins, files of the user's own, and objects.

Looking up specs needs neither jax nor a suite; making an environment imports both. Every environment that is registered
here is registered with Gymnasium too, as `esbench/<id>`.
"""

import contextlib
import functools
import importlib
import inspect
import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium

from esbench.errors import InputError, unknown
from esbench.jax_switches import pinned
from esbench.plugins import load_object, names_a_file, unnamed
from esbench.tasks import user_file
from esbench.tasks.catalogue import CATALOGUE, REASONING
from esbench.tasks.spec import DEFAULT_CAP, GSM8K, HOSTED_SUITE, RL, Measure, TaskSpec, slug
from esbench.tasks.text.specs import BITS, BUDGETS, TEXT, TEXTS, TOKENS
from esbench.tasks.tiers import Budgets

if TYPE_CHECKING:
    from esbench.problem import Problem
    from esbench.tasks.environment import Environment

GROUP = "esbench.tasks"


@dataclass(frozen=True)
class Task:
    """A spec and the function that builds its environment, the spec's cap included, or its Problem. Plug-ins are values
    of this.

    Where `make` is a dataclass that is a Problem, its fields are settings of the task: `--set NAME=VALUE`.

    Attributes:
        spec: what the task is.
        make: builds it.
        defaults: of the settings, where they are not the class's own.
    """

    spec: TaskSpec
    make: Callable[..., "Environment | Problem"]
    defaults: dict[str, Any] = field(default_factory=dict)


_REGISTRY: dict[str, Task] = {}


def register(task: Task) -> Task:
    """Adds a task under its id, an environment with Gymnasium too, as `esbench/<id>`; the same id twice is an error
    (ValueError)."""
    if task.spec.id in _REGISTRY:
        raise ValueError(f"task {task.spec.id!r} is registered already")
    _REGISTRY[task.spec.id] = task
    if not task.spec.is_environment:
        return task
    gymnasium.register(
        id=f"esbench/{task.spec.id}",
        entry_point="esbench.tasks.gymnasium_api.single:UncappedTaskEnv",
        vector_entry_point="esbench.tasks.gymnasium_api.vector:TaskVectorEnv",
        reward_threshold=task.spec.reward_threshold,
        # `make` adds a time limit, this one or what it is asked for; `make_vec` hands the same on. The order of calls
        # needs no wrapper.
        max_episode_steps=task.spec.max_episode_steps,
        order_enforce=False,
        kwargs={"task": task.spec.id},
    )
    return task


def task(name: Any) -> Task:
    """The task of an id, of the catalogue or of an installed plug-in, of `path/to/file.py:NAME`, of `gymnasium:ID`, of
    `text:PATH`, of `gsm8k:PATH`, or of an object.

    NAME, or the object, is a Task, or a class or function without arguments that gives an Environment or a Problem.
    Then its id is NAME-v0, its suite "user", and it has the default budgets. An environment's cap is its attribute
    `max_episode_steps`, or 1000. A problem states its `measure` (a `Measure`) and its `cost`, the unit of budgets, and
    may state its `track`. ID is an environment registered with Gymnasium: its id is then gymnasium-ID, its suite
    "gymnasium". PATH is a text file to be learnt, or one of questions in the format of GSM8K. Raises InputError where
    there is no such task.
    """
    if not isinstance(name, str):
        return _of_object(_named(name), name)
    if names_a_file(name):
        return _from_file(name)
    if name.startswith(f"{HOSTED_SUITE}:"):
        return _from_gymnasium(name.removeprefix(f"{HOSTED_SUITE}:"))
    if name.startswith(f"{TEXT}:"):
        return _from_text(name)
    if name.startswith(f"{GSM8K}:"):
        return _from_gsm8k(name)
    if name not in _REGISTRY:
        broken = _load_plugins()
        if name in broken:
            raise InputError(f"plug-in task {name!r} cannot be loaded: {broken[name]}")
        if name not in _REGISTRY:
            raise unnamed("task", name) if name.endswith(".py") else unknown("task", name, _REGISTRY)
    found = _REGISTRY[name]
    return _of_text(found) if found.spec in TEXTS else found


def task_specs() -> list[TaskSpec]:
    """All specs: the catalogue's in its order, those of the tracks reasoning and text, then the installed plug-ins'."""
    _load_plugins()
    return [task.spec for task in _REGISTRY.values()]


def environments() -> list[str]:
    """The ids of all tasks of the track rl. Other tracks are never shown together with it."""
    return [spec.id for spec in task_specs() if spec.track == RL]


def tasks_of(tier: str) -> list[str]:
    """The ids of a tier's own tasks, of the track rl: what "all" means."""
    return [spec.id for spec in task_specs() if spec.track == RL and tier not in spec.beyond]


def make(name: Any) -> "Environment":
    """The environment of a task, given as `task` takes it. Raises InputError where the name or the suite's library is
    missing, and for a task that is no environment."""
    return environment_of(task(name))


def environment_of(task: Task) -> "Environment":
    """The environment of a task. A user's own is checked: InputError, one line, where it cannot be made, breaks the
    contract or is another object."""
    if not task.spec.is_environment:
        raise InputError(f"{task.spec.id} is of the track {task.spec.track}: it is no environment")
    return made(task)


@pinned()
def made(task: Task, **settings: Any) -> Any:
    """The environment or the problem of a task; of a user's own checked, as `environment_of`. settings: a problem's."""
    from esbench.tasks.environment import check_environment

    if task.spec in (*CATALOGUE, *REASONING):
        return task.make(**settings)
    name = task.spec.id if task.spec.id in _REGISTRY else task.spec.source_id or task.spec.id
    value = _made(name, lambda: task.make(**settings))
    if task.spec.is_environment:
        _made(name, lambda: check_environment(value))
    return value


def _make(spec: TaskSpec) -> "Environment":
    """The environment of a task of the catalogue, truncated at its cap."""
    from esbench.tasks.environment import TimeLimit

    try:
        with _quiet():
            suite = importlib.import_module(f"esbench.tasks.suites.{spec.suite}.adapter")
            return TimeLimit(suite.make(spec), spec.cap)
    except ModuleNotFoundError as error:
        absent = error.name is not None and error.name.partition(".")[0] == spec.suite
        state = "is not installed" if absent else f"cannot be imported ({error})"
        fix = f"pip install 'esbench[{spec.suite}]'"
        raise InputError(f"{spec.id} needs {spec.suite}, which {state}: {fix}") from error


_QUIET = threading.RLock()


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Silences what the suites print and warn about when they are imported; exceptions pass. The switches are the
    process's, so one thread after the other: two at once would restore each other's silence."""
    with _QUIET:
        disabled = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
        finally:
            logging.disable(disabled)


def _from_file(name: str) -> Task:
    return _of_object(name, load_object(name))


def _of_object(name: str, value: Any) -> Task:
    found = value if isinstance(value, Task) else _derive(name, value)
    if found is not _REGISTRY.get(found.spec.id, found):
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
    from esbench.tasks.environment import TimeLimit
    from esbench.tasks.suites.gymnasium import adapter

    spec = adapter.describe(name)
    return Task(spec, lambda: TimeLimit(adapter.Hosted(lambda: adapter.flat(name)), spec.cap))


def _from_gsm8k(name: str) -> Task:
    from esbench.tasks.environment import TimeLimit
    from esbench.tasks.suites.gsm8k import adapter

    spec, environment = adapter.describe(name)
    return Task(spec, lambda: TimeLimit(environment, spec.cap))


def _of_text(found: Task) -> Task:
    """The task with the class of its problem, whose settings are the task's."""
    return replace(found, make=_class(found.spec))


def _class(spec: TaskSpec) -> Any:
    """The class of a text's problem, imported when it is asked for."""
    module, _, name = TEXTS[spec].partition(":")
    return getattr(importlib.import_module(module), name)


def _from_text(name: str) -> Task:
    from esbench.text.problem import TextFile

    path = name.removeprefix(f"{TEXT}:")
    sha256 = user_file.digest(user_file.read(name))
    TextFile(path=path, sha256=sha256).corpus()  # InputError where it is none to learn
    spec = TaskSpec(
        id=slug(f"{TEXT}-{Path(path).name}"),
        suite=TEXT,
        source_id=name,
        description=f"Predict the next byte of {path}.",
        budgets=BUDGETS,
        track=TEXT,
        measure=BITS,
        cost=TOKENS,
    )
    return Task(spec, TextFile, {"path": path, "sha256": sha256})


@pinned()
def _derive(name: str, value: Any) -> Task:
    """The task of an object, or of a class or function, from the user's file or cell, with a default spec."""
    from esbench.problem import is_problem
    from esbench.settings import whole
    from esbench.tasks.environment import TimeLimit

    expected = f"{name}: expected a Task, an Environment or a Problem, or a class or function without arguments that "
    expected += "gives one"
    if is_problem(value) and not inspect.isclass(value) and is_dataclass(value):
        settings = {of.name: getattr(value, of.name) for of in fields(value) if of.init}
        return _derive_problem(name, value, type(value), settings)
    there = not inspect.isclass(value) and (is_problem(value) or not _absent(value))
    make = (lambda: value) if there else value
    if not callable(make):
        raise InputError(f"{expected}, not {type(value).__name__}")
    try:
        inspect.signature(make).bind()
    except (TypeError, ValueError) as error:
        raise InputError(f"{expected} ({error})") from error
    environment = _made(name, make)
    if is_problem(environment):
        return _derive_problem(name, environment, make)
    if absent := _absent(environment):
        raise InputError(f"{expected}; {type(environment).__name__} has no {absent[0]}")
    cap = getattr(environment, "max_episode_steps", DEFAULT_CAP)
    spec = _stated(
        name,
        inspect.getdoc(value),
        max_episode_steps=whole(f"{name}: max_episode_steps", cap, least=1),
        action_kind="continuous" if isinstance(environment.action_space, gymnasium.spaces.Box) else "discrete",
    )
    return Task(spec, lambda: TimeLimit(make(), spec.cap))


def _absent(value: Any) -> list[str]:
    """The parts of an Environment that `value` lacks."""
    return [part for part in ("reset", "step", "observation_space", "action_space") if not hasattr(value, part)]


def _stated(name: str, doc: str | None, **stated: Any) -> TaskSpec:
    """The spec of a user's own task. InputError where what it states cannot be."""
    own = name.rpartition(":")[2].lstrip("_")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", own):
        raise InputError(f"task {own!r} cannot name a directory: expected a class or a function with a plain name")
    try:
        return TaskSpec(
            id=f"{own}-v0", suite="user", source_id=name, description=(doc or "").partition("\n")[0], **stated
        )
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error


def _derive_problem(name: str, problem: Any, make: Callable[..., Any], settings: dict[str, Any] | None = None) -> Task:
    """The task of a problem from the user's file or cell, with the spec that it states. settings: of an object."""
    measure = getattr(problem, "measure", None)
    if not isinstance(measure, Measure):
        raise InputError(
            f"{name}: {type(problem).__name__} states no measure: expected measure = Measure(name, sample), "
            f"not {measure!r}"
        )
    track = getattr(problem, "track", "user")
    if track == RL:
        raise InputError(f"{name}: track {RL!r} is of environments: expected another word")
    spec = _stated(
        name,
        inspect.getdoc(type(problem)),
        track=track,
        measure=measure,
        cost=getattr(problem, "cost", "evaluations"),
        budgets=getattr(problem, "budgets", Budgets()),
    )
    return Task(spec, make, settings or {})


def _named(value: Any) -> str:
    """How a user's object is named: as it was defined."""
    return getattr(value, "__name__", None) or type(value).__name__


@functools.cache
def _load_plugins() -> dict[str, str]:
    """Registers the installed plug-ins, once. The reasons of those that failed, by name: others' faults only warn."""
    broken: dict[str, str] = {}
    for point in entry_points(group=GROUP):
        try:
            with pinned():
                plugin = point.load()
            if not isinstance(plugin, Task):
                raise TypeError(f"expected a Task, not {type(plugin).__name__}")
            register(plugin)
        except Exception as error:
            broken[point.name] = f"{type(error).__name__}: {error}"
            warnings.warn(f"plug-in task {point.name!r} cannot be loaded: {broken[point.name]}", stacklevel=3)
    return broken


for _spec in (*CATALOGUE, *REASONING):
    register(Task(_spec, functools.partial(_make, _spec)))
for _spec in TEXTS:
    register(Task(_spec, functools.partial(lambda spec, **settings: _class(spec)(**settings), _spec)))
