"""The tables of a board, in the report's own form: for the README and for the page."""

import re
from collections.abc import Sequence

import pandas as pd

from esbench.leaderboard.ranking import RankedBoard, Ranking, Standing
from esbench.leaderboard.states import MEANING, RANKED
from esbench.report.analysis import Aggregate
from esbench.report.table import Shown, Table, decimals, number, span, with_interval, words

_NO_FRAME = pd.DataFrame()  # the rows themselves are the data


def overview(ranked: RankedBoard) -> str:
    """What the board is, in a paragraph."""
    board = ranked.board
    budgets = sorted({task.budget for task in board.tasks.values()})
    episodes = sorted({task.episodes for task in board.tasks.values()})
    seeds = sorted({len(task.seeds) for task in board.tasks.values()})
    return (
        f"{len(board.tasks)} tasks, {span(seeds)} seeds each; budgets of {span(budgets)} useful steps; "
        f"{span(episodes)} episodes an evaluation; matrix products in {' and '.join(board.protocol.numeric.values())}; "
        f"jax {' or '.join(board.versions['jax'])}."
    )


def headline_tables(ranked: RankedBoard) -> list[Table]:
    """The rankings over all tasks, or task by task while no entry has all; then what is in no ranking over all."""
    tables = []
    for ranking in ranked.rankings:
        over_all = _ranking_table(ranked, ranking, ranking.steps, None) if ranking.steps else None
        tables.append(over_all or _places_table(ranked, ranking))
        tables += [_ranking_table(ranked, ranking, of_kind, kind) for kind, of_kind in ranking.seconds.items()]
    return [*tables, *_unranked(ranked)]


def detail_tables(ranked: RankedBoard) -> list[Table]:
    """Every entry on every task, and what the entries are."""
    places = [_places_table(ranked, ranking) for ranking in ranked.rankings if ranking.steps]
    return [*places, *([_entries_table(ranked)] if ranked.standings else [])]


def _ranking_table(
    ranked: RankedBoard, ranking: Ranking, aggregates: Sequence[Aggregate], hardware: str | None
) -> Table:
    rows = []
    for aggregate in aggregates:
        one = ranked.standings[aggregate.algorithm]
        assert one.entry is not None
        rows.append(
            [
                _ranks(aggregate.ranks),
                *words(one.slug, one.state),
                with_interval(aggregate.estimates["mean"], bold=aggregate.ranks[0] == 1),
                with_interval(aggregate.estimates["iqm"]),
                number(len(one.entry.failures), "d"),
                number(one.entry.tuning.trials, ",d"),
                number(one.entry.tuning.useful_steps, ",d"),
            ]
        )
    at = "equal useful steps" if hardware is None else f"equal training seconds on {hardware}"
    columns = ("Rank", "Entry", "State", "Ranking score", "IQM", "Failed runs", "Tuning trials", "Tuning steps")
    notes = [
        "Ranking score: the mean over tasks of the mean over seeds of normalized scores clipped to [0, 1], with its "
        "95% bootstrap interval. Rank: a range where paired differences are not separated from 0, over all pairs "
        "together. A failed run scores 0."
    ]
    if hardware is not None:
        notes = ["After the training seconds of each task's quickest run in this table."]
    kind = "steps" if hardware is None else re.sub(r"[^a-z0-9]+", "-", f"seconds-{hardware}".lower()).strip("-")
    return Table(
        f"{ranked.board.name}-{ranking.track}-{kind}",
        f"{ranked.board.name}, track {ranking.track}, at {at}",
        columns,
        3,
        rows,
        _NO_FRAME,
        notes,
    )


def _unranked(ranked: RankedBoard) -> list[Table]:
    """What has no rank over all tasks, and why."""
    shown = {aggregate.algorithm for ranking in ranked.rankings for aggregate in ranking.steps}
    rows = [
        words(one.slug, one.entry.track if one.entry else "-", one.state, _why(one, len(ranked.board.tasks)))
        for one in ranked.standings.values()
        if one.slug not in shown
    ]
    if not rows:
        return []
    title = f"{ranked.board.name}, listed without a rank"
    name = f"{ranked.board.name}-unranked"
    return [Table(name, title, ("Entry", "Track", "State", "Why"), 4, rows, _NO_FRAME, [])]


def _why(one: Standing, tasks: int) -> str:
    if one.state not in RANKED or one.entry is None:
        return MEANING[one.state]
    if one.entry.track == "open":
        return "track open is not ranked"
    return f"partial: {len(one.entry.tasks)} of {tasks} tasks, ranked on each"


def _places_table(ranked: RankedBoard, ranking: Ranking) -> Table:
    rows = []
    for place in ranking.places:
        entry = ranked.standings[place.slug].entry
        assert entry is not None
        scores = entry.scores.tasks[place.task]
        failed = sum(name.startswith(f"{place.task}/") for name in entry.failures)
        rows.append(
            [
                *words(place.task),
                _ranks(place.ranks),
                *words(place.slug),
                with_interval(place.score, bold=place.ranks[0] == 1),
                number(scores.return_mean, f".{decimals(scores.return_mean)}f"),
                Shown("-") if scores.train_seconds is None else number(scores.train_seconds, ",.1f"),
                number(failed, "d"),
            ]
        )
    columns = ("Task", "Rank", "Entry", "Score", "Return", "Train s", "Failed runs")
    notes = [
        "Score: (return - random) / (reference - random), not clipped, the mean over seeds with its 95% Student-t "
        "interval, cut at what the rules allow. Rank: by paired differences on the same seeds, over all pairs of the "
        "task together. Train s: mean of the runs, without compilation and evaluation; of unlike hardware they are not "
        "comparable."
    ]
    name = f"{ranked.board.name}-{ranking.track}-tasks"
    title = f"{ranked.board.name}, track {ranking.track}, task by task"
    return Table(name, title, columns, 3, rows, _NO_FRAME, notes)


def _entries_table(ranked: RankedBoard) -> Table:
    rows = []
    for one in ranked.standings.values():
        entry = one.entry
        if entry is None:
            rows.append([*words(one.slug, "-", one.state), *[Shown("-")] * 8])
            continue
        rows.append(
            words(
                one.slug,
                entry.track,
                one.state,
                entry.name,
                ", ".join(entry.authors),
                entry.licence,
                entry.algorithm,
                f"{entry.code.url} at {entry.code.commit[:12]}" if entry.code else "esbench",
                ", ".join(entry.hardware),
                entry.tuning.search_space,
                entry.prior_knowledge,
            )
        )
    columns = (
        *("Entry", "Track", "State", "Name", "Authors", "Licence", "Algorithm", "Code", "Hardware", "Search space"),
        "Prior knowledge",
    )
    name, title = f"{ranked.board.name}-entries", f"{ranked.board.name}, entries"
    return Table(name, title, columns, len(columns), rows, _NO_FRAME, [])


def _ranks(ranks: range) -> Shown:
    return Shown(f"{ranks[0]}-{ranks[-1]}" if len(ranks) > 1 else str(ranks[0]), ranks[0])
