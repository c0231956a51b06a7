"""`esbench leaderboard`.

examples:
  esbench leaderboard submit runs --entry entry.toml         pack runs as an entry of leaderboards/, checked
  esbench leaderboard check leaderboards/lite-v2/eggroll     every problem on a line, status 1
  esbench leaderboard verify leaderboards/lite-v2/eggroll --mode replay --policies runs --public-number 4211
  esbench leaderboard verify leaderboards/lite-v2/eggroll --mode rerun --public-number 4211
  esbench leaderboard build                                  leaderboards/README.md and index.html

Rules, the form of entry.toml and what each state means: docs/leaderboard.md.
"""

import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from esbench.cli.output import given
from esbench.cli.values import Names, Positive, Seconds, option
from esbench.errors import InputError

if TYPE_CHECKING:
    from esbench.leaderboard.check import CheckedEntry

leaderboard = App(name="leaderboard", version_flags=())

Entry = Annotated[Path, option("the entry's directory, in its board's", name="DIR")]
Boards = Annotated[Path, Parameter(metavar="DIR")]
_BOARDS = Path("leaderboards")
_BASE = "also check that only the entry changed since this git commit"
_PUBLIC_NUMBER = "a number that became known after the entry was made; fresh seeds come from it (default: drawn)"
_POLICIES = "for replay: a results root with the policies that the entry lacks"
_TWINS = "for rerun: also train on each task's twin; always done with code of the entry's own"
_SECONDS = "for rerun: the time limit for all training on one task"
_MEMORY = "for rerun: the memory limit for all processes of the entry's code"


@leaderboard.default
def without_an_action() -> int:
    """There is nothing to do."""
    raise InputError("the following arguments are required: ACTION")


@leaderboard.command(help="check an entry without executing any of it")
def check(entry: Entry, /, *, base: Annotated[str | None, option(_BASE, metavar="REF")] = None) -> int:
    """Status 1 for problems."""
    from esbench.leaderboard import changes
    from esbench.leaderboard.check import check

    checked = check(entry)
    elsewhere = [] if base is None or checked.problems else changes.changed_elsewhere(entry, base)
    return _print_checked(entry, checked, [f"{name}: changed, but not the entry's" for name in elsewhere])


@leaderboard.command(help="pack finished runs as an entry, and check it")
def submit(
    *runs: Annotated[Path, option("directories with the runs", name="RUNS", required=True)],
    entry: Annotated[Path, option("entry.toml: what the entry is", metavar="FILE")],
    boards: Boards = _BOARDS,
) -> int:
    """Status 1 for problems."""
    from esbench.leaderboard.submit import submit, together

    say = functools.partial(print, file=sys.stderr, flush=True)
    submitted = submit(list(runs), entry, boards, say)
    for run in submitted.left_out:
        print(f"left out: {run}: not a task and seed of the board")
    for run in submitted.unfinished:
        print(f"unfinished: {run}: repeat the command that started it")
    if submitted.lacking:
        print(f"partial: {submitted.path} has no runs of {', '.join(submitted.lacking)}")
    checked = submitted.checked
    status = _print_checked(submitted.path, replace(checked, problems=together(checked.problems)))
    if status == 0:
        print(f"next: esbench leaderboard build{given('--boards', boards, _BOARDS)}")
    return status


@leaderboard.command(help="evaluate an entry's policies again, or train its method again, on this machine")
def verify(
    entry: Entry,
    /,
    *,
    mode: Annotated[str, option("evaluate its policies again, or train again", metavar="replay|rerun")],
    public_number: Annotated[int | None, option(_PUBLIC_NUMBER)] = None,
    policies: Annotated[Path | None, option(_POLICIES, metavar="DIR")] = None,
    tasks: Annotated[Names | None, option("for rerun: four or more (default: four are drawn)")] = None,
    fresh_seeds: Annotated[Positive, option("for rerun: new seeds per task")] = 3,
    twins: Annotated[bool, option(_TWINS)] = False,
    max_seconds: Annotated[Seconds, option(_SECONDS)] = 6 * 3600.0,
    max_memory: Annotated[Positive, option(_MEMORY, metavar="MIB")] = 8192,
) -> int:
    """Status 1 for problems."""
    from esbench.leaderboard.verification.rerun import Plan
    from esbench.leaderboard.verification.sandbox import Limits
    from esbench.leaderboard.verification.verify import verify

    plan = Plan(tasks, fresh_seeds, twins, Limits.of(max_seconds, max_memory * 2**20))
    say = functools.partial(print, flush=True)
    checked, found = verify(entry, mode, public_number, policies, plan, say)
    problems = [*checked.problems, *(found.problems if found is not None else [])]
    if problems or found is None:
        return _print_problems(entry, problems)
    partly = "" if getattr(found, "complete", True) else ", in part: the other policies are not here (--policies DIR)"
    print(f"{entry}: passed its {mode}{partly}")
    return 0


@leaderboard.command(help="write the ranking and the page of all boards")
def build(
    *, check: Annotated[bool, option("only name what is out of date; status 1")] = False, boards: Boards = _BOARDS
) -> int:
    """Status 1 where something is out of date."""
    from esbench.leaderboard.build import build, differing

    files = build(boards)
    changed = differing(boards, files)
    if check:
        for name in changed:
            print(f"{boards / name}: not what the entries give; run `esbench leaderboard build`")
        return 1 if changed else 0
    try:
        for name in changed:
            (boards / name).write_text(files[name], encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
    print(f"{boards}: {', '.join(changed) or 'nothing'} written")
    return 0


def _print_checked(path: Path, checked: "CheckedEntry", more: Sequence[str] = ()) -> int:
    """All problems, or what was found to be good; the status."""
    from esbench.leaderboard.states import state_of

    problems = [*checked.problems, *more]
    if problems or checked.evidence is None:
        return _print_problems(path, problems)
    entry = checked.evidence.entry
    aggregate = "partial" if entry.scores.aggregate is None else f"ranking score {entry.scores.aggregate:.3f}"
    print(
        f"{path}: {state_of(checked)}, {len(entry.tasks)} of {len(checked.evidence.board.tasks)} tasks, "
        f"{len(checked.evidence.finished)} runs, {len(entry.failures)} failed, {aggregate}"
    )
    print(f"tree hash {checked.evidence.directory.tree_hash}")
    return 0


def _print_problems(path: Path, problems: Sequence[str]) -> int:
    """One line each. What strangers wrote must not flood the terminal, and its control characters are removed. Status
    1."""
    for problem in problems[:50]:
        cut = problem if len(problem) <= 300 else f"{problem[:297]}..."
        print(f"{path}: {''.join(letter if letter.isprintable() else '?' for letter in cut)}")
    if len(problems) > 50:
        print(f"{path}: and {len(problems) - 50} more")
    print(f"esbench: {path}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)
    return 1
