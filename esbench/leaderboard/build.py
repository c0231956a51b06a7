"""`esbench leaderboard build`: the README's ranking and the page, the same bytes for the same entries."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

from esbench.errors import InputError
from esbench.leaderboard.board import SPEC_FILE, tier_and_version
from esbench.leaderboard.ranking import RankedBoard, rank_board
from esbench.leaderboard.states import MEANING
from esbench.leaderboard.tables import detail_tables, headline_tables, overview
from esbench.report.digits import written
from esbench.report.markdown import markdown
from esbench.report.page import templates
from esbench.tasks.tiers import TIERS

README = "README.md"
PAGE = "index.html"
BEGIN = "<!-- ranking: written by `esbench leaderboard build`, not by hand -->"
END = "<!-- end of the ranking -->"

LONG = ("Search space", "Prior knowledge")
WRAPPING = ("Name", "Authors", "Licence", "Code", "Hardware", "Why", *LONG)
"""Columns of words that wrap; those of whole sentences are wider."""


def build(boards: Path) -> dict[str, str]:
    """What README.md and index.html in `boards` must be, by name. InputError where there is no board, a file cannot be
    read, or README.md lacks the two lines around the ranking."""
    ranked = [rank_board(directory) for directory in _boards(boards)]
    return {README: _readme(boards / README, ranked), PAGE: page(ranked)}


def differing(boards: Path, files: dict[str, str]) -> list[str]:
    """The names of `files` that are otherwise, or not there, in `boards`."""
    return [
        name
        for name, text in files.items()
        if not (boards / name).is_file() or (boards / name).read_text(encoding="utf-8") != text
    ]


def _boards(boards: Path) -> list[Path]:
    """The smallest tier first, and of a tier the newest version."""
    if not boards.is_dir():
        raise InputError(f"no directory {str(boards)!r}: expected one that holds boards")
    found = [path for path in boards.iterdir() if (path / SPEC_FILE).is_file()]
    if not found:
        raise InputError(f"no board in {boards}: expected directories such as lite-v1 with a {SPEC_FILE}")

    def place(path: Path) -> tuple[int, int]:
        tier, version = tier_and_version(path)
        return TIERS.index(tier) if tier in TIERS else len(TIERS), -version

    return sorted(found, key=lambda path: (place(path), path.name))


def _readme(file: Path, ranked: Sequence[RankedBoard]) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}") from error
    around = around_ranking(text)
    if around is None:
        raise InputError(f"{file}: expected the lines {BEGIN!r} and {END!r}, between which the ranking stands")
    before, after = around
    return f"{before}{BEGIN}\n\n{_markdown(ranked)}\n{END}{after}"


def around_ranking(text: str) -> tuple[str, str] | None:
    """What a README says before and after its ranking; None where it lacks the place for one."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return (before, after) if begin and end else None


def _markdown(ranked: Sequence[RankedBoard]) -> str:
    parts = []
    for one in ranked:
        # Devices name themselves, and their names stand in headings.
        tables = [dataclasses.replace(table, title=_literal(table.title)) for table in headline_tables(one)]
        parts.append(f"**{one.board.name}**: {overview(one)}\n")
        parts += [markdown(table) for table in tables] or ["No entries yet.\n"]
    return "\n".join(parts)


def _literal(text: str) -> str:
    """`text` with what Markdown and HTML would read as their own set aside."""
    return re.sub(r"([\\`*_\[\]<>&~|])", r"\\\1", text)


def page(ranked: Sequence[RankedBoard]) -> str:
    """The page: one file, which needs neither network nor library."""
    template = templates("esbench.leaderboard").get_template("leaderboard.html")
    boards = [(one, overview(one), [*headline_tables(one), *detail_tables(one)], _bars(one)) for one in ranked]
    return template.render(boards=boards, meaning=MEANING, long=LONG, wrapping=WRAPPING)


def _bars(ranked: RankedBoard) -> list[dict[str, str | None]]:
    """The first ranking at equal steps as a picture: each entry's score, and where on a scale in percent it and its
    interval lie. Empty where every entry lacks a task."""

    def percent(share: float) -> str:
        return written(100 * share, ".2f")

    scores = next(([(one.algorithm, one.estimates["mean"]) for one in r.steps] for r in ranked.rankings if r.steps), [])
    return [
        {
            "entry": name,
            "score": written(score.value, ".3f"),
            "at": percent(score.value),
            "low": percent(score.low) if score.has_interval else None,
            "width": percent(score.high - score.low) if score.has_interval else None,
        }
        for name, score in scores
    ]
