"""What a run that failed left in its directory: the error of every attempt, each with its moment before it."""

from pathlib import Path

ERROR_FILE = "error.txt"
AGAIN = "; trying again"
"""How the first line ends of an attempt that was not the last."""


def last_error(run: Path) -> str:
    """The first line of the last attempt's error, empty where there is none."""
    try:
        attempts = (run / ERROR_FILE).read_text(encoding="utf-8", errors="replace").split("\n\n")
    except OSError:
        return ""
    lines = [attempt.splitlines()[0] for attempt in attempts if attempt[:2] == "20"]
    return lines[-1].partition(" ")[2] if lines else ""


def has_failed(run: Path) -> bool:
    """Whether the run left an error and was given up: not where another attempt was to follow."""
    return (run / ERROR_FILE).exists() and not last_error(run).endswith(AGAIN)
