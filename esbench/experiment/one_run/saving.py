"""When a run's position is saved, and how a run finds it again."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from esbench.errors import InputError
from esbench.experiment.one_run import provenance
from esbench.experiment.one_run.prepare import State
from esbench.experiment.options.config import RunConfig
from esbench.experiment.terminal.progress import Progress
from esbench.jax_switches import pinned, recorded
from esbench.plugins import names_a_file
from esbench.results.checkpoints import DamagedCheckpointError, Position
from esbench.results.records import Manifest
from esbench.results.run_directory import RunDirectory
from esbench.tasks.suites.gymnasium.adapter import Handle

SECONDS = 60.0
"""Between two checkpoints, unless set."""
_RESCUE_SECONDS = 20.0
_SHOWN = 4


@dataclass(frozen=True)
class Reached:
    """A learner's state and the position it belongs to."""

    state: State
    position: Position


class Saver:
    """Saves what a run reached, when `seconds` have passed since the last time, and when it is told to.

    latest: what the last finished step left, None where there is nothing to save (any more). It stays on the device;
    it can be read there while the next step runs.
    """

    def __init__(self, directory: RunDirectory, seconds: float, saves: bool = True):
        """saves: whether the run's state can be saved at all."""
        self._saves = saves
        self.latest: Reached | None = None
        self._checkpoints = directory.checkpoints
        self._seconds = seconds
        self._lock = threading.Lock()
        self._saved_at = time.monotonic()

    @property
    def due(self) -> bool:
        return time.monotonic() - self._saved_at >= self._seconds

    def save(self) -> None:
        """Saves `latest`, where it is not saved already. StorageError where that cannot be."""
        if not self._lock.acquire(timeout=_RESCUE_SECONDS):  # an interrupt, while another thread saves already
            return
        try:
            if (latest := self.latest) is not None and self._saves:
                self._checkpoints.save(latest.position, to_host(latest.state))
                self._saved_at = time.monotonic()
        finally:
            self._lock.release()

    def finish(self) -> None:
        """The run is over: nothing is left to go on from."""
        with self._lock:
            self.latest = None
            self._checkpoints.clear()


def can_be_saved(state: State) -> bool:
    """Not where several processes would have to agree on the moment, nor where Python holds the episodes under way."""
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Handle))
    return jax.process_count() == 1 and not any(isinstance(node, Handle) for node in nodes)


@pinned()  # an interrupt saves from a thread of its own
def to_host(state: State) -> list[np.ndarray]:
    """The leaves of a state as NumPy arrays; typed PRNG keys as their data."""

    def data(leaf: jax.Array) -> jax.Array:
        return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf

    return [np.asarray(data(leaf)) for leaf in jax.tree.leaves(state)]


def to_device(arrays: list[np.ndarray], like: State) -> State:
    """The state whose leaves `to_host` gave, placed as `like` is; InputError where that has other shapes or types."""
    if [(a.shape, a.dtype) for a in arrays] != [(a.shape, a.dtype) for a in to_host(like)]:
        raise InputError("the checkpoint holds another kind of state: expected the code and settings it was made with")

    def placed(array: np.ndarray, leaf: jax.Array) -> jax.Array:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            key = jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(leaf))
            return jax.device_put(key, leaf.sharding)
        return jax.device_put(array, leaf.sharding)

    leaves, structure = jax.tree.flatten(like)
    return jax.tree.unflatten(structure, map(placed, arrays, leaves))


def find(directory: RunDirectory, code: str, like: State, reporter: Progress) -> Reached | None:
    """What the newest checkpoint that can be read holds, None where there is none; what cannot be read is removed.

    code: the digest of what runs now; InputError where it is not what wrote the checkpoint. like: any state of the run.
    """
    checkpoints = directory.checkpoints
    for number in checkpoints.numbers():
        try:
            position, arrays = checkpoints.load(number)
            if position.rows > len(directory.rows):
                raise DamagedCheckpointError(f"{directory.path} has fewer rows than checkpoint {number} says")
        except DamagedCheckpointError as error:
            reporter.message(f"warning: damaged checkpoint, falling back to the one before: {error}")
            checkpoints.remove(number)
            continue
        if position.code != code:
            raise refusal(directory, ["the source code of esbench, of the algorithm or of the task has changed"])
        return Reached(to_device(arrays, like), position)
    return None


def refusal(directory: RunDirectory, differences: list[str]) -> InputError:
    """Why the run cannot be resumed: the first few of the `differences`."""
    more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return InputError(
        f"cannot resume {directory.path}: {'; '.join(differences[:_SHOWN])}{more}: "
        "expected what it began with, or --name LABEL without --resume for a new run"
    )


def differences(manifest: Manifest, config: RunConfig) -> list[str]:
    """What would make the rows after resuming those of another run than `manifest` describes, a phrase each."""
    commit, _ = provenance.commit()
    versions = provenance.versions(config.task.spec.requires)
    then = {
        "sizes": {name: size for name, size in manifest.sizes.items() if name in config.sizes},
        # Python computes no rows.
        "versions": {**manifest.versions, "python": versions["python"]},
        "commit": manifest.commit,
        "switches": manifest.switches,
    }
    now = {"sizes": config.sizes, "versions": versions, "commit": commit, "switches": recorded()}
    return other_settings(manifest, config) + _differing(then, now)


def other_settings(manifest: Manifest, config: RunConfig) -> list[str]:
    """What was set otherwise for the run that `manifest` describes, a phrase each."""
    then = {
        "task": {name: manifest.task[name] for name in ("id", "source_id", "max_episode_steps")},
        "algorithm": manifest.algorithm,
        "settings": manifest.settings,
        "policy": manifest.policy,
        "problem": manifest.problem,
        "tier": manifest.tier,
        "budget": manifest.budget,
        "precision": manifest.precision,
    }
    spec = config.task.spec
    now = {
        "task": {"id": spec.id, "source_id": spec.source_id, "max_episode_steps": spec.max_episode_steps},
        "algorithm": config.algorithm_name,
        "settings": config.settings,
        "policy": config.policy,
        "problem": config.problem,
        "tier": config.tier,
        "budget": config.budget,
        "precision": config.precision,
    }
    same_files = manifest.plugins == provenance.plugins(config.algorithm, config.task, config.network)
    return _differing(then, now) + ([] if same_files else ["the file of the algorithm or of the task has changed"])


def _differing(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    before, after = _flat(then), _flat(json.loads(json.dumps(now)))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [f"{name} was {before.get(name)}, is now {after.get(name)}" for name in names]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, its names joined by dots; of files, which `code` covers, only the names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            in_file = isinstance(value, str) and names_a_file(value)
            flat[f"{prefix}{name}"] = value.rpartition("/")[2] if in_file else value
    return flat
