"""When a run's position is saved, and how a run finds it again."""

import threading
import time
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from esbench.errors import InputError
from esbench.experiment.one_run.prepare import State
from esbench.experiment.one_run.resume import refusal
from esbench.experiment.terminal.progress import Progress
from esbench.jax_switches import pinned
from esbench.results.checkpoints import DamagedCheckpointError, Position
from esbench.results.run_directory import RunDirectory
from esbench.tasks.suites.gymnasium.adapter import Handle

_RESCUE_SECONDS = 20.0


@dataclass(frozen=True)
class Reached:
    """A learner's state and the position it belongs to."""

    state: State
    position: Position


class Saver:
    """Saves what a run reached, when `seconds` have passed since the last time, and when it is told to.

    latest: what the last finished step left; None before it, and once the run is over. It stays on the device; it can
    be read there while the next step runs.
    """

    def __init__(self, directory: RunDirectory, seconds: float, saves: bool = True):
        """saves: whether the run's state can be saved."""
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
        """The run is over: nothing is left to resume."""
        with self._lock:
            self.latest = None
            self._checkpoints.clear()


def can_be_saved(state: State) -> bool:
    """False for several processes, which would have to agree on the moment, and for episodes that Python holds."""
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
    """The content of the newest readable checkpoint, None where there is none. Damaged ones are removed.

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
