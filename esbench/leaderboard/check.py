"""Whether an entry is what it says, without executing any of it.

Each check is a small function that yields problems, one line each; all of them are found, not the first only. What
cannot be read is an InputError. Nothing here can tell an honest row from one that was edited with care: `esbench
leaderboard verify` can.
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esbench.algorithms.built_in import BUILT_IN, EVOSAX
from esbench.errors import InputError, unknown
from esbench.leaderboard.board import read_board
from esbench.leaderboard.copies import borrowed, copies
from esbench.leaderboard.entry import (
    ALGORITHM_FILE,
    ENTRY_FILE,
    MAX_POLICIES_BYTES,
    MAX_POLICY_BYTES,
    RUNS,
    SETTINGS_FILE,
    VERIFICATION_FILE,
    SchemaError,
    Scores,
    origins,
    read_entry,
    run_key,
    stated_settings,
)
from esbench.leaderboard.entry_scores import entry_scores
from esbench.leaderboard.evidence import RUN_FILE, Evidence, gather
from esbench.leaderboard.run_checks import run_problems
from esbench.leaderboard.safe_files import read_json
from esbench.plugins import names_a_file
from esbench.report.grouping import track_of
from esbench.results.fingerprints import plugins_digest
from esbench.results.run_directory import POLICY_FILE
from esbench.results.versions import current_policy
from esbench.tasks.spec import RL


@dataclass(frozen=True)
class CheckedEntry:
    """What a check found. problems: empty for a good entry. evidence: None where entry.json fails its schema."""

    problems: list[str]
    evidence: Evidence | None


def check(path: Path, others: Path | None = None) -> CheckedEntry:
    """Checks the entry in the directory `path`, which lies in its board's. others: the directory of the other entries,
    where it is not the same.

    InputError where the entry or its board cannot be read: a missing directory, links, too large or too many files,
    paths that lead outside. Text must be UTF-8, and JSON must not be nested too deep.
    """
    if not os.path.isdir(path):  # Path.is_dir raises for what can be no name
        raise InputError(f"no directory {str(path)!r}: expected an entry's")
    board = read_board(path.resolve().parent)
    try:
        directory = read_entry(path)
    except SchemaError as error:
        return CheckedEntry(error.problems, None)
    evidence = gather(board, directory, others)
    if foreign := sorted({track_of(run) for run in evidence.runs.values()} - {RL}):
        return CheckedEntry([f"runs of the track {foreign[0]}: {board.name} is of the track {RL}"], evidence)
    problems = [problem for one in ENTRY_CHECKS for problem in one(evidence)]
    for (task, seed), run in evidence.runs.items():
        problems += [f"{run_key(task, seed)}: {problem}" for problem in run_problems(evidence.board, run)]
    return CheckedEntry(problems, evidence)


def names(found: Evidence) -> Iterator[str]:
    """The entry is where it says it is, and its name is unlike all others."""
    entry, path = found.entry, found.directory.path.resolve()
    if entry.board != found.board.name:
        yield f"{ENTRY_FILE}: board {entry.board!r}, but it lies in {found.board.name}"
    if entry.slug != path.name:
        yield f"{ENTRY_FILE}: slug {entry.slug!r}, but its directory is {path.name!r}"
    for other in sorted(found.others.iterdir()):
        if other.name != path.name and other.name.lower() == path.name.lower():
            yield f"its directory differs from {other.name!r} in capitals only"


def tasks(found: Evidence) -> Iterator[str]:
    """The tasks are the board's, of its version."""
    listed = found.entry.tasks
    for task in listed:
        if task not in found.board.tasks:
            yield f"{ENTRY_FILE}: {unknown(f'task of {found.board.name}', task, found.board.tasks)}"
    for task in sorted({task for task in listed if listed.count(task) > 1}):
        yield f"{ENTRY_FILE}: task {task} is there twice"


def completeness(found: Evidence) -> Iterator[str]:
    """Every task and seed is either a finished run or a stated failure; others are problems."""
    failures, expected = found.entry.failures, {run_key(*key): key for key in found.expected}
    for name, key in expected.items():
        if name in found.damaged:
            yield f"{name}: {found.damaged[name]}"
        elif name in failures and key in found.runs:
            yield f"{name}: {ENTRY_FILE} calls it failed, but it has rows"
        elif key in found.runs and not found.runs[key].finished:
            yield f"{name}: unfinished; a run that failed is stated under failures, without its rows"
        elif name not in failures and key not in found.runs:
            yield f"{name}: missing: expected a run, or its failure stated under failures"
    there = [run_key(*key) for key in found.runs] + list(found.damaged)
    for name in sorted({*there, *failures, *found.entry.policies} - expected.keys()):
        yield f"{name}: not a task and seed of this entry"
    if not found.finished:
        yield "no run is finished"


