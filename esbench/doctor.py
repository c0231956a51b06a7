"""What a bug report needs: versions, devices, room, which suites load, and whether a small run works here."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax
import psutil

from esbench.errors import InputError
from esbench.experiment.one_run import checkout, compilation_cache, provenance
from esbench.experiment.one_run.prepare import make_problem
from esbench.experiment.one_run.run import announce_and_prepare, run_seed
from esbench.experiment.options.config import resolve
from esbench.experiment.options.run_options import RunOptions
from esbench.experiment.terminal.progress import Lines, countdown
from esbench.jax_switches import in_force, pinned
from esbench.rollout.problem import EpisodicProblem
from esbench.tasks.catalogue import REASONING
from esbench.tasks.environment import check_environment
from esbench.tasks.registry import task_specs

# The lightest come first: a smoke run must take seconds.
_SMOKE_TASKS = ("CartPole-v1", "Knapsack-v1", "DynamicObstacles-6x6-v0")
_WITHOUT_SUITE = "gymnasium:CartPole-v1"
_SMOKE = {"pop_size": 32, "n_layers": 1, "layer_size": 16}


def examine(say: Callable[[str], object] = lambda _: None) -> Iterator[tuple[str, str]]:
    """(name, what was found), one by one; the last is `smoke run`, which begins with "ok" or not.

    say: is told before a wait what is waited for.
    """
    compilation_cache.enable()
    yield from _versions()
    yield from _machine()
    broken = set()
    for suite in countdown("loading suite", list(dict.fromkeys(spec.suite for spec in task_specs())), say):
        found, works = _suite(suite)
        if not works:
            broken.add(suite)
        yield suite, found
    tasks = [spec.id for spec in task_specs() if spec.id in _SMOKE_TASKS and spec.suite not in broken]
    task = [*tasks, _WITHOUT_SUITE][0]
    say(f"running {task}, the last check: about half a minute")
    yield "smoke run", _smoke_run(task)


def _versions() -> Iterator[tuple[str, str]]:
    commit, dirty = checkout.commit()
    source = f", commit {commit}{', changed since' if dirty else ''}" if commit else ""
    if (problem := checkout.commit_problem()) is not None:
        source += f"; {problem}"
    versions = provenance.versions("")
    yield "esbench", versions.pop("esbench", "not installed") + source
    yield "python", f"{versions.pop('python')} on {platform.platform()}"
    yield "packages", ", ".join(f"{name} {number}" for name, number in versions.items())


def _machine() -> Iterator[tuple[str, str]]:
    found = provenance.device()
    yield "devices", f"{jax.device_count()} x {found.kind} ({found.platform}), {os.cpu_count()} processors"
    yield from RunOptions().numeric.items()
    folder = jax.config.jax_compilation_cache_dir  # ty: ignore[missing-attribute]
    yield "compilation cache", f"{folder}, {_gigabytes(_size(Path(folder)))}" if folder else "off"
    memory = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in memory:
        yield "device memory", f"{_gigabytes(memory['bytes_limit'] - memory['bytes_in_use'])} free"
    yield "memory", f"{_gigabytes(psutil.virtual_memory().available)} free"
    yield "disk", f"{_gigabytes(shutil.disk_usage(Path.cwd()).free)} free here"
    settings = {name: value for name, value in sorted(os.environ.items()) if name.startswith(("JAX_", "XLA_", "CUDA_"))}
    switches = [f"{name}={value}" for name, value in in_force().items()]
    yield "switches", ", ".join(switches) or "none that could change a number"
    yield "environment", ", ".join(f"{name}={value}" for name, value in settings.items()) or "nothing set for JAX"


def _suite(suite: str) -> tuple[str, bool]:
    spec = next(spec for spec in task_specs() if spec.suite == suite)
    if spec in REASONING:
        return "part of esbench", True
    package = spec.requires.partition("==")[0] or suite
    try:
        installed = version(package)
        with pinned():
            problem = make_problem(resolve(spec.id, "eggroll", tier="smoke"))
            if isinstance(problem, EpisodicProblem):
                check_environment(problem.environment)  # a suite may load, and fail in a step
    except (PackageNotFoundError, InputError) as error:
        absent = isinstance(error, PackageNotFoundError)
        return f"not installed: pip install 'esbench[{suite}]'" if absent else str(error), False
    except Exception as error:  # a library that does not fit another fails in any way
        return f"{package} {version(package)} does not work: {_one_line(error)}", False
    wanted = "" if spec.requires.endswith(f"=={installed}") else f", but esbench is made for {spec.requires}"
    return f"{package} {installed}{wanted}", True


def _smoke_run(task: str) -> str:
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, open(os.devnull, "w") as silence:
        try:
            config = resolve(task, "eggroll", tier="smoke", settings=_SMOKE, out=scratch)
            result = run_seed(announce_and_prepare(config, Lines(silence)), 0, Lines(silence))
        except Exception as error:
            return f"FAILED: {task}: {_one_line(error)}"
    last = result.rows[-1]
    return (
        f"ok: {task} in {time.monotonic() - start:.0f} s, of which {last.compile_seconds:.0f} s compilation; "
        f"{last.useful_steps / last.train_seconds:,.0f} steps/s"
    )


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) if folder.is_dir() else 0


def _gigabytes(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
