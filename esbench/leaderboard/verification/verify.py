"""`esbench leaderboard verify`: an entry's check, then its policies or its method tried here."""

import secrets
from collections.abc import Callable
from pathlib import Path

from esbench.errors import InputError, unknown
from esbench.experiment.one_run import compilation_cache
from esbench.leaderboard.check import CheckedEntry, check
from esbench.leaderboard.verification.record import Replay, Rerun, write_verification
from esbench.leaderboard.verification.replay import replay
from esbench.leaderboard.verification.rerun import Plan, rerun

MODES = ("replay", "rerun")


def verify(
    path: Path,
    mode: str,
    public_number: int | None,
    policies: Path | None,
    plan: Plan,
    say: Callable[[str], None],
) -> tuple[CheckedEntry, Replay | Rerun | None]:
    """Verifies the entry in `path` and writes its verification.json. The check, and what was found. That is None where
    entry.json fails its schema, and for a rerun where the check finds problems: then none of its code is run.

    public_number: one that became known after the entry was made. None draws one; a pass with it does not replace an
    earlier failure. policies: where the policies outside the entry are. Errors leave everything as it was: InputError
    where the entry cannot be verified here, StrategyError where its code fails or had to be stopped.
    """
    if mode not in MODES:
        raise unknown("mode", mode, MODES)
    if policies is not None and not policies.is_dir():
        raise InputError(f"--policies {policies}: expected a directory")
    checked = check(path)
    if checked.evidence is None or (checked.problems and mode == "rerun"):
        return checked, None
    drawn = public_number is None
    if public_number is None:
        public_number = secrets.randbelow(2**32)
        say(f"public number {public_number}, drawn here")
    compilation_cache.enable()
    if mode == "replay":
        found = replay(checked.evidence, policies, public_number, say)
    else:
        found = rerun(checked.evidence, plan, public_number, say)
    kept = write_verification(checked.evidence.directory, found, over_failure=not drawn)
    if kept is not found:
        say(
            f"the {mode} that failed with public number {kept.public_number} stands: expected --public-number N over it"
        )
    return checked, found
