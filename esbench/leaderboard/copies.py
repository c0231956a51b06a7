"""Whether an entry's runs are its own, and not copies of another seed or of another entry of the board."""

import contextlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from esbench.errors import InputError
from esbench.leaderboard.entry import ENTRY_FILE, RUNS, Entry, packed_file, run_key, unpack
from esbench.leaderboard.evidence import RUN_FILE, Evidence
from esbench.leaderboard.run_checks import MODES
from esbench.leaderboard.safe_files import read_file, within_limits
from esbench.results.run_directory import ROWS_FILE, RunDirectory

_TICK = re.compile(rb'"train_seconds": (\d{1,20}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?)[,}]')
_NUMBER = rb"(-?\d{1,20}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?)"
# Side by side as a row is written; older versions write return_mean_greedy.
_RETURNS = re.compile(rb'"return_(?:mean_)?greedy": %s, "return_(?:mean_)?sample": %s' % (_NUMBER, _NUMBER))


def copies(found: Evidence) -> Iterator[str]:
    """No run is a copy of another seed's. Clocks of two runs differ in the last digit, and so do returns where most
    rows have their own. (Where hardly anything is ever won, honest seeds can have the same returns.)"""
    for task in dict.fromkeys(task for task, _ in found.runs):
        of_task = [(seed, run) for (name, seed), run in found.runs.items() if name == task]
        for (first, one), (second, other) in itertools.combinations(of_task, 2):
            if _ticks(one) & _ticks(other):
                yield f"{run_key(task, second)} repeats seed {first}: clocks agree to the last digit"
            elif 2 * len(set(_returns(one))) > len(_returns(one)) and _returns(one) == _returns(other):
                yield f"{run_key(task, second)} repeats seed {first}: all returns are the same"


def _ticks(run: RunDirectory) -> set[float]:
    return {row.train_seconds for row in run.rows if row.train_seconds != 0}


def _returns(run: RunDirectory) -> list[tuple[float, ...]]:
    return [tuple(row.scores.get(name, row.value) for name in MODES) for row in run.rows]


def borrowed(found: Evidence) -> Iterator[str]:
    """No run is a copy of another entry's, by its clock, by its policy, or by its returns where most rows have their
    own."""
    own: dict[tuple[str, Any], str] = {}
    for (task, seed), run in found.runs.items():
        own |= dict.fromkeys([(task, tick) for tick in _ticks(run)], run_key(task, seed))
        if 2 * len(set(_returns(run))) > len(run.rows):
            own[task, tuple(_returns(run))] = run_key(task, seed)
    policies = {digest: name for name, digest in found.entry.policies.items()}
    for other in sorted(path for path in found.others.iterdir() if path.name != found.directory.path.resolve().name):
        for name, digest in _policies(other).items():
            if digest in policies:
                yield f"{policies[digest]}: the policy is that of {other.name}'s {name}"
        for (task, seed), content in _rows(other):
            if same := next((own[task, tick] for tick in _ticks_in(content) if (task, tick) in own), None):
                yield f"{same}: the clock is that of {other.name}'s {run_key(task, seed)} to the last digit"
            elif same := own.get((task, _returns_in(content))):
                yield f"{same}: all returns are those of {other.name}'s {run_key(task, seed)}"


def _rows(entry: Path) -> Iterator[tuple[tuple[str, int], bytes]]:
    """Of every run of another entry its task and seed, and its rows; without those that cannot be read, and within the
    limits of an entry."""
    files: dict[str, bytes] = {}
    for file in sorted((*entry.glob(f"{RUNS}/*/*/{ROWS_FILE}"), *entry.glob(packed_file("*")))):
        with contextlib.suppress(OSError, InputError):
            files |= unpack(file.relative_to(entry).as_posix(), read_file(file), str(file))
        if not within_limits(files):
            break
    for path, content in files.items():
        if match := RUN_FILE.fullmatch(path):
            yield (match[1], int(match[2])), content


def _policies(entry: Path) -> dict[str, str]:
    """The hashes of another entry's policies, empty where its entry.json cannot be read."""
    try:
        return Entry.model_validate_json(read_file(entry / ENTRY_FILE)).policies
    except (OSError, InputError, ValidationError):
        return {}


def _ticks_in(rows: bytes) -> list[float]:
    return [float(tick) for tick in _TICK.findall(rows)]


def _returns_in(rows: bytes) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, found)) for found in _RETURNS.findall(rows))
