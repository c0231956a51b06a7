"""The tables of a board, in the report's own form: for the README and for the page."""

import re
from collections.abc import Sequence

import pandas as pd

from esbench.leaderboard.entry import Entry
from esbench.leaderboard.ranking import RankedBoard, Ranking, Standing
from esbench.leaderboard.states import MEANING, RANKED
from esbench.report.analysis import Aggregate
from esbench.report.table import Column, Record, Table, as_numbers, estimate, named, number
from esbench.report.table_cell import between, span
from esbench.statistics.intervals import Estimate

_RANK = Column("Rank", lambda row: between(row["rank_first"], row["rank_last"]), words=True)


def overview(ranked: RankedBoard) -> str:
    """What the board is, in a paragraph."""
    board = ranked.board
    budgets = sorted({task.budget for task in board.tasks.values()})
    episodes = sorted({task.episodes for task in board.tasks.values()})
    seeds = sorted({len(task.seeds) for task in board.tasks.values()})
    retired = f"retired, new entries go to {ranked.successor}; " if ranked.successor else ""
    return (
        f"{retired}{len(board.tasks)} tasks, {span(seeds)} seeds each; budgets of {span(budgets)} useful steps; "
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
            {
                **_ranks(aggregate.ranks),
                "entry": one.slug,
                "state": one.state,
                **as_numbers(aggregate.estimates["mean"], "mean"),
                **as_numbers(_below_in_full(aggregate.estimates["optimality_gap"]), "below_in_full"),
                **as_numbers(aggregate.estimates["iqm"], "iqm"),
                "failed": len(one.entry.failures),
                "trials": one.entry.tuning.trials,
                "tuning_steps": one.entry.tuning.useful_steps,
            }
        )
    layout = [
        _RANK,
        *named("Entry", "State"),
        estimate("Ranking score", "mean", bold=_may_be_first),
        estimate("Below 0 in full", "below_in_full"),
        estimate("IQM", "iqm"),
        number("Failed runs", "failed"),
        number("Tuning trials", "trials", ",d"),
        number("Tuning steps", "tuning_steps", ",d"),
    ]
    at = "equal useful steps" if hardware is None else f"equal training seconds on {hardware}"
    notes = [
        "Ranking score: normalized scores clipped to [0, 1], averaged over seeds, then over tasks. A failed run scores "
        "0. Interval: 95%, bootstrap.",
        "Below 0 in full: the same mean of scores that are capped at 1 only.",
        "Rank: a range where paired differences may be chance, at 95% over all pairs together. Bold: may be rank 1.",
    ]
    if hardware is not None:
        notes = ["Scores after the training seconds of each task's quickest run in this table."]
    kind = "steps" if hardware is None else re.sub(r"[^a-z0-9]+", "-", f"seconds-{hardware}".lower()).strip("-")
    title = f"{ranked.board.name}, track {ranking.track}, at {at}"
    asks = (
        "Which entry is best over all tasks?" if hardware is None else "Which entry leads after the same training time?"
    )
    return Table(
        title, pd.DataFrame(rows), layout, notes, name=f"{ranked.board.name}-{ranking.track}-{kind}", asks=asks
    )


def _below_in_full(gap: Estimate) -> Estimate:
    """The mean of scores that are capped at 1 only: the optimality gap is how far it is from 1."""
    return Estimate(1 - gap.value, 1 - gap.high, 1 - gap.low)


def _unranked(ranked: RankedBoard) -> list[Table]:
    """What has no rank over all tasks, and why."""
    shown = {aggregate.algorithm for ranking in ranked.rankings for aggregate in ranking.steps}
    rows = [
        {
            "entry": one.slug,
            "track": one.entry.track if one.entry else "-",
            "state": one.state,
            "why": _why(one, len(ranked.board.tasks)),
        }
        for one in ranked.standings.values()
        if one.slug not in shown
    ]
    if not rows:
        return []
    title, name = f"{ranked.board.name}, listed without a rank", f"{ranked.board.name}-unranked"
    layout = named("Entry", "Track", "State", "Why")
    return [Table(title, pd.DataFrame(rows), layout, name=name, asks="Which entries have no rank, and why?")]


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
        rows.append(
            {
                "task": place.task,
                **_ranks(place.ranks),
                "entry": place.slug,
                **as_numbers(place.score, "score"),
                "return": scores.return_mean,
                "train_seconds": scores.train_seconds,
                "failed": sum(name.startswith(f"{place.task}/") for name in entry.failures),
            }
        )
    layout = [
        *named("Task"),
        _RANK,
        *named("Entry"),
        estimate("Score", "score", bold=_may_be_first),
        number("Return", "return", None),
        number("Train s", "train_seconds", ",.1f"),
        number("Failed runs", "failed"),
    ]
    notes = [
        "Score: (return - random) / (reference - random), not clipped; mean over seeds. Interval: 95%, Student's t, "
        "cut at what the rules allow.",
        "Rank: by differences on the same seeds, over all pairs of the task together; paired where two entries start "
        "from the same untrained policies.",
        "Train s: mean of the runs, without compilation and evaluation. Compare it on one kind of hardware only.",
    ]
    name = f"{ranked.board.name}-{ranking.track}-tasks"
    title = f"{ranked.board.name}, track {ranking.track}, task by task"
    return Table(title, pd.DataFrame(rows), layout, notes, name, asks="Which entry is best on each task?")


def _entries_table(ranked: RankedBoard) -> Table:
    rows = [{"entry": one.slug, "state": one.state, **_says(one.entry)} for one in ranked.standings.values()]
    layout = named(
        *("Entry", "Track", "State", "Name", "Authors", "Licence", "Algorithm", "Code", "Hardware", "Search space"),
        "Prior knowledge",
    )
    title, name = f"{ranked.board.name}, entries", f"{ranked.board.name}-entries"
    return Table(title, pd.DataFrame(rows), layout, name=name, asks="Who entered what, and how was it tuned?")


def _says(entry: Entry | None) -> dict[str, str]:
    if entry is None:
        return {"track": "-"}
    return {
        "track": entry.track,
        "name": entry.name,
        "authors": ", ".join(entry.authors),
        "licence": entry.licence,
        "algorithm": entry.algorithm,
        "code": f"{entry.code.url} at {entry.code.commit[:12]}" if entry.code else "esbench",
        "hardware": ", ".join(entry.hardware),
        "search space": entry.tuning.search_space,
        "prior knowledge": entry.prior_knowledge,
    }


def _ranks(ranks: range) -> dict[str, int]:
    return {"rank_first": ranks[0], "rank_last": ranks[-1]}


def _may_be_first(record: Record) -> bool:
    return record["rank_first"] == 1
