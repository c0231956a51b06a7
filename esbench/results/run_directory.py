"""A run on disk: `run.jsonl` (the manifest's line, then one line per evaluation), and next to it the deployed
policy."""

import hashlib
import itertools
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from esbench.errors import InputError, StorageError
from esbench.results.checkpoints import Checkpoints
from esbench.results.files import replacing
from esbench.results.lock import RunInUseError, is_locked
from esbench.results.packed import PACKED, decompress, runs_in
from esbench.results.policy_file import load_policy, save_policy
from esbench.results.records import SCHEMA, Manifest, Row
from esbench.results.versions import current_manifest, current_row, version_of

if TYPE_CHECKING:  # a reader of rows needs no JAX
    from esbench.problem import DeployedPolicy

ROWS_FILE = "run.jsonl"
POLICY_FILE = "policy.npz"
CHECKPOINTS = "checkpoints"

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_Record = TypeVar("_Record", Manifest, Row)


class DamagedRunError(InputError):
    """A run's file is not what esbench writes. The message names the file and the line."""


class FinishedRunError(InputError):
    """The run is there and has its score."""

    @classmethod
    def of(cls, path: Path) -> "FinishedRunError":
        return cls(
            f"{path} holds a finished run: look at it with `esbench report {path}`; a new one needs another --seed, "
            "--name or --out"
        )


def run_path(out: str | os.PathLike[str], tier: str, task: str, name: str, seed: int) -> Path:
    """Where a run lives: `out/tier/task/name/seed-<seed>`.

    `task` is the spec's id, also for a task out of a file; `name` is the algorithm's or the label given with
    `--name`. InputError where one of them is not a safe directory name.
    """
    for what, value in (("tier", tier), ("task id", task), ("name", name)):
        if not isinstance(value, str) or not _SLUG.fullmatch(value):
            hint = " (--name LABEL chooses another)" if what == "name" else ""
            raise InputError(
                f"{what} {value!r} cannot name a directory: "
                f"expected letters, digits, '.', '_' and '-', at most 100, beginning with a letter or digit{hint}"
            )
    if seed < 0:
        raise InputError(f"seed {seed}: expected 0 or more")
    return Path(out) / tier / task / name / f"seed-{seed}"


