"""Where and with what a run was computed: package versions, device, commit."""

import functools
import hashlib
import os
import platform
import re
import subprocess
import types
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gymnasium
import jax
from gymnasium.envs.registration import load_env_creator

import esbench
from esbench.algorithms.evolution import EvolutionAlgorithm
from esbench.algorithms.interface import Algorithm
from esbench.plugins import sources
from esbench.policies.registry import NamedNetwork
from esbench.results.fingerprints import plugins_digest
from esbench.results.records import Device
from esbench.tasks.registry import Task
from esbench.tasks.spec import HOSTED_SUITE

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


def commit() -> tuple[str | None, bool | None]:
    """(commit, dirty) of the checkout that esbench runs from; (None, None) for an installed package, or where git does
    not say (`commit_problem`).

    dirty: whether a file that can change rows differs from the commit, new ones included. Both as they were when this
    process asked first.
    """
    return _checkout()[:2]


def commit_problem() -> str | None:
    """Why `commit` does not say all of a checkout, in one line; None where it does, or there is no checkout."""
    return _checkout()[2]


@functools.cache  # what is committed while a process runs is not what it has loaded
def _checkout() -> tuple[str | None, bool | None, str | None]:
    root = Path(esbench.__file__).resolve().parents[1]
    if not (root / ".git").exists():  # a package, maybe installed below somebody else's repository
        return None, None, None
    head = None
    try:
        head = _git(root, "rev-parse", "HEAD")
        places = ("esbench", "baselines", "pyproject.toml")
        changes = _git(root, "status", "--porcelain", "--untracked-files", "--", *places)
    except _GitError as error:
        unknown = "commit and uncommitted changes" if head is None else "uncommitted changes"
        return head, None, f"the {unknown} of {root} cannot be recorded: {error}"
    return head, bool(changes), None


# What only reads rows or speaks; another version of it leaves a run's rows as they are.
_WITHOUT_ROWS = ("cli.py", "doctor.py", "leaderboard", "report", "speed", "templates")


def code(algorithm: Algorithm, task: Task, network: Any = None) -> str:
    """sha256 over esbench's source and that of plug-ins."""
    package = Path(esbench.__file__).resolve().parent
    files = [file for file in package.rglob("*.py") if file.relative_to(package).parts[0] not in _WITHOUT_ROWS]
    digest = hashlib.sha256((plugins(algorithm, task, network) or "").encode())
    for name, file in sorted((str(file.relative_to(package)), file) for file in files):
        digest.update(name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def changed_since(since: str) -> list[str] | None:
    """The files of esbench that can change rows and are not as they were at the commit `since`; None where this is no
    checkout that knows the commit."""
    root = Path(esbench.__file__).resolve().parents[1]
    if commit()[0] is None or not re.fullmatch(r"[0-9a-f]{40}", since):
        return None
    try:
        changes = _git(root, "diff", "--name-only", "--no-renames", since, "--", "esbench/*.py")
    except _GitError:
        return None
    return [name for name in changes.splitlines() if name.split("/")[1] not in _WITHOUT_ROWS]


def plugins(algorithm: Algorithm, task: Task, network: Any = None) -> str | None:
    """sha256 over the files outside esbench that define the algorithm, the task and the network, and over all of the
    user's that these import; None where there are none."""
    package = Path(esbench.__file__).resolve().parent
    strategy = algorithm.strategy if isinstance(algorithm, EvolutionAlgorithm) else algorithm
    contents = []
    for defined in (strategy, task, network):
        texts = {file: text for part, whole in _parts(defined) for file, text in sources(part, whole).items()}
        contents += [text for file, text in texts.items() if not file.is_relative_to(package)]
    return plugins_digest(contents)


def _parts(value: Any) -> list[tuple[Any, bool]]:
    """What a value is made of, where that can be code of the user's: what makes a task or a network, or the class that
    Gymnasium has for it; a partial's function and arguments; what a function encloses. With each, whether it is what
    defines the value, wherever it is installed, and not only something that it uses."""
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
    """What Gymnasium makes the environment of `gymnasium:NAME` by; None where it says nothing."""
    spec = gymnasium.registry.get(name.rpartition(":")[2])
    entry_point = None if spec is None else spec.entry_point
    return load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point


class _GitError(Exception):
    """What git said instead, in one line."""


# A hook or an alias of git's leaves these to what it starts: they name another repository.
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_PREFIX")
_ELSEWHERE += ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES")


def _git(root: Path, *arguments: str) -> str:
    """What git prints about the checkout at `root`.

    It may be another user's, as in a container or on a shared disk: esbench's own code is run from it already. There,
    files' modes say nothing either.
    """
    trusting = ["git", "-C", str(root), "-c", f"safe.directory={root}", "-c", "core.fileMode=false"]
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    environment["GIT_OPTIONAL_LOCKS"] = "0"  # the disk may be one that is only read
    try:
        done = subprocess.run(
            [*trusting, *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, env=environment
        )
    except OSError as error:
        raise _GitError(f"git cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise _GitError(f"git took more than {_GIT_SECONDS:.0f} seconds") from error
    if done.returncode != 0:
        raise _GitError(next(iter(done.stderr.strip().splitlines()), f"git ended with status {done.returncode}"))
    return done.stdout.strip()


_GIT_SECONDS = 30.0
