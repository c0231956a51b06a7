"""All rows below some directories as one table."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from esbench.errors import InputError
from esbench.results.packed import PACKED
from esbench.results.records import Manifest, Row
from esbench.results.run_directory import ROWS_FILE, RunDirectory, unpacked
from esbench.tasks.spec import RL, TaskSpec

_IDENTITY = ("tier", "task", "algorithm", "seed")
COUNTS = ("generation", "useful_steps", "computed_steps", "sequential_steps")
CLOCKS = ("compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds")
_RUN = ("parameters", "budget", "action_mode", "device", "status", "run", "track", "measure", "value", "implementation")


class Run(Protocol):
    """What a table is made of: a run on disk (`RunDirectory`) or in memory (`esbench.train`)."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def rows(self) -> list[Row]: ...
    @property
    def finished(self) -> bool: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def cut_off(self) -> bool: ...


def load_runs(*directories: str | os.PathLike[str]) -> list[RunDirectory]:
    """All runs at or below `directories`, packed ones too, each once, ordered by tier, task, name, seed and path.

    InputError where a directory is missing, or holds no run.
    """
    found: dict[Path, RunDirectory] = {}
    for directory in map(Path, directories):
        if not directory.is_dir():
            raise InputError(f"no directory {str(directory)!r}: expected one with runs, such as runs/lite")
        for file in directory.rglob(ROWS_FILE):
            if (path := file.parent.resolve()) not in found:
                found[path] = RunDirectory.open(file.parent)
        for file in directory.rglob(PACKED):
            for run, content in unpacked(file):
                if (path := run.resolve()) not in found:
                    found[path] = RunDirectory.parse(run, content)
    if not found:
        raise InputError(
            f"no runs below {', '.join(map(str, directories))}: expected directories with {ROWS_FILE} or {PACKED}"
        )
    return sorted(found.values(), key=lambda run: (run_identity(run), str(run.path)))


def run_identity(run: Run) -> tuple[str, str, str, int]:
    """(tier, task, name, seed): what tells a run from every other."""
    return run.manifest.tier, run.manifest.task["id"], run.manifest.name, run.manifest.seed


def load_results(*directories: str | os.PathLike[str]) -> pd.DataFrame:
    """One row per evaluation of every run below `directories`, in the order of `load_runs`.

    Columns: `tier, task, algorithm, seed`, where `algorithm` is the run's name. Counts and seconds are totals since the
    start; `final` marks the score row. The scores are named by the task's measure. Of the run: `parameters, budget,
    action_mode, device`, `status` ("finished" or "unfinished"), `run` (its directory), `track`, `implementation` (the
    algorithm itself). `measure` and `value` are the measure's name and mean, on all tasks. Then one float column per
    training metric, NaN without a value. A metric with another column's name is prefixed with `training_`.

    Of environments the scores are `return_mean`, `return_std`, `return_mean_greedy`, `return_mean_sample`,
    `length_mean`, `episodes` and `distinct_episodes`; of a measure `accuracy` of examples `accuracy_mean`,
    `accuracy_std`, `examples`, `distinct_examples`. Columns of other tasks, and scores that older versions did not
    record, are NaN.
    A last line that was cut off is left out, with a warning. InputError as in `load_runs`, and where a run is damaged.
    """
    return results_of(load_runs(*directories))


def results_of(runs: Sequence[Run]) -> pd.DataFrame:
    """`load_results` for runs that are loaded already."""
    named = [
        (_own(run, row, spec), row.training)
        for run in runs
        for spec in [TaskSpec.from_json(run.manifest.task)]
        for row in run.rows
    ]
    scores = dict.fromkeys(name for values, _ in named for name in values)
    first = (*_IDENTITY, *COUNTS)
    last = (*CLOCKS, "final", *_RUN)
    order = [*first, *(name for name in scores if name not in (*first, *last)), *last]
    training = dict.fromkeys(_training_name(name, order) for _, metrics in named for name in metrics)
    rows = [
        {**values, **{_training_name(name, order): value for name, value in metrics.items()}}
        for values, metrics in named
    ]
    return pd.DataFrame(rows, columns=[*order, *training]).astype(dict.fromkeys(training, float))


def columns(run: Run, row: Row) -> dict[str, Any]:
    """A row's columns by name, as `load_results` has them."""
    own = _own(run, row, TaskSpec.from_json(run.manifest.task))
    return {**own, **{_training_name(name, list(own)): value for name, value in row.training.items()}}


def _own(run: Run, row: Row, spec: TaskSpec) -> dict[str, Any]:
    """A row's columns by name, and its training metrics."""
    manifest = run.manifest
    return {
        **dict(zip(_IDENTITY, run_identity(run), strict=True)),
        **{name: getattr(row, name) for name in COUNTS},
        **scores(row, spec),
        **{name: getattr(row, name) for name in (*CLOCKS, "final")},
        "parameters": manifest.parameters,
        "budget": manifest.budget,
        "action_mode": manifest.action_mode,
        "device": str(manifest.device),
        "status": "finished" if run.finished else "unfinished",
        "run": str(run.path or ""),
        "track": manifest.task.get("track", RL),
        "measure": row.measure,
        "value": row.value,
        "implementation": manifest.algorithm,
    }


def scores(row: Row, spec: TaskSpec) -> dict[str, float]:
    """What a row's evaluation gave, by the names of columns: `return_mean` of `return`, `return_mean_greedy` of
    `return_greedy`, `length_mean` of `length`; the measure first, with its spread."""
    measure = row.measure

    def column(name: str) -> str:
        variant = name.removeprefix(f"{measure}_")
        return f"{measure}_mean_{variant}" if variant != name else f"{name}_mean"

    others = {column(name): value for name, value in row.scores.items() if name != measure}
    samples = f"{spec.measure.sample}s"
    return {
        f"{measure}_mean": row.value,
        f"{measure}_std": row.std,
        **others,
        samples: row.samples,
        f"distinct_{samples}": row.distinct_samples,
    }


def _training_name(name: str, others: Sequence[str]) -> str:
    return f"training_{name}" if name in others else name
