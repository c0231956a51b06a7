"""A run's checkpoints: the learner's state and the position in the run. Each is whole or absent.

Each is a NumPy archive without pickles: the bytes of the arrays, and a record of what they are as JSON. The newest two
are kept: where one does not read back as it was written, the one before is there.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from esbench.errors import StorageError
from esbench.results.files import PARTIAL, replacing
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
        self.path = path

    def numbers(self) -> list[int]:
        """The generations that have a checkpoint, the newest first."""
        found = (re.fullmatch(r"(\d+)\.npz", file.name) for file in self.path.glob("*"))
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def save(self, position: Position, arrays: Sequence[np.ndarray]) -> None:
        """Writes a checkpoint and removes all but the newest two. StorageError where it cannot be written; those that
        were there then still are."""
        if position.generation in self.numbers():
            return
        contents = [array.ravel().view(np.uint8) for array in arrays]  # NumPy's format has no bfloat16
        record = {"position": position.model_dump(), "arrays": list(map(_described, arrays, contents))}
        archive = {str(i): content for i, content in enumerate(contents)}
        archive[_RECORD] = np.frombuffer(json.dumps(record).encode(), np.uint8)
        try:
            self.path.mkdir(exist_ok=True)
            with replacing(self._file(position.generation)) as file:
                np.savez(file, **archive)  # ty: ignore[invalid-argument-type]  (no array is named allow_pickle)
        except OSError as error:
            raise StorageError.of(f"a checkpoint to {self.path}", error) from error
        for number in self.numbers()[KEPT:]:
            self.remove(number)
        for left in self.path.glob(f"*{PARTIAL}"):  # by a process that was killed while it wrote
            left.unlink(missing_ok=True)

    def load(self, number: int) -> tuple[Position, list[np.ndarray]]:
        """What `save` was given; DamagedCheckpointError where it does not read back."""
        file = self._file(number)
        try:
            with np.load(file, allow_pickle=False) as archive:
                record = json.loads(archive[_RECORD].tobytes())
                contents = [archive[str(i)] for i in range(len(record["arrays"]))]
            arrays = [
                content.view(array["dtype"]).reshape(array["shape"])
                for content, array in zip(contents, record["arrays"], strict=True)
            ]
            position = Position.model_validate(record["position"])
        except Exception as error:  # damage shows as an error of any kind
            raise DamagedCheckpointError(f"{file}: {type(error).__name__}") from error
        if list(map(_described, arrays, contents)) != record["arrays"]:
            raise DamagedCheckpointError(f"{file}: its numbers are not those that were written")
        return position, arrays

    def remove(self, number: int) -> None:
        self._file(number).unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes all of them."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.path / f"{number}.npz"


def _described(array: np.ndarray, content: np.ndarray) -> dict[str, Any]:
    """Type and shape of an array and the sha256 of its bytes, as JSON values."""
    return {"dtype": array.dtype.name, "shape": list(array.shape), "sha256": hashlib.sha256(content.data).hexdigest()}
