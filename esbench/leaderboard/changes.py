"""What git says was changed: an entry changes its own directory, and what is built from all of them."""

import os
import subprocess
from pathlib import Path

from esbench.errors import InputError
from esbench.leaderboard.build import PAGE, README, around_ranking
from esbench.leaderboard.entry import VERIFICATION_FILE
from esbench.leaderboard.safe_files import decode, read_file

# A directory that a stranger filled can look like a repository with settings that name commands.
_SETTINGS = ("safe.bareRepository=explicit", "core.fsmonitor=false", f"core.hooksPath={os.devnull}")


def changed_elsewhere(entry: Path, base: str) -> list[str]:
    """The files outside the entry that changed since this branch left `base`, committed or uncommitted, by their path
    in the repository. New files that git does not know yet count among the boards only: runs, a report, a strategy and
    entry.toml may lie in the checkout.

    The ranking in the README and the page are not among them: they are checked by building them. The entry's
    verification is: only those who verified it may change that. InputError where git cannot tell.
    """
    boards = entry.resolve().parent.parent
    root = Path(_git(boards, "rev-parse", "--show-toplevel").strip()).resolve()
    start = _git(root, "merge-base", "--end-of-options", base, "HEAD").strip()
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", start).split("\0")
    new = _git(boards, "ls-files", "--others", "--exclude-standard", "--full-name", "-z").split("\0")
    own, readme = (path.relative_to(root) for path in (entry.resolve(), boards / README))
    found = {*changed, *new} - {"", str(readme.with_name(PAGE))}
    if str(readme) in found and _rules_are_kept(root, start, readme):
        found.remove(str(readme))
    return sorted(name for name in found if Path(name) == own / VERIFICATION_FILE or own not in Path(name).parents)


def _rules_are_kept(root: Path, start: str, readme: Path) -> bool:
    """Whether the text around the ranking is the one it was."""
    before = _git(root, "ls-tree", "--name-only", start, "--", str(readme)) and _git(root, "show", f"{start}:{readme}")
    try:
        now = decode(read_file(root / readme), str(root / readme))
    except (InputError, OSError):
        return False
    return around_ranking(before) == around_ranking(now) is not None


def _git(folder: Path, *arguments: str) -> str:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    # Nor from the caller: GIT_DIR and its like name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *settings, "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
        )
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired) as error:
        raise InputError(f"git {arguments[0]} failed: {error}") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise InputError(f"--base: git {' '.join(arguments)}: {reason}")
    return done.stdout
