"""`esbench leaderboard`."""

import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from esbench.cli.output import given
from esbench.cli.values import Directory, File, Names, Positive, Seconds
from esbench.errors import InputError

if TYPE_CHECKING:
    from esbench.leaderboard.check import CheckedEntry

_EXAMPLES = """\
examples:
  esbench leaderboard submit runs --entry entry.toml         pack runs as an entry of leaderboards/, checked
  esbench leaderboard check leaderboards/lite-v1/eggroll     every problem on a line, status 1
  esbench leaderboard verify leaderboards/lite-v1/eggroll --mode replay --policies runs --public-number 4211
  esbench leaderboard verify leaderboards/lite-v1/eggroll --mode rerun --public-number 4211
  esbench leaderboard build                                  leaderboards/README.md and index.html

Rules, the form of entry.toml and what each state means: leaderboards/README.md.
"""
Entry = Annotated[Path, Parameter(name="DIR")]

app = App(name="leaderboard", help_epilogue=_EXAMPLES, version_flags=())
action = functools.partial(app.command, help_epilogue="")


@app.default
def leaderboard() -> int:
    """Without an action there is nothing to do."""
    raise InputError("the following arguments are required: ACTION")


@action(help="check an entry without executing any of it")
def check(entry: Entry, /, *, base: Annotated[str | None, Parameter(metavar="REF")] = None) -> int:
    """Status 1 for problems.

    Args:
        entry: the entry's directory, in its board's
        base: also that nothing else was changed since this git commit
    """
    from esbench.leaderboard import changes
    from esbench.leaderboard.check import check

    checked = check(entry)
    elsewhere = [] if base is None or checked.problems else changes.changed_elsewhere(entry, base)
    return _print_checked(entry, checked, [f"{name}: changed, but not the entry's" for name in elsewhere])


@action(help="pack finished runs as an entry, and check it")
def submit(
    *runs: Annotated[Path, Parameter(name="RUNS", required=True)], entry: File, boards: Directory = "leaderboards"
) -> int:
    """Status 1 for problems.

    Args:
        runs: directories with the runs
        entry: entry.toml: what the entry is
    """
    from esbench.leaderboard.submit import submit, together

    say = functools.partial(print, file=sys.stderr, flush=True)
    submitted = submit(list(runs), Path(entry), Path(boards), say)
    for run in submitted.left_out:
        print(f"left out: {run}: not a task and seed of the board")
    for run in submitted.unfinished:
        print(f"unfinished: {run}: the command that started it goes on with it")
    if submitted.lacking:
        print(f"partial: {submitted.path} has no runs of {', '.join(submitted.lacking)}")
    checked = submitted.checked
    status = _print_checked(submitted.path, replace(checked, problems=together(checked.problems)))
    if status == 0:
        print(f"next: esbench leaderboard build{given('--boards', boards, 'leaderboards')}")
    return status


@action(help="try an entry's policies, or its method, on this machine")
def verify(
    entry: Entry,
    /,
    *,
    mode: Annotated[str, Parameter(metavar="replay|rerun")],
    public_number: int | None = None,
    policies: Directory | None = None,
    tasks: Names | None = None,
    fresh_seeds: Positive = 3,
    twins: bool = False,
    max_seconds: Seconds = 6 * 3600.0,
    max_memory: Annotated[Positive, Parameter(metavar="MIB")] = 8192,
) -> int:
    """Status 1 for problems.

    Args:
        entry: the entry's directory, in its board's
        mode: evaluate its policies, or train anew
        public_number: one that nobody knew when the entry was made; fresh seeds come from it (default: drawn)
        policies: of replay: a results root with the policies that it lacks
        tasks: of rerun: four or more (default: four are drawn)
        fresh_seeds: of rerun, a task
        twins: of rerun: also on each task's twin, as is always done with code of the entry's own
        max_seconds: of rerun: on the clock, for what is trained on one task (default: 21600)
        max_memory: of rerun: of all processes of the entry's code
    """
    from esbench.leaderboard.verification.rerun import Plan
    from esbench.leaderboard.verification.sandbox import Limits
    from esbench.leaderboard.verification.verify import verify

    plan = Plan(tasks, fresh_seeds, twins, Limits.of(max_seconds, max_memory * 2**20))
    say = functools.partial(print, flush=True)
    checked, found = verify(entry, mode, public_number, None if policies is None else Path(policies), plan, say)
    problems = [*checked.problems, *(found.problems if found is not None else [])]
    if problems or found is None:
        return _print_problems(entry, problems)
    partly = "" if getattr(found, "complete", True) else ", in part: the other policies are not here (--policies DIR)"
    print(f"{entry}: passed its {mode}{partly}")
    return 0


@action(help="write the ranking and the page of all boards")
def build(*, check: bool = False, boards: Directory = "leaderboards") -> int:
    """Status 1 where something is out of date.

    Args:
        check: only say what is out of date; status 1
    """
    from esbench.leaderboard.build import build, differing

    folder = Path(boards)
    files = build(folder)
    changed = differing(folder, files)
    if check:
        for name in changed:
            print(f"{folder / name}: not what the entries give; run `esbench leaderboard build`")
        return 1 if changed else 0
    try:
        for name in changed:
            (folder / name).write_text(files[name], encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
    print(f"{folder}: {', '.join(changed) or 'nothing'} written")
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
    """One line each; what strangers wrote must neither flood the terminal nor speak to it. Status 1."""
    for problem in problems[:50]:
        cut = problem if len(problem) <= 300 else f"{problem[:297]}..."
        print(f"{path}: {''.join(letter if letter.isprintable() else '?' for letter in cut)}")
    if len(problems) > 50:
        print(f"{path}: and {len(problems) - 50} more")
    print(f"esbench: {path}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)
    return 1
