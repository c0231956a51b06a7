"""A board: which tasks, budgets, seeds and versions its entries share. Frozen once it is written.

    python -m esbench.leaderboard.board lite 1 leaderboards

writes `leaderboards/lite-v1/spec.json` from the catalogue and `requirements.lock`. A change of any of it is version 2.
The old board is then retired: its entries stay and can be checked, and new ones go to the newest.
"""

import dataclasses
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, ValidationError, field_validator

from esbench.errors import InputError, unknown
from esbench.leaderboard.safe_files import read_file, read_json
from esbench.results.records import Record
from esbench.statistics.normalization import has_scores
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.spec import RL, TaskSpec, determining
from esbench.tasks.tiers import TIERS, Tier

SPEC_FILE = "spec.json"
SEEDS = tuple(range(5))
"""Of every task of a new board."""
EVERYWHERE = ("jax", "jaxlib", "flax", "optax", "quax", "gymnasium", "numpy")
"""The packages that compute every row."""
PACKAGES = (*EVERYWHERE, "evosax")
"""Those that compute rows, in addition to the suites that the tasks require."""


Positive = Annotated[int, Field(gt=0)]


class Protocol(Record):
    """How runs are scored. rows: how many after the first, one per equal share of the budget. overshoot: by how much of
    the budget the score's row may be past it. precision: of matrix products."""

    rows: Positive = 20
    overshoot: float = 0.02
    precision: str = "float32"

    @property
    def numeric(self) -> dict[str, Any]:
        """How numbers are computed, by the names of a run's options."""
        return {"precision": self.precision}


