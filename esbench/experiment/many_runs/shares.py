"""What each process of a sweep has of this machine: GPUs of its own, or cores of its own."""

import importlib.util
import itertools
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from esbench.errors import InputError


@dataclass(frozen=True)
class Share:
    """variables: of a process's environment. cores: those that it runs on, by number, None for all of them."""

    variables: Mapping[str, str] = field(default_factory=dict)
    cores: frozenset[int] | None = None


def shares(processes: int | None, devices: int) -> tuple[int, list[Share]]:
    """How many processes, and the share of each: on GPUs, `devices` of its own; on a CPU, an equal part of the cores.

    Processes that all have a thread for every core wait for each other most of the time: two of them do less than one.
    processes: None for as many as there are GPUs for, one on a CPU. InputError for more than that.
    """
    gpus = visible_gpus()
    if not gpus:
        return processes or 1, _of_cores(processes or 1)
    most = max(1, len(gpus) // devices)
    if processes is not None and processes > most:
        raise InputError(f"--jobs {processes}: expected at most {most}, one for each {devices} of {len(gpus)} GPUs")
    parts = [gpus[slot * devices : (slot + 1) * devices] for slot in range(most)]
    return processes or most, [Share({"CUDA_VISIBLE_DEVICES": ",".join(part)}) for part in parts]


def _of_cores(processes: int) -> list[Share]:
    """Neighbours stay together, as they share caches. More processes than cores take turns.

    XLA still cuts its sums into as many parts as the machine has cores, which `NPROC` tells it, so a run has the rows
    that it has alone.
    """
    if processes == 1 or not hasattr(os, "sched_getaffinity"):  # not on macOS
        return [Share()]
    cores = sorted(os.sched_getaffinity(0))
    parts = min(processes, len(cores))
    ends = [len(cores) * part // parts for part in range(parts + 1)]
    variables = {"NPROC": os.environ.get("NPROC", str(len(cores)))}
    return [Share(variables, frozenset(cores[start:end])) for start, end in itertools.pairwise(ends)]


def visible_gpus() -> list[str]:
    """The NVIDIA GPUs that a process started now would use, by number or by name; none where JAX is told to use the
    CPU or has no plug-in for them."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    if platforms.startswith("cpu") or not any(importlib.util.find_spec(name) for name in plugins):
        return []
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        # As CUDA reads it: what follows a number below 0 does not count.
        return list(itertools.takewhile(lambda name: name and not name.startswith("-"), chosen.split(",")))
    try:
        listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]
