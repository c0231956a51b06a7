"""Which runs are shown together, in which order, and which must not be."""

import itertools
import re
from collections.abc import Iterable
from typing import Any

from esbench.errors import InputError
from esbench.results.fingerprints import determining_options
from esbench.results.load import Run, run_identity
from esbench.results.records import Manifest
from esbench.tasks.spec import RL, determining
from esbench.tasks.tiers import TIERS

BASELINES = ("eggroll", "open_es", "ppo")

# What a task's values depend on. Anchors and descriptions may be improved without making another task of it.
_SAME_TASK = ("track", "suite", "source_id", "max_episode_steps", "action_kind", "requires", "measure")
# What the seeds of one name share. Sizes are the machine's: they do not change what is measured.
_SAME_SETTINGS = ("algorithm", "plugins", "settings", "policy", "problem", "switches", "action_mode")


def tier_order(tiers: Iterable[str]) -> list[str]:
    """The tiers from the smallest budgets to the largest, unknown ones last."""
    return sorted(set(tiers), key=lambda tier: (TIERS.index(tier) if tier in TIERS else len(TIERS), tier))


def track_of(run: Run) -> str:
    """The track of a run's task."""
    return str(determining(run.manifest.task)["track"])


def track_order(runs: Iterable[Run]) -> list[str]:
    """The tracks of runs: environments first, then the others by name."""
    return sorted({track_of(run) for run in runs}, key=lambda track: (track != RL, track))


def algorithm_order(algorithms: Iterable[str]) -> list[str]:
    """The baselines first, then the others by name, numbers in it by their size."""
    return sorted(set(algorithms), key=lambda name: (name not in BASELINES, _natural(name), name))


def _natural(name: str) -> list[tuple[str, int]]:
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


def run_name(run: Run) -> str:
    """A run's name in messages: tier/task/name/seed-n, the same on every machine."""
    tier, task, name, seed = run_identity(run)
    return f"{tier}/{task}/{name}/seed-{seed}"


def check_comparable(runs: Iterable[Run]) -> None:
    """InputError where a run is there twice, or a tier has two versions of a task. Runs of one tier and task must be of
    the same task, and the seeds of one name must have the same settings."""
    runs = sorted(runs, key=run_identity)
    _check_versions(runs)
    for first, second in itertools.pairwise(runs):
        if run_identity(first) == run_identity(second):
            places = " and ".join(str(run.path or "in memory") for run in (first, second))
            raise InputError(
                f"{run_name(first)} is there twice: {places}; leave one of them out: a report also takes "
                "directories of some runs, such as runs/lite/*/NAME"
            )
        one, other = first.manifest, second.manifest
        if (one.tier, one.task["id"]) != (other.tier, other.task["id"]):
            continue
        tasks = determining(one.task), determining(other.task)
        for field in _SAME_TASK:
            _check_equal(first, second, f"task's {field}", *(task[field] for task in tasks))
        if one.name == other.name:
            for field in _SAME_SETTINGS:
                _check_equal(first, second, field, *_values(one, other, field))
            options = [determining_options(manifest.options.model_dump()) for manifest in (one, other)]
            for option in {**options[0], **options[1]}:
                _check_equal(first, second, option, *(of.get(option) for of in options))


def _check_versions(runs: list[Run]) -> None:
    """Another version of a task is another task: a mean over both would count it twice."""
    seen: dict[tuple[str, str, str], Run] = {}
    for run in runs:
        name, version = run.manifest.task["id"].rsplit("-v", 1)
        first = seen.setdefault((track_of(run), run.manifest.tier, name), run)
        if first.manifest.task["id"].rsplit("-v", 1)[1] != version:
            raise InputError(f"{run_name(first)} and {run_name(run)} are of two versions of one task: make two reports")


def _check_equal(first: Run, second: Run, what: str, one: Any, other: Any) -> None:
    if one != other:
        raise InputError(
            f"{run_name(first)} and {run_name(second)} cannot be averaged or compared: {what} is {one!r} and "
            f"{other!r}; give one of them another --name, or make two reports"
        )


def _values(one: Manifest, other: Manifest, field: str) -> tuple[Any, Any]:
    """The two values of `field`; of dictionaries, only what differs."""
    values = getattr(one, field), getattr(other, field)
    if not isinstance(values[0], dict):
        return values
    a, b = values
    differing = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    return {name: a.get(name) for name in differing}, {name: b.get(name) for name in differing}
