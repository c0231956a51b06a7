"""`esbench leaderboard submit`: finished runs and what their authors say of them become an entry of a board."""

import hashlib
import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from esbench.errors import InputError
from esbench.leaderboard.board import SPEC_FILE, Board, read_board, successor
from esbench.leaderboard.check import CheckedEntry, check
from esbench.leaderboard.entry import (
    ALGORITHM_FILE,
    ENTRY_FILE,
    MAX_POLICIES_BYTES,
    MAX_POLICY_BYTES,
    SETTINGS_FILE,
    Declaration,
    Entry,
    entry_json,
    origins,
    packed_file,
    policy_file,
    problems_of,
    run_file,
    run_key,
    stated_settings,
)
from esbench.leaderboard.entry_scores import entry_scores
from esbench.leaderboard.safe_files import decode, read_file
from esbench.plugins import names_a_file
from esbench.report.grouping import track_of
from esbench.results.error_file import ERROR_FILE, has_failed, last_error
from esbench.results.fingerprints import plugins_digest
from esbench.results.load import load_runs
from esbench.results.packed import packed
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE, RunDirectory
from esbench.tasks.spec import RL

_OF_A_RUN = re.compile(r"([^/\s]+)/seed-(\d+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Submitted:
    """path: where the entry is, or would be. checked: what its check found; the board has the entry only if there was
    no problem. left_out: runs below RUNS that no entry of this board has, such as other seeds. unfinished: runs without
    a score, except for stated failures. lacking: tasks of the board that the entry leaves out."""

    path: Path
    checked: CheckedEntry
    left_out: list[str]
    unfinished: list[str]
    lacking: list[str]


def submit(
    runs: Sequence[Path], declaration: Path, boards: Path, say: Callable[[str], object] = lambda _: None
) -> Submitted:
    """Packs the runs below `runs` with the slug of `declaration` (entry.toml) as an entry of its board. say: is told
    the progress, a line each.

    The runs are left as they are; the board is changed only where the check finds nothing, and then at once.
    InputError where there is nothing to pack, or an entry of this slug is there.
    """
    declared = read_declaration(declaration)
    board = read_board(boards / declared.board)
    if (newer := successor(boards / declared.board)) is not None:
        raise InputError(f"{board.name} is retired: expected board = {newer!r}")
    target = boards / declared.board / declared.slug
    if target.exists():
        raise InputError(f"{target} is there already: a method has one entry; remove it first to replace it")
    found = [run for run in load_runs(*runs) if (run.manifest.tier, run.manifest.name) == (board.tier, declared.slug)]
    if not found:
        raise InputError(
            f"no runs named {declared.slug!r} of tier {board.tier} below {', '.join(map(str, runs))}: "
            "slug is the name of the runs' directories"
        )
    if all(track_of(run) != RL for run in found):
        raise InputError(f"runs of the track {track_of(found[0])}: {board.name} is of the track {RL}")
    chosen = _choose(board, found)
    try:
        with TemporaryDirectory(dir=boards, prefix=".submit-") as temporary:
            # Next to a copy of the board's spec, so that the check sees it where it will be.
            place = Path(temporary) / board.name / declared.slug
            place.parent.mkdir()
            shutil.copyfile(target.parent / SPEC_FILE, place.parent / SPEC_FILE)
            _pack(place, board, declared, chosen, runs, declaration.parent)
            finished = sum(run.finished for run in chosen.values())
            owed = sum(len(task.seeds) for task in board.tasks.values())
            say(f"packed {finished} of the {owed} runs of {board.name}; checking them, which takes seconds")
            checked = check(place, others=target.parent)
            if not checked.problems:
                place.rename(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from error
    entry = checked.evidence.entry if checked.evidence is not None else None
    failures = entry.failures if entry is not None else {}
    return Submitted(
        target,
        checked,
        left_out=[f"{run.path}" for run in found if run not in chosen.values()],
        unfinished=[f"{run.path}" for key, run in chosen.items() if not run.finished and run_key(*key) not in failures],
        lacking=[task for task in board.tasks if entry is not None and task not in entry.tasks],
    )


def together(problems: Sequence[str]) -> list[str]:
    """What is wrong with several seeds of a task in the same way is one line: it has one cause."""
    seeds: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        match = _OF_A_RUN.fullmatch(problem)
        task, seed, rest = match.groups() if match else ("", "", problem)
        seeds.setdefault((task, rest), []).append(seed)
    lines = []
    for (task, rest), of in seeds.items():
        more = f" and {len(of) - 1} more" if len(of) > 1 else ""
        lines.append(f"{task}/seed-{of[0]}{more}: {rest}" if task else rest)
    return lines


def read_declaration(file: Path) -> Declaration:
    """What entry.toml says; InputError, one line, where it cannot be read or says too little or too much."""
    try:
        text = decode(read_file(Path(os.path.realpath(file))), str(file))
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    try:
        values = tomllib.loads(text.removeprefix("\ufeff"))  # Windows editors begin with a mark
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise InputError(f"{file} is not TOML: {error}") from error
    try:
        return Declaration.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{file}: {'; '.join(problems_of(error))}") from error


def _choose(board: Board, runs: list[RunDirectory]) -> dict[tuple[str, int], RunDirectory]:
    """Those of the board's tasks and seeds; InputError where one is there twice."""
    chosen: dict[tuple[str, int], RunDirectory] = {}
    for run in runs:
        task, seed = run.manifest.task["id"], run.manifest.seed
        if task in board.tasks and seed in board.tasks[task].seeds and track_of(run) == RL:
            if (task, seed) in chosen:
                raise InputError(f"{run_key(task, seed)} is there twice: {chosen[task, seed].path} and {run.path}")
            chosen[task, seed] = run
    return chosen


def _pack(
    place: Path,
    board: Board,
    declared: Declaration,
    runs: dict[tuple[str, int], RunDirectory],
    roots: Sequence[Path],
    folder: Path,
) -> None:
    """Writes the entry into `place`. A run below `roots` that left an error and no score is a failure. folder: of
    entry.toml."""
    finished = {key: run for key, run in runs.items() if run.finished}
    if not finished:
        raise InputError(f"no run of {declared.slug} on the tasks and seeds of {board.name} is finished")
    done = {run_key(*key) for key in finished}
    if wrong := sorted(done & declared.failures.keys()):
        raise InputError(f"failures of entry.toml name {', '.join(wrong)}: finished, its score counts")
    # A run that was taken up again after an error and finished is no failure.
    found = {name: reason for name, reason in _errors(board, declared.slug, roots).items() if name not in done}
    failures = {**found, **declared.failures}
    named = {task for task, _ in runs} | {name.partition("/")[0] for name in failures}
    tasks = tuple(task for task in board.tasks if task in named)
    files = {run_file(*key): _content(run, ROWS_FILE) for key, run in finished.items()}
    settings = {task: stated_settings(run.manifest) for (task, _), run in finished.items()}
    files[SETTINGS_FILE] = (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode()
    policies = {key: _content(run, POLICY_FILE) for key, run in finished.items()}
    brought = declared.policy_runs
    files |= _small({key: policies[key] for key in policies if brought is None or run_key(*key) in brought})
    algorithm, code = _algorithm(finished, folder)
    if code is not None:
        files[ALGORITHM_FILE] = code
    entry = _entry(
        **declared.model_dump(exclude={"failures"}),
        failures=failures,
        algorithm=algorithm,
        **origins(run.manifest for run in finished.values()),
        tasks=tasks,
        files={path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
        policies={run_key(*key): hashlib.sha256(content).hexdigest() for key, content in policies.items()},
        scores=entry_scores(board, tasks, finished),
    )
    files[ENTRY_FILE] = entry_json(entry).encode()
    for task in sorted({task for task, _ in finished}):
        seeds = sorted(seed for name, seed in finished if name == task)
        files[packed_file(task)] = packed(files.pop(run_file(task, seed)) for seed in seeds)
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)


def _entry(**values: Any) -> Entry:
    try:
        return Entry(**values)
    except ValidationError as error:
        raise InputError(f"the runs make no entry: {'; '.join(problems_of(error))}") from error


def _errors(board: Board, slug: str, roots: Sequence[Path]) -> dict[str, str]:
    """Why runs failed, by `<task>/seed-<n>`, as the sweep wrote it down."""
    owed = {(task, f"seed-{seed}"): run_key(task, seed) for task, one in board.tasks.items() for seed in one.seeds}
    errors = {}
    for file in sorted(file for root in roots for file in root.rglob(ERROR_FILE)):
        tier, task, name, seed = ("", "", "", *file.parent.resolve().parts)[-4:]
        if (tier, name) == (board.tier, slug) and (task, seed) in owed and has_failed(file.parent):
            reason = "".join(letter for letter in last_error(file.parent) if letter.isprintable())[:200].strip()
            errors[owed[task, seed]] = reason or "failed without a message"
    return errors


def _content(run: RunDirectory, name: str) -> bytes:
    try:
        return (run.path / name).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {run.path / name}: {error.strerror}") from error


def _small(policies: dict[tuple[str, int], bytes]) -> dict[str, bytes]:
    """Those that fit, the first seed of every task before the second."""
    chosen, room = {}, MAX_POLICIES_BYTES
    for task, seed in sorted(policies, key=lambda key: key[1]):
        content = policies[task, seed]
        if len(content) <= min(MAX_POLICY_BYTES, room):
            chosen[policy_file(task, seed)] = content
            room -= len(content)
    return chosen


def _algorithm(runs: dict[tuple[str, int], RunDirectory], folder: Path) -> tuple[str, bytes | None]:
    """The algorithm as an entry names it, and the content of its file, None for a built-in one."""
    manifest = next(iter(runs.values())).manifest
    if not names_a_file(manifest.algorithm):
        return manifest.algorithm, None
    path, _, name = manifest.algorithm.rpartition(":")
    for file in (Path(path).expanduser(), folder / path, folder / Path(path).name):
        if file.is_file() and plugins_digest([content := file.read_bytes()]) == manifest.plugins:
            return f"{ALGORITHM_FILE}:{name}", content
    raise InputError(
        f"no file {path}, here or next to entry.toml, equals the one that the runs were computed with: expected one "
        "file, which imports no other file of yours"
    )
