"""The code that a run's rows come from: which files of esbench, which of the user's, and a digest of both."""

import functools
import hashlib
import types
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator

import esbench
from esbench.algorithms.evolution import EvolutionAlgorithm
from esbench.algorithms.interface import Algorithm
from esbench.plugins import sources
from esbench.policies.registry import NamedNetwork
from esbench.results.fingerprints import plugins_digest
from esbench.tasks.registry import Task
from esbench.tasks.spec import HOSTED_SUITE

MAKES_ROWS = (
    "algorithms/*.py",
    "population/*.py",
    "policies/*.py",
    "rollout/*.py",
    "text/*.py",
    "tasks/environment.py",
    "tasks/registry.py",
    "tasks/suites/*/adapter.py",
    "tasks/suites/gsm8k/problems.py",
    "tasks/tiers.py",
    "experiment/one_run/mesh.py",
    "experiment/one_run/prepare.py",
    "experiment/one_run/saving.py",
    "experiment/one_run/side_by_side.py",
    "experiment/one_run/training.py",
    "results/score_rule.py",
    "counts.py",
    "jax_switches.py",
    "keys.py",
    "problem.py",
    "settings.py",
    "sizes.py",
)
"""The files of the package that a row's numbers depend on, as patterns; the others choose, tell or read. Budgets, caps
and settings stand in the manifest."""


def makes_rows(name: str) -> bool:
    """Whether the file of this name, relative to the package, is one that rows come from."""
    return any(PurePosixPath("/", name).match(f"/{pattern}") for pattern in MAKES_ROWS)


def code(algorithm: Algorithm, task: Task, network: Any = None) -> str:
    """sha256 over the source that rows come from: esbench's, and that of plug-ins."""
    package = Path(esbench.__file__).resolve().parent
    names = sorted(file.relative_to(package).as_posix() for file in package.rglob("*.py"))
    digest = hashlib.sha256((plugins(algorithm, task, network) or "").encode())
    for name in filter(makes_rows, names):
        digest.update(name.encode() + hashlib.sha256((package / name).read_bytes()).digest())
    return digest.hexdigest()


def plugins(algorithm: Algorithm, task: Task, network: Any = None) -> str | None:
    """sha256 over the user's files: those that define the algorithm, the task and the network, and all that these
    import. None for esbench's own."""
    package = Path(esbench.__file__).resolve().parent
    strategy = algorithm.strategy if isinstance(algorithm, EvolutionAlgorithm) else algorithm
    contents = []
    for defined in (strategy, task, network):
        texts = {file: text for part, whole in _parts(defined) for file, text in sources(part, whole).items()}
        contents += [text for file, text in texts.items() if not file.is_relative_to(package)]
    return plugins_digest(contents)


def _parts(value: Any) -> list[tuple[Any, bool]]:
    """What a value is made of, where that can be code of the user's. It is what makes a task or a network, or the class
    that Gymnasium has for it; a partial's function and arguments; what a function encloses. With each stands whether it
    defines the value, also in an installed package, or is only used by it."""
    found: list[tuple[Any, bool]] = []
    pending = [(value, True)]
    while pending:
        part, whole = pending.pop(0)
        if any(part is other for other, _ in found):
            continue
        found.append((part, whole))
        match part:
            case Task():
                pending.append((part.make, whole))
                if part.spec.suite == HOSTED_SUITE:
                    pending.append((_hosted_class(part.spec.source_id), False))
            case NamedNetwork():
                pending.append((part.make, whole))
            case functools.partial():
                pending.append((part.func, whole))
                pending += [(argument, False) for argument in (*part.args, *part.keywords.values())]
            case types.FunctionType():
                for cell in part.__closure__ or ():
                    with suppress(ValueError):  # nothing is in it yet
                        pending.append((cell.cell_contents, False))
    return found


def _hosted_class(name: str) -> Any:
    """What Gymnasium makes the environment of `gymnasium:NAME` by; None where it does not say."""
    spec = gymnasium.registry.get(name.rpartition(":")[2])
    entry_point = None if spec is None else spec.entry_point
    return load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
