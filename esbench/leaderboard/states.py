"""How far an entry has come: derived from its check and its verification, never stated by anybody."""

from typing import Any

from esbench.leaderboard.check import Checked
from esbench.leaderboard.entry import VERIFICATION_FILE, EntryDirectory, State
from esbench.leaderboard.safe_files import read_json

RANKED: tuple[State, ...] = ("checked", "replayed", "reproduced")
MEANING: dict[State, str] = {
    "claimed": "its check finds problems; not ranked",
    "checked": "complete and consistent, as far as its files tell",
    "replayed": "its policies score what its rows say",
    "reproduced": "trained anew, it scores what its rows say",
    "disputed": "a verification contradicts it; not ranked",
}


def state_of(checked: Checked) -> State:
    """A verification counts for the very files that it was about; one that failed outweighs one that passed."""
    if checked.problems or checked.evidence is None:
        return "claimed"
    passed = _verdicts(checked.evidence.directory)
    if False in passed.values():
        return "disputed"
    return "reproduced" if "rerun" in passed else "replayed" if "replay" in passed else "checked"


def _verdicts(directory: EntryDirectory) -> dict[str, bool]:
    """Whether the entry passed, by the modes of its verification."""
    content = directory.files.get(VERIFICATION_FILE)
    if content is None:
        return {}
    stated: Any = read_json(content, str(directory.path / VERIFICATION_FILE))
    if stated["tree_hash"] != directory.tree_hash:
        return {}
    return {mode: stated[mode]["passed"] for mode in ("replay", "rerun") if stated.get(mode)}
