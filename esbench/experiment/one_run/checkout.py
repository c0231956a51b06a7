"""The git checkout that esbench runs from: its commit, and what has changed."""

import functools
import os
import re
import subprocess
from pathlib import Path

import esbench
from esbench.experiment.one_run.row_code import makes_rows

_GIT_SECONDS = 30.0


def commit() -> tuple[str | None, bool | None]:
    """(commit, dirty) of the checkout that esbench runs from; (None, None) for an installed package, or where git fails
    (`commit_problem`).

    dirty: whether a file that can change rows differs from the commit, new ones included. Both as they were when this
    process asked first.
    """
    return _checkout()[:2]


def commit_problem() -> str | None:
    """Why `commit` says less than all of a checkout, in one line; None where it says all, and without a checkout."""
    return _checkout()[2]


@functools.cache  # what is committed while a process runs is not what it has loaded
def _checkout() -> tuple[str | None, bool | None, str | None]:
    root = Path(esbench.__file__).resolve().parents[1]
    if not (root / ".git").exists():  # a package, maybe installed below another repository
        return None, None, None
    head = None
    try:
        head = _git(root, "rev-parse", "HEAD")
        places = ("esbench", "baselines", "pyproject.toml")
        changes = _git(root, "status", "--porcelain", "--untracked-files", "--", *places)
    except _GitError as error:
        unknown = "commit and uncommitted changes" if head is None else "uncommitted changes"
        return head, None, f"the {unknown} of {root} cannot be recorded: {error}"
    return head, bool(changes), None


def changed_since(since: str) -> list[str] | None:
    """The files of esbench that make rows and differ from those at the commit `since`. None where no checkout here
    knows the commit."""
    root = Path(esbench.__file__).resolve().parents[1]
    if commit()[0] is None or not re.fullmatch(r"[0-9a-f]{40}", since):
        return None
    try:
        changes = _git(root, "diff", "--name-only", "--no-renames", since, "--", "esbench/*.py")
    except _GitError:
        return None
    return [name for name in changes.splitlines() if makes_rows(name.removeprefix("esbench/"))]


class _GitError(Exception):
    """What git said instead, in one line."""


# A hook or an alias of git's leaves these to what it starts: they name another repository.
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_PREFIX")
_ELSEWHERE += ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES")


def _git(root: Path, *arguments: str) -> str:
    """What git prints about the checkout at `root`.

    It may be another user's, as in a container or on a shared disk: esbench's own code is run from it already. There,
    files' modes say nothing either.
    """
    trusting = ["git", "-C", str(root), "-c", f"safe.directory={root}", "-c", "core.fileMode=false"]
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    environment["GIT_OPTIONAL_LOCKS"] = "0"  # the disk may be one that is only read
    try:
        done = subprocess.run(
            [*trusting, *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, env=environment
        )
    except OSError as error:
        raise _GitError(f"git cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise _GitError(f"git took more than {_GIT_SECONDS:.0f} seconds") from error
    if done.returncode != 0:
        raise _GitError(next(iter(done.stderr.strip().splitlines()), f"git ended with status {done.returncode}"))
    return done.stdout.strip()
