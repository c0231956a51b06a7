"""What a run that failed left in its directory: the error of every attempt, each with its moment before it."""

from pathlib import Path

ERROR_FILE = "error.txt"


def last_error(run: Path) -> str:
    """The first line of the last attempt's error, empty where there is none."""
    try:
        attempts = (run / ERROR_FILE).read_text().split("\n\n")
    except OSError:
        return ""
    lines = [attempt.splitlines()[0] for attempt in attempts if attempt[:2] == "20"]
    return lines[-1].partition(" ")[2] if lines else ""
