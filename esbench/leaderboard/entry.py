"""An entry: one method on one board. `entry.json` says what it is and names every other file by its hash.

<board>/<slug>/entry.json                       this model
<board>/<slug>/settings.json                    per task the settings, as in the manifests
<board>/<slug>/algorithm.py                     the algorithm, where it is not built in
<board>/<slug>/runs/<task>/runs.jsonl.gz        the rows of all seeds, as the runs wrote them
<board>/<slug>/runs/<task>/seed-<n>/policy.npz  the deployed policy, where it is small
<board>/<slug>/verification.json                written by `esbench leaderboard verify` alone

The rows are read as `runs/<task>/seed-<n>/run.jsonl`: so entry.json names them, and so they may lie there, too.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from esbench.errors import InputError
from esbench.leaderboard.safe_files import MAX_FILE_BYTES, check_limits, is_inside, read_json, read_tree
from esbench.results.packed import PACKED, decompress, runs_in
from esbench.results.records import Manifest, Record
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE

ENTRY_FILE = "entry.json"
SETTINGS_FILE = "settings.json"
ALGORITHM_FILE = "algorithm.py"
VERIFICATION_FILE = "verification.json"
RUNS = "runs"

MAX_POLICY_BYTES = 2**20
MAX_POLICIES_BYTES = 8 * 2**20

Track = Literal["fixed", "tuned", "open"]
State = Literal["claimed", "checked", "replayed", "reproduced", "disputed"]

_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that show nothing."""


def _shows(text: str) -> str:
    """`text` where a reader sees what it is: free of control characters, marks of direction and spaces of no width."""
    if hidden := next((letter for letter in text if not (letter.isprintable() or letter in "\n\t")), None):
        raise ValueError(f"{hidden!a} cannot be seen: expected printable characters only")
    if not any(unicodedata.category(letter)[0] in "LNPS" and letter not in _BLANK_LETTERS for letter in text):
        raise ValueError("nothing in it can be seen")
    return text


def _in_one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("expected one line without tabs")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_shows)]
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_shows),
    AfterValidator(_in_one_line),
]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"']{1,300}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Count = Annotated[int, Field(ge=0, le=2**53, strict=True)]
"""As floats, larger ones cannot be distinguished."""


class Code(Record):
    """Where the method's code is read: its repository and the commit."""

    url: Address
    commit: Commit


class DeclaredTuning(Record):
    """What finding the settings cost. trials: settings tried. seeds: the most of one. useful_steps: environment steps
    in all. search_space: which settings, over which ranges."""

    trials: Count
    seeds: Count
    useful_steps: Count
    search_space: Text


class TaskScore(Record):
    """n: seeds, failed ones included. return_mean: over them, a failed one counting as the random policy. score_mean:
    of their normalized scores, unclipped. train_seconds: the mean over finished runs, None without any."""

    n: Count
    return_mean: float
    score_mean: float
    train_seconds: float | None


class Scores(Record):
    """aggregate: the ranking score, None for an entry that leaves tasks out."""

    tasks: dict[str, TaskScore]
    aggregate: float | None


class Declaration(Record):
    """What the people who submit say of an entry: `entry.toml`, and the first part of entry.json.

    slug: the directory, and the name of the runs. code: None where the method is one of esbench's own. failures: why,
    by `<task>/seed-<n>`, of runs that have no score.
    policy_runs: of which runs (`<task>/seed-<n>`) the entry brings the policies, None for all that fit; of the others
    it has the hashes.
    policies_address: where the policies are that it does not bring.
    """

    board: Slug
    name: Line
    slug: Slug
    authors: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]
    licence: Line
    code: Code | None = None
    track: Track
    tuning: DeclaredTuning
    prior_knowledge: Text
    policy_runs: tuple[Line, ...] | None = None
    policies_address: Address | None = None
    failures: dict[str, Line] = Field(default_factory=dict)


class Entry(Declaration):
    """entry.json: what was declared, and what `submit` found.

    algorithm: a built-in name, `evosax:NAME`, or `algorithm.py:ClassName`. hardware: of the runs, as their manifests
    name it. commits: of esbench, those the runs were computed with. files: sha256 by path, of all but entry.json and
    verification.json. policies: sha256 by `<task>/seed-<n>`, also of those that are not in `files`.
    """

    schema_version: Literal[1] = 1
    algorithm: Line
    hardware: tuple[Line, ...]
    commits: tuple[Commit, ...]
    tasks: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=1000)]
    files: dict[str, Sha256]
    policies: dict[str, Sha256]
    scores: Scores

    @property
    def own_code(self) -> bool:
        """Whether the algorithm is a file of the entry's."""
        return self.algorithm.startswith(f"{ALGORITHM_FILE}:")