class RunDirectory:
    """One run's directory. Made by `create` (a new run) or `open` (one that is there).

    path: the directory. manifest: the run's manifest. rows: the rows so far, in the order they were written. cut_off:
    whether a last line that was cut off while being written was left out. digest: sha256 of the file as it was read.
    """

    digest: str = ""
    path: Path
    manifest: Manifest
    rows: list[Row]
    cut_off: bool

    def __init__(self, path: Path, manifest: Manifest, rows: list[Row], end: int, cut_off: bool = False):
        self.path = path
        self.manifest = manifest
        self.rows = rows
        self.cut_off = cut_off
        self._end = end  # bytes of complete lines; the next line is written there

    @classmethod
    def create(cls, path: str | os.PathLike[str], manifest: Manifest) -> "RunDirectory":
        """A new run. InputError where a run is there already, or the directory cannot be made. StorageError where the
        file cannot be written."""
        path = Path(path)
        _line(manifest)  # before anything is there
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise _refusal(path) from None
        except OSError as error:
            raise InputError(f"cannot write a run to {path}: {error.strerror}") from error
        if (path / ROWS_FILE).exists():
            raise _refusal(path)
        run = cls(path, manifest, [], 0)
        run.replace([])
        return run

    @staticmethod
    def check_new(path: str | os.PathLike[str]) -> None:
        """InputError where `create` would refuse, found out before the work that comes first; writes nothing."""
        path = Path(path)
        if (path / ROWS_FILE).exists():
            raise RunInUseError.of(path) if is_locked(path) else _refusal(path)
        nearest = next(folder for folder in (path, *path.parents) if folder.exists())
        if not nearest.is_dir():
            raise InputError(f"cannot write a run to {path}: {nearest} is not a directory")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise InputError(f"cannot write a run to {path}: {nearest} is not writable")

    @staticmethod
    def remove(path: str | os.PathLike[str]) -> None:
        """Deletes the run in `path`, where there is one; InputError where a process is at it."""
        path = Path(path)
        if not (path / ROWS_FILE).exists():
            return
        if is_locked(path):
            raise RunInUseError.of(path)
        shutil.rmtree(path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "RunDirectory":
        """The run in `path`, finished or not.

        Its rows may also be packed, with those of other seeds in the folder above. A last line that was cut off while
        being written is left out, with a warning. Any other damage raises DamagedRunError; a missing run, InputError.
        """
        path = Path(path)
        file = path / ROWS_FILE
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            whole = path.resolve()
            together = dict(unpacked(whole.parent / PACKED)) if (whole.parent / PACKED).is_file() else {}
            if whole in together:
                return cls.parse(path, together[whole])
            raise InputError(f"no run in {path}: expected a directory that holds {ROWS_FILE}") from None
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}") from error
        return cls.parse(path, content)

    @classmethod
    def parse(cls, path: Path, content: bytes) -> "RunDirectory":
        """The run that `content`, a whole `run.jsonl` in `path`, holds; as `open` otherwise."""
        file = path / ROWS_FILE
        # A line counts once its newline is on disk.
        *lines, rest = content.split(b"\n")
        if not lines:
            raise DamagedRunError(f"{file}, line 1: the manifest is missing; delete {path} to run again")
        if rest:
            warnings.warn(f"{file}, line {len(lines) + 1}: cut off, left out", stacklevel=2)
        manifest, version = _read_manifest(lines[0], f"{file}, line 1")
        rows = [
            _validated(Row, current_row, _json(line, where := f"{file}, line {number}"), where, version)
            for number, line in enumerate(lines[1:], start=2)
        ]
        finals = [number for number, row in enumerate(rows, start=2) if row.final]
        if len(finals) > 1:
            raise DamagedRunError(f"{file}, line {finals[1]}: a second final row (the first is line {finals[0]})")
        for number, (earlier, row) in enumerate(itertools.pairwise(rows), start=3):
            for name in ("useful_steps", "train_seconds"):
                before, now = getattr(earlier, name), getattr(row, name)
                if now < before:
                    raise DamagedRunError(f"{file}, line {number}: {name} falls from {before} to {now}")
        run = cls(path, manifest, rows, len(content) - len(rest), cut_off=bool(rest))
        run.digest = hashlib.sha256(content).hexdigest()
        return run

    @property
    def finished(self) -> bool:
        """Whether the run has its score row."""
        return any(row.final for row in self.rows)

    def append(self, row: Row) -> None:
        """Adds one row; it is on disk when this returns. A second final row is a ValueError.

        StorageError where it cannot be written, the rows before it intact.
        """
        if row.final and self.finished:
            raise ValueError(f"{self.path} has its final row already")
        line = _line(row)
        with _storing(f"a row to {self.path / ROWS_FILE}"), open(self.path / ROWS_FILE, "r+b", buffering=0) as file:
            file.truncate(self._end)  # drops a line that was cut off
            file.seek(self._end)
            try:
                _write(file, line)
            except OSError:
                file.truncate(self._end)
                raise
        self._end += len(line)
        self.rows.append(row)

    def replace(self, rows: list[Row], manifest: Manifest | None = None) -> None:
        """Replaces the rows, and the manifest where one is given, atomically. A reader sees the old ones or these,
        never a mixture.

        StorageError where they cannot be written, the old ones intact.
        """
        manifest = manifest or self.manifest
        content = b"".join(_line(record) for record in (manifest, *rows))
        file = self.path / ROWS_FILE
        with _storing(f"rows to {file}"), replacing(file) as new:
            new.write(content)
        self._end = len(content)
        self.manifest, self.rows = manifest, list(rows)

    def save_policy(self, deployed: "DeployedPolicy") -> None:
        """Writes the deployed policy, replacing an earlier one: a reader sees a whole file. StorageError where it
        cannot be written."""
        with _storing(f"the policy to {self.path / POLICY_FILE}"):
            save_policy(self.path / POLICY_FILE, deployed)

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints to resume from; a finished run has none."""
        return Checkpoints(self.path / CHECKPOINTS)

    def load_policy(self) -> "DeployedPolicy":
        """The deployed policy, its leaves NumPy arrays. InputError where the run has none."""
        return load_policy(self.path / POLICY_FILE)


def unpacked(file: Path) -> Iterator[tuple[Path, bytes]]:
    """Of every run that is packed in `file` its directory, as it was before, and what its `run.jsonl` held.
    DamagedRunError where the file is not what `packed` makes."""
    try:
        for seed, rows in runs_in(decompress(file.read_bytes())).items():
            yield file.parent / f"seed-{seed}", rows
    except (OSError, ValueError) as error:
        raise DamagedRunError(f"{file}: not packed runs ({error})") from error


def _refusal(path: Path) -> InputError:
    """Why no new run can be made in `path`, where there is something already."""
    if not (path / ROWS_FILE).exists():
        return InputError(f"cannot write a run to {path}: a file is in the way")
    run = RunDirectory.open(path)
    if run.finished:
        return FinishedRunError.of(path)
    return InputError(f"{path} holds an unfinished run: continue it with --resume, or delete it")


def _line(record: Manifest | Row) -> bytes:
    # Python's own writer: the shortest text that reads back as the same float, and an error for NaN and infinity.
    return json.dumps(record.model_dump(), allow_nan=False, ensure_ascii=False).encode() + b"\n"


def _write(file, content: bytes) -> None:
    while content:  # a disk that fills up takes a part first
        content = content[file.write(content) :]
    os.fsync(file.fileno())


@contextmanager
def _storing(what: str) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise StorageError.of(what, error) from error


def _read_manifest(line: bytes, where: str) -> tuple[Manifest, int]:
    """A file's manifest, and the version it was written in."""
    values = _json(line, where)
    version = SCHEMA
    if isinstance(values, dict) and values.get("kind") == "manifest":
        try:
            version = version_of(values)
        except ValueError as error:
            raise DamagedRunError(f"{where}: {error}") from error
    lift = current_manifest if version < SCHEMA else lambda values: values
    return _validated(Manifest, lift, values, where), version


def _json(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DamagedRunError(f"{where}: not JSON ({error})") from error


def _validated(kind: type[_Record], lift: Callable[..., Any], values: Any, where: str, *version: int) -> _Record:
    """A record of `kind`, from values that `lift` brings to the current version; DamagedRunError where they are not."""
    what = f"{where}: not a {kind.__name__.lower()}"
    try:
        values = lift(values, *version) if isinstance(values, dict) else values
    except KeyError as error:
        raise DamagedRunError(f"{what}: {error.args[0]}: Field required") from error
    except TypeError as error:
        raise DamagedRunError(f"{what}: {error}") from error
    try:
        return kind.model_validate(values, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise DamagedRunError(f"{what}: {name}: {first['msg']}") from error
