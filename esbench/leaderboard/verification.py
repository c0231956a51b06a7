"""verification.json: what `esbench leaderboard verify` found about an entry, and the state that follows from it."""

import hashlib
import json
import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from esbench.errors import InputError
from esbench.leaderboard.entry import VERIFICATION_FILE, EntryDirectory, Sha256, State
from esbench.leaderboard.safe_files import read_json
from esbench.results.records import Device


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Machine(_Part):
    """Where a verification was computed: as a run's manifest says it."""

    device: Device
    versions: dict[str, str]
    commit: str | None


class ReplayedTask(_Part):
    """A task's deployed policies, evaluated anew.

    seeds: of the policies that were there. same_machine: whether the runs' device and versions are this machine's, so
    that returns on the recorded keys must be equal. difference: the largest there between a reported number and its
    own, relative to the mean size of an episode's return. reported, fresh: means over seeds of the reported returns and
    of those on fresh keys. margin: how far these two may lie apart. smallest_edit: of a reported return, what would
    have been found: always on the same machine, else in nine of ten cases.
    """

    seeds: tuple[int, ...]
    same_machine: bool
    difference: float
    reported: float
    fresh: float
    margin: float
    smallest_edit: float
    problems: tuple[str, ...] = ()


class Replay(_Part):
    """complete: whether every run's policy was there. problems: none of an entry that passed."""

    verified: str
    machine: Machine
    public_number: int
    complete: bool
    tasks: dict[str, ReplayedTask]

    @property
    def problems(self) -> list[str]:
        return [f"{name}: {problem}" for name, task in self.tasks.items() for problem in task.problems]


class RerunTask(_Part):
    """A task, trained anew.

    again: the reported seed that was run again. same_machine: whether its rows must be equal. equal: whether they are.
    seeds: fresh ones. reported, fresh: normalised scores, of the entry's seeds and of the fresh ones.
    """

    again: int
    same_machine: bool
    equal: bool
    seeds: tuple[int, ...]
    reported: tuple[float, ...]
    fresh: tuple[float, ...]
    problems: tuple[str, ...] = ()


class Rerun(_Part):
    """p_value: of "fresh runs are worse than reported ones", pooled over the tasks; None where a run failed. twins,
    twin_p_value: normalised scores of fresh seeds on each task's twin, and their p-value; None without twins."""

    verified: str
    machine: Machine
    public_number: int
    sandbox: bool
    alpha: float
    tasks: dict[str, RerunTask]
    p_value: float | None
    twins: dict[str, tuple[float, ...]] | None = None
    twin_p_value: float | None = None
    failures: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        found = list(self.failures)
        found += [f"{name}: {problem}" for name, task in self.tasks.items() for problem in task.problems]
        for what, p_value in (("fresh seeds", self.p_value), ("fresh seeds on the tasks' twins", self.twin_p_value)):
            if p_value is not None and p_value <= self.alpha:
                found.append(f"{what} do worse than the reported ones: p {p_value:.2g}, at most {self.alpha:g}")
        return found


class Verification(_Part):
    """tree: the entry's tree hash; of an entry that has another one, this says nothing."""

    schema_version: Literal[1] = 1
    tree: Sha256
    replay: Replay | None = None
    rerun: Rerun | None = None


def read_verification(directory: EntryDirectory) -> Verification | None:
    """What is known of the entry as it is; None where it was not verified, or is another one now.

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
    return found if found.tree == directory.tree_hash else None


def write_verification(directory: EntryDirectory, found: Replay | Rerun) -> None:
    """Adds what was found to the entry's verification.json, atomically; what was found of another tree is dropped."""
    try:
        before = read_verification(directory)
    except InputError:
        before = None
    field = "replay" if isinstance(found, Replay) else "rerun"
    verification = (before or Verification(tree=directory.tree_hash)).model_copy(update={field: found})
    text = json.dumps(verification.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    file = directory.path / VERIFICATION_FILE
    partial = file.with_name(f"{VERIFICATION_FILE}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, file)
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def state(checked: bool, verification: Verification | None) -> State:
    """An entry's state. checked: whether its check finds nothing. verification: as `read_verification` gives it."""
    if not checked:
        return "claimed"
    if verification is None:
        return "checked"
    found = [part for part in (verification.replay, verification.rerun) if part is not None]
    if any(part.problems for part in found):
        return "disputed"
    if verification.rerun is not None:
        return "reproduced"
    return "replayed" if verification.replay is not None and verification.replay.complete else "checked"


def draw(directory: EntryDirectory, public_number: int, purpose: str) -> int:
    """A number that nobody could know before both the entry and the public number were there."""
    return int(hashlib.sha256(f"{directory.tree_hash}/{public_number}/{purpose}".encode()).hexdigest(), 16)