class SchemaError(InputError):
    """entry.json is JSON, but not an entry. problems: one line each."""

    def __init__(self, problems: list[str]):
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class EntryDirectory:
    """An entry, read once. files: the content of every file by path, entry.json included, each run's rows a file."""

    path: Path
    entry: Entry
    files: dict[str, bytes]

    @property
    def board(self) -> Path:
        """The directory of its board."""
        return self.path.resolve().parent

    def run(self, task: str, seed: int) -> Path:
        """The directory of a run, for `RunDirectory.parse`."""
        return self.path / RUNS / task / f"seed-{seed}"

    @property
    def tree_hash(self) -> str:
        """sha256 over the names and contents of all files but verification.json: what a verification is about."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            if name != VERIFICATION_FILE:
                digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        return digest.hexdigest()


def run_key(task: str, seed: int) -> str:
    """`<task>/seed-<n>`, by which failures and policies are named."""
    return f"{task}/seed-{seed}"


def run_file(task: str, seed: int) -> str:
    """Where an entry has the rows of a run."""
    return f"{RUNS}/{run_key(task, seed)}/{ROWS_FILE}"


def policy_file(task: str, seed: int) -> str:
    """Where an entry has the policy of a run, if it is small."""
    return f"{RUNS}/{run_key(task, seed)}/{POLICY_FILE}"


def origins(manifests: Iterable[Manifest]) -> dict[str, tuple[str, ...]]:
    """The `hardware` and the `commits` of an entry with runs of these manifests."""
    found = list(manifests)
    return {
        "hardware": tuple(sorted({str(manifest.device) for manifest in found})),
        "commits": tuple(sorted({manifest.commit for manifest in found if manifest.commit})),
    }


def stated_settings(manifest: Manifest) -> dict[str, Any]:
    """What settings.json says of the task of a run."""
    return {name: getattr(manifest, name) for name in ("settings", "policy", "sizes")}


def packed_file(task: str) -> str:
    """Where an entry has the rows of all runs of a task."""
    return f"{RUNS}/{task}/{PACKED}"


def unpack(path: str, content: bytes, where: str) -> dict[str, bytes]:
    """By its path every file that `content`, that of a file `path` of an entry, stands for: itself, or the rows that
    are packed in it. InputError where it is damaged."""
    folder, _, name = path.rpartition("/")
    if not (path.startswith(f"{RUNS}/") and name == PACKED):
        return {path: content}
    try:
        held = decompress(content, MAX_FILE_BYTES)
        return {f"{folder}/seed-{seed}/{ROWS_FILE}": rows for seed, rows in runs_in(held).items()}
    except ValueError as error:
        raise InputError(f"{where}: not packed runs ({str(error)[:200]})") from error


def read_entry(directory: Path) -> EntryDirectory:
    """The entry in `directory`; its code is never executed, and only files inside are read.

    InputError where it cannot be read: as in `read_tree`, `unpack` and `read_json`, and where a path leads outside.
    SchemaError where entry.json is not an entry.
    """
    files: dict[str, bytes] = {}
    for path, content in read_tree(directory).items():
        unpacked = unpack(path, content, str(directory / path))
        if twice := files.keys() & unpacked.keys():
            raise InputError(f"{directory}: {min(twice)} is there twice, once packed")
        files |= unpacked
        check_limits(directory, files)
    where = str(directory / ENTRY_FILE)
    if ENTRY_FILE not in files:
        raise InputError(f"no entry in {directory}: expected {ENTRY_FILE}")
    values = read_json(files[ENTRY_FILE], where)
    for path in _named(values):
        if not is_inside(path):
            raise InputError(f"{where}: {path!r} leads outside the entry, or is no plain name")
    try:
        entry = Entry.model_validate_json(files[ENTRY_FILE], strict=True)
    except ValidationError as error:
        raise SchemaError([f"{ENTRY_FILE}: {problem}" for problem in problems_of(error)]) from error
    return EntryDirectory(directory, entry, files)


def problems_of(error: ValidationError) -> list[str]:
    """What is wrong and where, one line each."""
    return [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()]


def entry_json(entry: Entry) -> str:
    """The text of entry.json."""
    return json.dumps(entry.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _named(values: Any) -> list[str]:
    """Every path that entry.json names."""
    if not isinstance(values, dict):
        return []
    tables = [values.get(name) for name in ("files", "policies", "failures")]
    listed = values.get("tasks")
    return [
        *(path for table in tables if isinstance(table, dict) for path in table),
        *(name for name in (listed if isinstance(listed, list) else []) if isinstance(name, str)),
        *(value for value in [values.get("slug"), values.get("board")] if isinstance(value, str)),
    ]
