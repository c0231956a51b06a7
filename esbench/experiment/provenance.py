"""Where and with what a run was computed: package versions, device, commit."""

import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax

import esbench
from esbench.results.records import Device

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


def device() -> Device:
    """The device that programs run on. One, however many there are."""
    first = jax.devices()[0]
    kind = _processor() if first.platform == "cpu" else first.device_kind
    return Device(platform=first.platform, kind=kind, count=1)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model.group(1).strip() if model else platform.processor() or platform.machine()


def commit() -> tuple[str | None, bool | None]:
    """(commit, dirty) of the checkout that esbench runs from; (None, None) for an installed package or without git.

    dirty: whether a file that can change rows differs from the commit, new ones included.
    """
    root = Path(esbench.__file__).resolve().parents[1]
    top = _git(root, "rev-parse", "--show-toplevel")
    head = _git(root, "rev-parse", "HEAD")
    # A package installed below somebody else's repository is not at its top.
    if not top or not head or Path(top).resolve() != root:
        return None, None
    changes = _git(root, "status", "--porcelain", "--", "esbench", "baselines", "pyproject.toml")
    return head, None if changes is None else bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
