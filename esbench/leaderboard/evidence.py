"""What an entry is judged by: its files, its board and its runs, read without executing any of it."""

import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from esbench.leaderboard.board import Board
from esbench.leaderboard.entry import RUNS, Entry, EntryDirectory, run_key
from esbench.leaderboard.safe_files import read_json_lines
from esbench.results.load import CLOCKS, COUNTS
from esbench.results.records import Row
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE, DamagedRunError, RunDirectory

RUN_FILE = re.compile(rf"{RUNS}/([^/]+)/seed-(0|[1-9]\d*)/({re.escape(ROWS_FILE)}|{re.escape(POLICY_FILE)})")
"""Of an entry: task, seed and name."""
_LARGEST = 2**53
"""Of a counter: as floats, larger ones cannot be distinguished."""
_FARTHEST = 1e15
"""From 0, of a return or a clock: sums and squares of such numbers are still floats."""


@dataclass
class Evidence:
    """An entry and its board. others: where the board's other entries are. runs: by task and seed, those that can be
    read. damaged: what is wrong with the other runs, by `<task>/seed-<n>`."""

    board: Board
    directory: EntryDirectory
    others: Path
    runs: dict[tuple[str, int], RunDirectory] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    @property
    def entry(self) -> Entry:
        return self.directory.entry

    @property
    def files(self) -> dict[str, bytes]:
        return self.directory.files

    @property
    def expected(self) -> list[tuple[str, int]]:
        """Every task and seed that the entry must have."""
        return [
            (task, seed)
            for task in dict.fromkeys(self.entry.tasks)
            if task in self.board.tasks
            for seed in self.board.tasks[task].seeds
        ]

    @cached_property
    def finished(self) -> dict[tuple[str, int], RunDirectory]:
        """The runs with a score, in the order of `expected`."""
        return {key: self.runs[key] for key in self.expected if key in self.runs and self.runs[key].finished}


def gather(board: Board, directory: EntryDirectory, others: Path | None = None) -> Evidence:
    """Reads the runs of an entry."""
    evidence = Evidence(board, directory, others or directory.board)
    for name, content in directory.files.items():
        match = RUN_FILE.fullmatch(name)
        if match is None or match[3] != ROWS_FILE:
            continue
        task, seed = match[1], int(match[2])
        read_json_lines(content, str(directory.path / name))
        try:
            evidence.runs[task, seed] = _parse(board, directory.run(task, seed), content, task, seed)
        except DamagedRunError as error:
            evidence.damaged[run_key(task, seed)] = str(error).replace(f"{directory.path / name}, ", "")
    return evidence


def _parse(board: Board, path: Path, content: bytes, task: str, seed: int) -> RunDirectory:
    """The run; DamagedRunError also where its numbers or names are not ones that can be checked further."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run = RunDirectory.parse(path, content)
    if task not in board.tasks or run.manifest.task.get("id") != task:
        raise DamagedRunError(f"its manifest is of task {run.manifest.task.get('id')!r}, not {task!r} of this board")
    if run.manifest.seed != seed:
        raise DamagedRunError(f"its manifest is of seed {run.manifest.seed}")
    if run.cut_off or not run.rows:
        raise DamagedRunError("its last line is cut off" if run.cut_off else "it has no rows")
    manifest = run.manifest
    numbers = [manifest.parameters, manifest.device.count, manifest.budget]
    numbers += [abs(count) for count in manifest.settings.values() if type(count) is int]
    numbers += [getattr(row, name) for row in run.rows for name in COUNTS]
    if min(numbers) < 0 or max(numbers) > _LARGEST:
        raise DamagedRunError("a count is below 0 or above 2^53")
    if any(abs(number) > _FARTHEST for row in run.rows for number in _numbers(row)):
        raise DamagedRunError(f"a return or a clock is beyond {_FARTHEST:g}")
    return run


def _numbers(row: Row) -> list[float]:
    return [row.std, *row.scores.values(), *(getattr(row, name) for name in CLOCKS)]