def run_names(found: Evidence) -> Iterator[str]:
    """The runs carry the entry's name."""
    for key, run in found.runs.items():
        if run.manifest.name != found.entry.slug:
            yield f"{run_key(*key)}: its name is {run.manifest.name!r}, the entry's slug {found.entry.slug!r}"


def algorithm(found: Evidence) -> Iterator[str]:
    """The runs are of the entry's algorithm; code of the entry's own is the very file that was run."""
    entry, own = found.entry, found.files.get(ALGORITHM_FILE)
    if entry.own_code != (own is not None):
        yield f"{ENTRY_FILE}: algorithm {entry.algorithm!r} with{'' if own else 'out'} a file {ALGORITHM_FILE}"
    if not entry.own_code and entry.algorithm not in BUILT_IN and not entry.algorithm.startswith(EVOSAX):
        yield (
            f"{ENTRY_FILE}: algorithm {entry.algorithm!r}: expected one of {', '.join(BUILT_IN)}, {EVOSAX}NAME or "
            f"{ALGORITHM_FILE}:ClassName"
        )
    if entry.code is None and entry.algorithm not in BUILT_IN:
        yield f"{ENTRY_FILE}: no [code]: expected the address and the commit where {entry.algorithm!r} can be read"
    expected = None if own is None else plugins_digest([own])
    for key, run in found.runs.items():
        manifest = run.manifest
        same = manifest.algorithm == entry.algorithm
        if entry.own_code and names_a_file(manifest.algorithm):
            same = manifest.algorithm.rpartition(":")[2] == entry.algorithm.rpartition(":")[2]
        if not same:
            yield f"{run_key(*key)}: computed by {manifest.algorithm!r}, the entry's algorithm is {entry.algorithm!r}"
        if manifest.plugins != expected:
            yield f"{run_key(*key)}: the code it was computed with is not {'the file ' if own else ''}the entry's"


def settings(found: Evidence) -> Iterator[str]:
    """settings.json is what the manifests say; of track `fixed` it is the same for all tasks."""
    if SETTINGS_FILE not in found.files:
        yield f"{SETTINGS_FILE} is missing"
        return
    stated = read_json(found.files[SETTINGS_FILE], str(found.directory.path / SETTINGS_FILE))
    if not isinstance(stated, dict):
        yield f"{SETTINGS_FILE}: expected a table by task"
        return
    wanted = {task for task, _ in found.runs}
    for task in sorted(stated.keys() ^ wanted):
        yield f"{SETTINGS_FILE}: {task} is {'not in it' if task in wanted else 'no task of this entry with a run'}"
    for (task, seed), run in found.runs.items():
        of_run = stated_settings(run.manifest)
        of_task = _current(stated.get(task))
        if task in stated and of_task != of_run:
            differing = [name for name, value in of_run.items() if of_task.get(name) != value] or sorted(of_task)
            yield f"{run_key(task, seed)}: {', '.join(differing)} in its manifest and in {SETTINGS_FILE} differ"
    if found.entry.track == "fixed" and found.runs:
        yield from _one_setting(found)


def _current(of_task: Any) -> dict[str, Any]:
    """What settings.json says of a task, as the current version writes it; empty where it is no table."""
    if not isinstance(of_task, dict):
        return {}
    policy = of_task.get("policy")
    return {**of_task, "policy": current_policy(policy)} if isinstance(policy, dict) else of_task


def _one_setting(found: Evidence) -> Iterator[str]:
    (first, reference), *others = found.runs.items()
    told: set[str] = set()  # tasks: the seeds of one hardly ever differ among themselves
    for key, run in others:
        if key[0] in told:
            continue
        for name in ("settings", "policy"):
            one, other = getattr(reference.manifest, name), getattr(run.manifest, name)
            if one != other:
                differing = sorted(k for k in {**one, **other} if one.get(k) != other.get(k))
                told.add(key[0])
                yield (
                    f"track fixed has one setting for all tasks: {run_key(*key)} and {run_key(*first)} differ in "
                    f"{', '.join(differing)}"
                )


