"""All rows below some directories as one table."""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from esbench.errors import InputError
from esbench.results.records import Row
from esbench.results.run_directory import ROWS_FILE, RunDirectory

_IDENTITY = ("tier", "task", "algorithm", "seed")
_ROW = tuple(name for name in Row.model_fields if name not in ("kind", "training"))
_RUN = ("parameters", "budget", "action_mode", "device", "status", "run")
_COLUMNS = _IDENTITY + _ROW + _RUN


def load_runs(*directories: str | os.PathLike[str]) -> list[RunDirectory]:
    """All runs at or below `directories`, each once, ordered by tier, task, name, seed and path.

    InputError where a directory does not exist or there is no run at all.
    """
    paths: dict[Path, Path] = {}
    for directory in map(Path, directories):
        if not directory.is_dir():
            raise InputError(f"no directory {str(directory)!r}: expected one with runs, such as runs/lite")
        for file in directory.rglob(ROWS_FILE):
            paths.setdefault(file.parent.resolve(), file.parent)
    if not paths:
        raise InputError(f"no runs below {', '.join(map(str, directories))}: expected directories with {ROWS_FILE}")
    runs = [RunDirectory.open(path) for path in paths.values()]
    return sorted(runs, key=lambda run: (run_identity(run), str(run.path)))


def run_identity(run: RunDirectory) -> tuple[str, str, str, int]:
    """(tier, task, name, seed): what tells a run from every other."""
    return run.manifest.tier, run.manifest.task["id"], run.manifest.name, run.manifest.seed


def load_results(*directories: str | os.PathLike[str]) -> pd.DataFrame:
    """One row per evaluation of every run below `directories`, in the order of `load_runs`.

    Columns: `tier, task, algorithm, seed` (`algorithm` is the run's name); the fields of a Row (counts and seconds
    are totals since the start; `final` marks the score row); of the run, `parameters, budget, action_mode, device`,
    `status` ("finished" or "unfinished") and `run` (its directory); then one float column per training metric, NaN
    where there is no value. A metric with another column's name is prefixed with `training_`.
    A last line that was cut off is left out, with a warning. InputError as in `load_runs`, and where a run is damaged.
    """
    return results_of(load_runs(*directories))


def results_of(runs: list[RunDirectory]) -> pd.DataFrame:
    """`load_results` for runs that are loaded already."""
    rows = [_columns(run, row) for run in runs for row in run.rows]
    training = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in _COLUMNS]
    return pd.DataFrame(rows, columns=[*_COLUMNS, *training]).astype(dict.fromkeys(training, float))


def _columns(run: RunDirectory, row: Row) -> dict[str, Any]:
    manifest = run.manifest
    status = "finished" if run.finished else "unfinished"
    return {
        **dict(zip(_IDENTITY, run_identity(run), strict=True)),
        **{name: getattr(row, name) for name in _ROW},
        "parameters": manifest.parameters,
        "budget": manifest.budget,
        "action_mode": manifest.action_mode,
        "device": str(manifest.device),
        "status": status,
        "run": str(run.path),
        **{f"training_{name}" if name in _COLUMNS else name: value for name, value in row.training.items()},
    }
