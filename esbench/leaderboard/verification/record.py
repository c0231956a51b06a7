"""verification.json: what `esbench leaderboard verify` found about an entry."""

import hashlib
import json
from typing import Literal, Self

from pydantic import ValidationError, model_validator

from esbench.errors import InputError
from esbench.leaderboard.entry import VERIFICATION_FILE, EntryDirectory, Sha256
from esbench.leaderboard.safe_files import read_json
from esbench.results.files import replacing
from esbench.results.records import Device, Record


class Machine(Record):
    """Where a verification was computed: as a run's manifest says it."""

    device: Device
    versions: dict[str, str]
    commit: str | None


class ReplayedTask(Record):
    """A task's deployed policies, evaluated again.

    seeds: of the policies that were there. same_machine: whether the runs' device and versions are this machine's, so
    that returns on the recorded keys must be equal. difference: on those keys, the largest between a reported number
    and its own, relative to the mean size of an episode's return. reported, fresh: means over seeds of the reported
    returns and of those on fresh keys. margin: how much these two may differ. smallest_edit: of a reported return, what
    would have been found. On the same machine it is always found; elsewhere an edit of the mean over seeds is found
    nine times in ten.
    """

    seeds: tuple[int, ...]
    same_machine: bool
    difference: float
    reported: float
    fresh: float
    margin: float
    smallest_edit: float


class RerunTask(Record):
    """A task, trained again.

    again: the reported seed that was run again. same_machine: whether its rows must be equal. equal: whether they are.
    seeds: fresh ones. reported, fresh: normalized scores of the entry's seeds and of the fresh ones. twin: of the same
    number of other fresh seeds on the task's twin, None where none was trained.
    """

    again: int
    same_machine: bool
    equal: bool
    seeds: tuple[int, ...]
    reported: tuple[float, ...]
    fresh: tuple[float, ...]
    twin: tuple[float, ...] | None = None


class _Verdict(Record):
    """problems: what speaks against the entry, one line each. passed: whether nothing does. verified: when, UTC."""

    passed: bool
    problems: tuple[str, ...]
    verified: str
    machine: Machine
    public_number: int

    @model_validator(mode="after")
    def _follows(self) -> Self:
        if self.passed != (not self.problems):
            raise ValueError("passed is whether there are no problems")
        return self


class Replay(_Verdict):
    """complete: whether every run's policy was there."""

    complete: bool
    tasks: dict[str, ReplayedTask]


class Rerun(_Verdict):
    """sandbox: whether the runs were in one. p_value: of "fresh runs are worse than reported ones", pooled over the
    tasks; twin_p_value: of the same on their twins, None without twins. An entry is rejected at `alpha`."""

    sandbox: bool
    alpha: float
    tasks: dict[str, RerunTask]
    p_value: float
    twin_p_value: float | None = None


class Verification(Record):
    """tree_hash: the entry's; of an entry that has another one, this says nothing."""

    schema_version: Literal[1] = 1
    tree_hash: Sha256
    replay: Replay | None = None
    rerun: Rerun | None = None


def read_verification(directory: EntryDirectory) -> Verification | None:
    """What is known of the entry as it is; None before a verification, and after a change.

    InputError where verification.json is not what `verify` writes.
    """
    content = directory.files.get(VERIFICATION_FILE)
    if content is None:
        return None
    where = str(directory.path / VERIFICATION_FILE)
    read_json(content, where)
    try:
        found = Verification.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return found if found.tree_hash == directory.tree_hash else None


def write_verification(directory: EntryDirectory, found: Replay | Rerun, over_failure: bool) -> Replay | Rerun:
    """Adds what was found to the entry's verification.json, atomically; what was found of another tree is dropped.

    over_failure: whether a pass replaces a failure of the same tree. Returns what stands there now: that failure, or
    `found`.
    """
    try:
        before = read_verification(directory)
    except InputError:
        before = None
    field = "replay" if isinstance(found, Replay) else "rerun"
    earlier = None if before is None else getattr(before, field)
    if earlier is not None and not earlier.passed and found.passed and not over_failure:
        return earlier
    verification = (before or Verification(tree_hash=directory.tree_hash)).model_copy(update={field: found})
    text = json.dumps(verification.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    file = directory.path / VERIFICATION_FILE
    try:
        with replacing(file) as new:
            new.write(text.encode())
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error
    return found


def draw(directory: EntryDirectory, public_number: int, purpose: str) -> int:
    """A number that becomes known only with both the entry and the public number."""
    return int(hashlib.sha256(f"{directory.tree_hash}/{public_number}/{purpose}".encode()).hexdigest(), 16)