class BoardTask(Record):
    """spec: TaskSpec.to_json(), anchors included. budget: useful environment steps of training. episodes: of an
    evaluation."""

    spec: dict[str, Any]
    budget: Positive
    episodes: Positive
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = SEEDS

    @field_validator("spec")
    @classmethod
    def _is_a_spec(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            spec = TaskSpec.from_json(value)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a task's spec: {error}") from error
        if spec.track != RL:
            raise ValueError(f"{spec.id} is of the track {spec.track}: boards are of the track {RL}")
        if not has_scores(spec):
            raise ValueError("a task of a board needs the anchors of a score, random and reference")
        return spec.to_json()

    @property
    def task(self) -> TaskSpec:
        """The spec; the bounds of its measure are the catalogue's, where it has the same task."""
        spec = TaskSpec.from_json(self.spec)
        now = next((one for one in CATALOGUE if one.id == spec.id), spec)
        return spec if self.unlike(now.to_json()) else dataclasses.replace(spec, measure=now.measure)

    def unlike(self, spec: dict[str, Any]) -> list[str]:
        """The names of what another spec, as in a manifest, has otherwise of what returns and scores depend on. Words
        about a task may be improved while its board is frozen."""
        ours, theirs = ({**one, **determining(one), **_values(one)} for one in (self.spec, spec))
        return [name for name in (*_SAME_TASK, *_ANCHORS) if ours.get(name) != theirs.get(name)]


_SAME_TASK = (
    *("id", "track", "suite", "source_id", "max_episode_steps", "action_kind", "requires"),
    *("measure", "score_scale"),
)
_ANCHORS = ("random", "reference")


def _values(spec: dict[str, Any]) -> dict[str, Any]:
    """The anchors as numbers; None where there is none."""
    anchors = {name: spec.get(name) for name in _ANCHORS}
    return {name: anchor.get("value") if isinstance(anchor, dict) else None for name, anchor in anchors.items()}


class Board(Record):
    """tasks: by id, in the board's order. versions: those allowed of the packages that compute rows; several where the
    lock has one per Python. sha256: `digest` of all other fields."""

    schema_version: int = 1
    version: Positive
    tier: Tier
    tasks: Annotated[dict[str, BoardTask], Field(min_length=1)]
    protocol: Protocol
    versions: Annotated[dict[str, Annotated[tuple[str, ...], Field(min_length=1)]], Field(min_length=1)]
    sha256: str

    @property
    def name(self) -> str:
        """`<tier>-v<version>`: its directory below `leaderboards`."""
        return f"{self.tier}-v{self.version}"

    @property
    def specs(self) -> dict[str, TaskSpec]:
        return {name: task.task for name, task in self.tasks.items()}


def digest(values: dict[str, Any]) -> str:
    """sha256 over the values of a spec.json, its own hash left out."""
    hashed = {name: value for name, value in values.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()


def make_board(
    tier: str,
    version: int,
    lock: str,
    specs: tuple[TaskSpec, ...] = CATALOGUE,
    seeds: tuple[int, ...] = SEEDS,
) -> Board:
    """The board of a tier: every task that is not beyond it, with its budget there. lock: the text of
    `requirements.lock`. seeds: of every task."""
    if tier not in TIERS:
        raise unknown("tier", tier, TIERS)
    board = Board(
        version=version,
        tier=cast(Tier, tier),
        tasks={
            spec.id: BoardTask(
                spec=spec.to_json(),
                budget=getattr(spec.budgets, tier),
                episodes=spec.episodes(tier),
                seeds=seeds,
            )
            for spec in specs
            if tier not in spec.beyond
        },
        protocol=Protocol(),
        versions=locked_versions(lock, specs),
        sha256="",
    )
    return board.model_copy(update={"sha256": digest(board.model_dump(mode="json"))})


def locked_versions(lock: str, specs: tuple[TaskSpec, ...]) -> dict[str, tuple[str, ...]]:
    """The pinned versions of the packages that compute rows, read from a requirements file."""
    suites = [match.group() for spec in specs if (match := re.match(r"[\w.-]+", spec.requires))]
    names = dict.fromkeys([*PACKAGES, *suites])
    pins: dict[str, list[str]] = {name: [] for name in names}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE):
        if name in pins:
            pins[name].append(version)
    if absent := [name for name, found in pins.items() if not found]:
        raise InputError(f"the lock pins no version of {', '.join(absent)}")
    return {name: tuple(found) for name, found in pins.items()}


def read_board(directory: Path) -> Board:
    """The board in `directory`. InputError where there is none, or its spec.json is damaged."""
    file = directory / SPEC_FILE
    try:
        content = read_file(file)
    except OSError as error:
        raise InputError(f"no board in {directory}: {SPEC_FILE}: {error.strerror}") from error
    values = read_json(content, str(file))
    try:
        board = Board.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if digest(values) != board.sha256:
        raise InputError(f"{file}: edited, sha256 is another: a board is frozen, make a new version")
    if board.name != directory.resolve().name:
        raise InputError(f"{file}: tier {board.tier} and version {board.version} belong into a directory {board.name}")
    return board


def successor(directory: Path) -> str | None:
    """The name of the newest board of the tier, beside the board in `directory`, that retires it; None for the newest
    itself."""
    tier, version = tier_and_version(directory)
    versions = [tier_and_version(path) for path in directory.resolve().parent.iterdir() if (path / SPEC_FILE).is_file()]
    newest = max((other for of, other in versions if of == tier), default=version)
    return f"{tier}-v{newest}" if newest > version else None


def tier_and_version(directory: Path) -> tuple[str, int]:
    """Tier and version of a board, by the name of its directory."""
    tier, _, version = directory.resolve().name.rpartition("-v")
    return tier, int(version) if version.isdecimal() else 0


def write_board(board: Board, boards: Path) -> Path:
    """Writes a new board into `boards` and returns its directory; InputError where one of its name is there."""
    directory = boards / board.name
    file = directory / SPEC_FILE
    if file.exists():
        raise InputError(f"{file} is there and frozen: make the next version")
    directory.mkdir(parents=True, exist_ok=True)
    file.write_text(board.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return directory


if __name__ == "__main__":
    _tier, _version, _boards = sys.argv[1:]
    write_board(make_board(_tier, int(_version), Path("requirements.lock").read_text(encoding="utf-8")), Path(_boards))
