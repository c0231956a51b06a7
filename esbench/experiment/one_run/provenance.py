"""Where and with what a run was computed: package versions and the device."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax

from esbench.results.records import Device

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


def device(count: int = 1, together: int = 1) -> Device:
    """The device that programs run on, how many of them share a run, and how many runs share them."""
    first = jax.devices()[0]
    if first.platform != "cpu":
        return Device(platform=first.platform, kind=first.device_kind, count=count, together=together)
    kind = processor(_cpuinfo())
    return Device(platform=first.platform, kind=kind, count=count, together=together, threads=_threads())


def _threads() -> int | None:
    """How many XLA starts on a CPU: as many as the process may use cores, unless the environment names a number."""
    named = os.environ.get("PJRT_NPROC") or os.environ.get("NPROC")
    if named:
        return int(named) if named.isdecimal() else None
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


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
