"""What a reader is told before a run compiles: how long that took before, and what follows."""

import warnings

from esbench.errors import InputError
from esbench.experiment.options.config import RunConfig
from esbench.experiment.terminal.progress import duration
from esbench.results.run_directory import ROWS_FILE, RunDirectory
from esbench.results.score_rule import ROWS


def compiling(config: RunConfig) -> str:
    """One line, such as "compiling (0:14 in an earlier run), then 400,000 steps with 20 evaluations"."""
    seconds = _earlier(config)
    before = "" if seconds is None else f" ({duration(seconds)} in an earlier run)"
    return f"compiling{before}, then {config.budget:,} {config.task.spec.cost_word} with {ROWS} evaluations"


def _earlier(config: RunConfig) -> float | None:
    """Seconds that the newest run of this name on this task compiled for; None where there is none to read."""
    files = config.path(0).parent.glob(f"seed-*/{ROWS_FILE}")
    newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
    if newest is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a last line that was cut off
            rows = RunDirectory.open(newest.parent).rows
    except InputError:
        return None
    return rows[-1].compile_seconds if rows else None
