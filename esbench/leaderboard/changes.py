"""What git says was changed: an entry changes its own directory, and what is built from all of them."""

import subprocess
from pathlib import Path

from esbench.errors import InputError
from esbench.leaderboard.build import PAGE, README
from esbench.leaderboard.entry import VERIFICATION_FILE


def changed_elsewhere(entry: Path, base: str) -> list[str]:
    """The files changed since this branch left `base`, committed or not, that are not the entry's, by their path in
    the repository.

    The ranking and the page are not among them: they are checked by building them. The entry's verification is: only
    those who verified it may change that. InputError where git cannot tell.
    """
    root = Path(_git(entry, "rev-parse", "--show-toplevel").strip()).resolve()
    start = _git(root, "merge-base", "--end-of-options", base, "HEAD").strip()
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", start).split("\0")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    own = entry.resolve().relative_to(root)
    allowed = {own.parent.parent / README, own.parent.parent / PAGE}
    return sorted(
        name
        for name in {*changed, *new} - {""}
        if Path(name) == own / VERIFICATION_FILE or (own not in Path(name).parents and Path(name) not in allowed)
    )


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"git {arguments[0]} failed: {error}") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise InputError(f"--base: git {' '.join(arguments)}: {reason}")
    return done.stdout
