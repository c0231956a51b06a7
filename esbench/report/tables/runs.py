"""The raw rows behind the tables: one line a run."""

import hashlib
from collections.abc import Sequence

import pandas as pd

from esbench.report.table import Shown, Table, words
from esbench.results.load import Run
from esbench.results.run_directory import ROWS_FILE


def runs_table(runs: Sequence[Run]) -> Table:
    """Every run with where it was computed and the hash of its file: a changed row changes this table. A run in memory
    has no file."""
    numbers = [_numbers(run) for run in runs]
    rows = [
        [
            *words(*(values[name] for name in ("tier", "task", "algorithm"))),
            *words(
                values["status"],
                values["device"],
                values["precision"],
                values["commit"][:10],
                values["sha256"][:12] or "-",
            ),
            *(Shown(str(values[name]), values[name]) for name in ("seed", "rows")),
        ]
        for values in numbers
    ]
    columns = (
        *("Tier", "Task", "Algorithm", "Status", "Hardware", "Precision", "Commit", "SHA-256"),
        *("Seed", "Rows"),
    )
    notes = ["Commit: of esbench; + where files had been changed since. SHA-256: of run.jsonl, whole in the CSV."]
    return Table("runs", "Runs", columns, 8, rows, pd.DataFrame(numbers), notes)


def _numbers(run: Run) -> dict:
    manifest = run.manifest
    return {
        "tier": manifest.tier,
        "task": manifest.task["id"],
        "algorithm": manifest.name,
        "seed": manifest.seed,
        "status": "finished" if run.finished else "unfinished",
        "rows": len(run.rows),
        "device": str(manifest.device),
        "precision": getattr(manifest.options, "precision", ""),
        "jax": manifest.versions.get("jax", ""),
        "esbench": manifest.versions.get("esbench", ""),
        "commit": (manifest.commit or "unknown") + ("+" if manifest.dirty else ""),
        "config_hash": manifest.config_hash,
        "started": manifest.started,
        "sha256": hashlib.sha256((run.path / ROWS_FILE).read_bytes()).hexdigest() if run.path else "",
    }
