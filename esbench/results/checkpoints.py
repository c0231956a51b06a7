"""A run's checkpoints: the learner's state and the position in the run, written whole or not at all.

The arrays and a record, JSON as bytes, lie in one Orbax checkpoint, whose directory gets its name when it is complete.
Nothing is pickled. The newest two are kept: where one does not read back as it was written, the one before is there.
"""

import hashlib
import json
import logging
import re
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from esbench.errors import StorageError
from esbench.results.records import Record

KEPT = 2
_RECORD = "record"


class DamagedCheckpointError(ValueError):
    """A checkpoint does not read back as it was written."""


class Position(Record):
    """Where in a run a state belongs. Counts and clocks are totals since the start.

    reached: shares of the budget whose row is written, -1 before the first row. rows: how many that makes. training:
    the last step's metrics, for a row that is due. code: digest of the code that computed it.
    """

    generation: int
    useful_steps: int
    computed_steps: int
    sequential_steps: int
    reached: int
    rows: int
    training: dict[str, float | None]
    compile_seconds: float
    train_seconds: float
    evaluate_seconds: float
    log_seconds: float
    code: str


class Checkpoints:
    """Those of one run, in the directory `path`, numbered by generation."""

    def __init__(self, path: Path):
        self.path = path.absolute()

    def numbers(self) -> list[int]:
        """The generations that have a checkpoint, the newest first."""
        if not self.path.is_dir():
            return []
        return sorted((int(file.name) for file in self.path.iterdir() if re.fullmatch(r"\d+", file.name)), reverse=True)

    def save(self, position: Position, arrays: Sequence[np.ndarray]) -> None:
        """Writes a checkpoint and removes all but the newest two. StorageError where it cannot be written; those that
        were there then still are."""
        import orbax.checkpoint as ocp

        numbers = self.numbers()
        if position.generation in numbers:
            return
        record = {"position": position.model_dump(), "arrays": _described(arrays)}
        tree = {_RECORD: np.frombuffer(json.dumps(record).encode(), np.uint8)}
        # Orbax refuses arrays without elements, and gives scalars back as Python's.
        tree |= {str(i): np.atleast_1d(array) for i, array in enumerate(arrays) if array.size}
        # What a process left that was killed while it wrote.
        self._remove(*(set(self._children()) - {self.path / str(number) for number in numbers}))
        try:
            self.path.mkdir(exist_ok=True)
            with _quiet(), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as writer:
                writer.save(self.path / str(position.generation), tree)
        except Exception as error:  # Orbax's are of many kinds
            self._remove(*(set(self._children()) - {self.path / str(number) for number in numbers}))
            raise StorageError.of(f"a checkpoint to {self.path}", error) from error
        self._remove(*(self.path / str(number) for number in self.numbers()[KEPT:]))

    def load(self, number: int) -> tuple[Position, list[np.ndarray]]:
        """What `save` was given; DamagedCheckpointError where it does not read back."""
        import orbax.checkpoint as ocp

        folder = self.path / str(number)
        try:
            with _quiet(), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
                tree = reader.restore(folder)
            record = json.loads(tree[_RECORD].tobytes())
            arrays = [
                np.reshape(tree.get(str(i), ()), array["shape"]).astype(array["dtype"], copy=False)
                for i, array in enumerate(record["arrays"])
            ]
            position = Position.model_validate(record["position"])
        except Exception as error:  # damage shows as an error of any kind
            raise DamagedCheckpointError(f"{folder}: {type(error).__name__}") from error
        if _described(arrays) != record["arrays"]:
            raise DamagedCheckpointError(f"{folder}: its numbers are not those that were written")
        return position, arrays

    def remove(self, number: int) -> None:
        self._remove(self.path / str(number))

    def clear(self) -> None:
        """Removes all of them."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _children(self) -> list[Path]:
        return list(self.path.iterdir()) if self.path.is_dir() else []

    def _remove(self, *folders: Path) -> None:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _described(arrays: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Type, shape and sha256 of each array, as JSON values."""
    return [
        {"dtype": array.dtype.name, "shape": list(array.shape), "sha256": hashlib.sha256(array.tobytes()).hexdigest()}
        for array in arrays
    ]


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Orbax logs what it raises as well."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
