"""How far an entry has come: derived from its check and its verification, never stated by anybody."""

from esbench.leaderboard.check import CheckedEntry
from esbench.leaderboard.entry import State
from esbench.leaderboard.verification.record import read_verification

RANKED: tuple[State, ...] = ("checked", "replayed", "reproduced")
MEANING: dict[State, str] = {
    "claimed": "its check finds problems; not ranked",
    "checked": "complete and consistent, as far as its files tell",
    "replayed": "its policies score what its rows say",
    "reproduced": "trained again, it scores what its rows say",
    "disputed": "a verification contradicts it; not ranked",
}


def state_of(checked: CheckedEntry) -> State:
    """A verification counts for the very files that it was about; one that failed outweighs one that passed. An entry
    is replayed when all of its policies are."""
    if checked.problems or checked.evidence is None:
        return "claimed"
    found = read_verification(checked.evidence.directory)
    if found is None:
        return "checked"
    if any(verdict is not None and not verdict.passed for verdict in (found.replay, found.rerun)):
        return "disputed"
    if found.rerun is not None:
        return "reproduced"
    return "replayed" if found.replay is not None and found.replay.complete else "checked"