def tuning(found: Evidence) -> Iterator[str]:
    """The stated cost of tuning is no less than what a manifest records."""
    stated = found.entry.tuning
    if found.entry.track == "tuned" and stated.trials == 0:
        yield f"{ENTRY_FILE}: track tuned, but tuning.trials is 0"
    recorded = [run.manifest.tuning for run in found.runs.values() if run.manifest.tuning is not None]
    for name in ("trials", "seeds", "useful_steps"):
        most = max((getattr(one, name) for one in recorded), default=0)
        if getattr(stated, name) < most:
            yield f"{ENTRY_FILE}: tuning.{name} is {getattr(stated, name):,}, a manifest says {most:,}"


def derived(found: Evidence) -> Iterator[str]:
    """Kinds of hardware, commits and scores are those of the runs."""
    entry = found.entry
    for name, value in origins(run.manifest for run in found.runs.values()).items():
        if getattr(entry, name) != value:
            yield f"{ENTRY_FILE}: {name} is {list(getattr(entry, name))}, the runs say {list(value)}"
    known = [task for task in found.board.tasks if task in entry.tasks]
    if not found.finished or not known:
        return
    scores = entry_scores(found.board, known, found.finished)
    yield from _differing(entry.scores, scores)


def _differing(stated: Scores, computed: Scores) -> Iterator[str]:
    for task in sorted(stated.tasks.keys() | computed.tasks.keys()):
        if task not in stated.tasks or task not in computed.tasks:
            yield f"{ENTRY_FILE}: scores of {task} {'without runs' if task in stated.tasks else 'are missing'}"
            continue
        for name, value in computed.tasks[task]:
            if not _same(getattr(stated.tasks[task], name), value):
                yield (f"{ENTRY_FILE}: {name} of {task} is {getattr(stated.tasks[task], name)}, its rows give {value}")
    if not _same(stated.aggregate, computed.aggregate):
        yield f"{ENTRY_FILE}: the aggregate is {stated.aggregate}, the rows give {computed.aggregate}"


def _same(one: float | None, other: float | None) -> bool:
    # The last digits of sums differ between processors.
    return one is other if one is None or other is None else math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def hashes(found: Evidence) -> Iterator[str]:
    """Every file is named with its hash, and every policy; nothing else is there."""
    entry, files = found.entry, found.files
    named = files.keys() - {ENTRY_FILE, VERIFICATION_FILE}
    for path in sorted(named | entry.files.keys()):
        if path not in named:
            yield f"{path}: named in {ENTRY_FILE}, but not there"
        elif path not in entry.files or not _belongs(path, found):
            yield f"{path}: an extra file" + ("" if path in entry.files else f", not named in {ENTRY_FILE}")
        elif hashlib.sha256(files[path]).hexdigest() != entry.files[path]:
            yield f"{path}: edited: its hash is not that in {ENTRY_FILE}"
    for key in found.runs:
        name = run_key(*key)
        content = files.get(f"{RUNS}/{name}/{POLICY_FILE}")
        if name not in entry.policies:
            yield f"{name}: {ENTRY_FILE} has no hash of its policy"
        elif content is not None and hashlib.sha256(content).hexdigest() != entry.policies[name]:
            yield f"{name}: {POLICY_FILE} is not the policy whose hash {ENTRY_FILE} has"


def _belongs(path: str, found: Evidence) -> bool:
    match = RUN_FILE.fullmatch(path)
    if match is None:
        return path in (SETTINGS_FILE, ALGORITHM_FILE)
    return (match[1], int(match[2])) in found.runs or run_key(match[1], int(match[2])) in found.damaged


def policies(found: Evidence) -> Iterator[str]:
    """Policies are small, of the entry's runs, and no two runs have the same."""
    if other := sorted({*(found.entry.policy_runs or ())} - found.entry.policies.keys()):
        yield f"{ENTRY_FILE}: policy_runs {', '.join(other)}: no such run, expected names such as CartPole-v1/seed-0"
    sizes = {path: len(content) for path, content in found.files.items() if path.endswith(f"/{POLICY_FILE}")}
    for path, size in sizes.items():
        if size > MAX_POLICY_BYTES:
            yield f"{path}: {size:,} bytes: above {MAX_POLICY_BYTES:,} only the hash is part of the entry"
    if sum(sizes.values()) > MAX_POLICIES_BYTES:
        yield f"policies of {sum(sizes.values()):,} bytes in all: expected at most {MAX_POLICIES_BYTES:,}"
    first: dict[str, str] = {}
    for name, digest in found.entry.policies.items():
        if first.setdefault(digest, name) != name:
            yield f"{name}: the same policy as {first[digest]}"


ENTRY_CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    names,
    tasks,
    completeness,
    run_names,
    algorithm,
    settings,
    tuning,
    copies,
    borrowed,
    derived,
    hashes,
    policies,
)
