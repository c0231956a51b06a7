"""Ranks on a board, by the report's own statistics: at equal useful steps, and at equal training seconds within one
kind of hardware. Each track has its own ranking. A rank is a range where nothing separates two entries."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from esbench.errors import InputError
from esbench.leaderboard.board import Board, read_board, successor
from esbench.leaderboard.check import check
from esbench.leaderboard.entry import ENTRY_FILE, Entry, State, Track
from esbench.leaderboard.entry_scores import entry_cells
from esbench.leaderboard.safe_files import is_inside
from esbench.leaderboard.states import RANKED, state_of
from esbench.report.analysis import Aggregate, aggregates, compare_all, difference
from esbench.report.digits import agreed
from esbench.report.scored_runs import Cell, ScoredRun, Tier
from esbench.statistics.comparison import rank_ranges, t_test
from esbench.statistics.intervals import LEVEL, Estimate
from esbench.tasks.spec import RL

TRACKS: tuple[Track, ...] = ("fixed", "tuned")
"""Those that are ranked, the headline first."""


@dataclass(frozen=True)
class Standing:
    """An entry of a board as it is now. cells: its seeds by task, empty for an entry that is only claimed. entry: None
    where entry.json cannot be read."""

    slug: str
    state: State
    problems: list[str]
    entry: Entry | None
    cells: Mapping[str, Cell]

    def ranks_in(self, track: Track) -> bool:
        return self.entry is not None and self.entry.track == track and self.state in RANKED


@dataclass(frozen=True)
class TaskPlace:
    """An entry on one task. ranks: those it may have in its track."""

    task: str
    slug: str
    ranks: range
    score: Estimate
    cell: Cell


@dataclass(frozen=True)
class Ranking:
    """A track. steps: entries with all tasks by falling ranking score. seconds: the same by kind of hardware, of
    entries computed on that kind alone. places: every entry on every task it has."""

    track: Track
    steps: list[Aggregate]
    seconds: dict[str, list[Aggregate]]
    places: list[TaskPlace]


@dataclass(frozen=True)
class RankedBoard:
    """standings: all entries by slug. rankings: of the tracks that have an entry to rank. successor: the board that
    retires it, None for the newest of a tier."""

    board: Board
    standings: dict[str, Standing]
    rankings: list[Ranking]
    successor: str | None = None


def rank_board(directory: Path) -> RankedBoard:
    """Checks and ranks all entries of the board in `directory`. One that cannot be read is only claimed; InputError
    where the board cannot be read."""
    board = read_board(directory)
    folders = sorted(path for path in directory.iterdir() if is_inside(path.name) and (path / ENTRY_FILE).is_file())
    standings = {path.name: _standing(path) for path in folders}
    rankings = []
    for track in TRACKS:
        ranked = {slug: one.cells for slug, one in standings.items() if one.ranks_in(track)}
        if ranked:
            rankings.append(rank(track, board, ranked))
    return RankedBoard(board, standings, rankings, successor(directory))


def _standing(path: Path) -> Standing:
    try:
        checked = check(path)
        evidence, state = checked.evidence, state_of(checked)
    except InputError as error:
        return Standing(path.name, "claimed", [str(error)], None, {})
    if evidence is None:
        return Standing(path.name, state, checked.problems, None, {})
    cells = {} if state == "claimed" else entry_cells(evidence.board, evidence.entry.tasks, evidence.finished)
    return Standing(path.name, state, checked.problems, evidence.entry, cells)


def rank(track: Track, board: Board, entries: Mapping[str, Mapping[str, Cell]]) -> Ranking:
    """The ranks of entries, given by slug and task, of which there is at least one."""
    tier = _tier(board, entries)
    kinds = {slug: {kind for cell in cells.values() for kind in cell.hardware} for slug, cells in entries.items()}
    seconds = {}
    for kind in tier.hardware:
        alone = _tier(board, {slug: cells for slug, cells in entries.items() if kinds[slug] == {kind}})
        if of_kind := _aggregates(_at_equal_seconds(alone, kind)):
            seconds[kind] = of_kind
    places = [place for task in tier.tasks for place in _places(tier, task)]
    return Ranking(track, _aggregates(tier), seconds, places)


def _tier(board: Board, entries: Mapping[str, Mapping[str, Cell]]) -> Tier:
    """Entries as the report has algorithms, with the board's own anchors and budgets."""
    return Tier(
        name=board.name,
        track=RL,
        specs=board.specs,
        algorithms=sorted(entries),
        budgets={name: task.budget for name, task in board.tasks.items()},
        cells={(task, slug): cell for slug, cells in entries.items() for task, cell in cells.items()},
    )


def _aggregates(tier: Tier) -> list[Aggregate]:
    return aggregates(tier, compare_all(tier))


def _at_equal_seconds(tier: Tier, hardware: str) -> Tier:
    """Every run up to the training seconds of its task's quickest."""
    ends = {task: tier.seconds(task, hardware) for task in {task for task, _ in tier.cells}}
    cells = {
        (task, slug): Cell(tuple(_until(run, ends[task]) for run in cell.runs), cell.spec)
        for (task, slug), cell in tier.cells.items()
    }
    return dataclasses.replace(tier, cells=cells)


def _until(run: ScoredRun, seconds: float) -> ScoredRun:
    rows = max(1, int(np.searchsorted(run.train_seconds, seconds, side="right")))
    return dataclasses.replace(run, rows=run.rows.iloc[:rows], scores=run.scores[:rows])


def _places(tier: Tier, task: str) -> Sequence[TaskPlace]:
    """The entries that have a task, by falling score, equal ones by name. Seeds are the same for all; the intervals
    hold together over all pairs (Bonferroni)."""
    cells = {slug: cell for slug in tier.algorithms if (cell := tier.cell(task, slug)) is not None}
    scores = {slug: fmean(cell.scores) for slug, cell in cells.items()}
    pairs = list(itertools.combinations(cells, 2))
    level = 1 - (1 - LEVEL) / max(len(pairs), 1)
    separated = {
        (a, b): t_test(difference(tier, task, a, b, lambda cell: cell.scores, scores=True), level).difference
        for a, b in pairs
    }
    ranks = rank_ranges(scores, separated)
    return [
        TaskPlace(task, slug, ranks[slug], cell.mean_score, cell)
        for slug, cell in sorted(cells.items(), key=lambda item: -agreed(scores[item[0]]))
    ]
