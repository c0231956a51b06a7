"""Where and with what a run was computed: package versions, device, commit."""

import functools
import hashlib
import inspect
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

import esbench
from esbench.algorithms.evolution import EvolutionAlgorithm
from esbench.algorithms.interface import Algorithm
from esbench.plugins import names_a_file, source
from esbench.results.fingerprints import plugins_digest
from esbench.results.records import Device
from esbench.tasks.registry import Task

_PROCESSOR = {"family": "cpu family", "model": "model", "part": "CPU part"}
_PACKAGES = ("esbench", "jax", "jaxlib", "flax", "optax", "quax", "gymnasium", "numpy", "evosax")


def versions(requires: str) -> dict[str, str]:
    """Of Python, of the packages that compute rows, and of the suite that a task's spec `requires`, empty for none."""
    suite = re.match(r"[\w.-]+", requires)
    names = [*_PACKAGES, *([suite.group()] if suite else [])]
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # esbench run from a folder that was never installed
    return found


def device(count: int = 1) -> Device:
    """The device that programs run on, and how many of them share a run."""
    first = jax.devices()[0]
    kind = processor(_cpuinfo()) if first.platform == "cpu" else first.device_kind
    return Device(platform=first.platform, kind=kind, count=count)


def processor(cpuinfo: str) -> str:
    """The processor's name, from the text of /proc/cpuinfo, empty where there is none.

    A name without a number, as virtual machines give it, is many processors': unequally fast, and programs that are
    compiled for them round unequally. Family and model tell them apart.
    """
    found = dict(reversed(re.findall(r"^([\w ]+?)\s*: (.+?)\s*$", cpuinfo, re.MULTILINE)))  # the first processor's
    name = found.get("model name", "")
    if re.search(r"\d", name):
        return name
    name = name or platform.processor() or platform.machine()
    more = [f"{word} {found[key]}" for word, key in _PROCESSOR.items() if key in found]
    return f"{name} ({', '.join(more)})" if more else name


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


@functools.cache  # what is committed while a process runs is not what it has loaded
def commit() -> tuple[str | None, bool | None]:
    """(commit, dirty) of the checkout that esbench runs from; (None, None) for an installed package or without git.

    dirty: whether a file that can change rows differs from the commit, new ones included. Both as they were when this
    process asked first.
    """
    root = Path(esbench.__file__).resolve().parents[1]
    top = _git(root, "rev-parse", "--show-toplevel")
    head = _git(root, "rev-parse", "HEAD")
    # A package installed below somebody else's repository is not at its top.
    if not top or not head or Path(top).resolve() != root:
        return None, None
    changes = _git(root, "status", "--porcelain", "--", "esbench", "baselines", "pyproject.toml")
    return head, None if changes is None else bool(changes)


# What only reads rows or speaks; another version of it leaves a run's rows as they are.
_WITHOUT_ROWS = ("cli.py", "doctor.py", "leaderboard", "report", "speed", "templates")


def code(algorithm: Algorithm, task: Task) -> str:
    """sha256 over esbench's source and, of plug-ins, the files that define the algorithm and the task."""
    package = Path(esbench.__file__).resolve().parent
    files = [file for file in package.rglob("*.py") if file.relative_to(package).parts[0] not in _WITHOUT_ROWS]
    digest = hashlib.sha256((plugins(algorithm, task) or "").encode())
    for name, file in sorted((str(file.relative_to(package)), file) for file in files):
        digest.update(name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def changed_since(since: str) -> list[str] | None:
    """The files of esbench that can change rows and are not as they were at the commit `since`; None where this is no
    checkout that knows the commit."""
    root = Path(esbench.__file__).resolve().parents[1]
    if commit()[0] is None or not re.fullmatch(r"[0-9a-f]{40}", since):
        return None
    changes = _git(root, "diff", "--name-only", "--no-renames", since, "--", "esbench/*.py")
    if changes is None:
        return None
    return [name for name in changes.splitlines() if name.split("/")[1] not in _WITHOUT_ROWS]


def plugins(algorithm: Algorithm, task: Task) -> str | None:
    """sha256 over the files outside esbench that define the algorithm and the task; None where there are none."""
    package = Path(esbench.__file__).resolve().parent
    defining = [algorithm.strategy if isinstance(algorithm, EvolutionAlgorithm) else algorithm, task.make]
    files = [_source(value) for value in defining]
    if names_a_file(task.spec.source_id):  # a class of the user's, which esbench wraps
        files.append(Path(task.spec.source_id.rpartition(":")[0]).expanduser())
    return plugins_digest(
        source(file) for file in files if file is not None and not file.resolve().is_relative_to(package)
    )


def _source(value: Any) -> Path | None:
    """The file that defines a function or the class of a value."""
    while isinstance(value, functools.partial):
        value = value.func
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        value = type(value)
    try:
        file = inspect.getsourcefile(value)
    except TypeError:
        return None
    return Path(file) if file and Path(file).is_file() else None


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
