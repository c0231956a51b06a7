"""The raw rows behind the tables: one line a run."""

import pandas as pd

from esbench.report import registry
from esbench.report.section import Section
from esbench.report.table import Column, Table, named, number, words
from esbench.report.table_cell import word
from esbench.results.load import Run


@registry.table("runs")
def runs_table(section: Section) -> Table:
    """Every run with where it was computed and the hash of its file: a changed row changes this table. A run in memory
    has no file."""
    options = dict.fromkeys(name for run in section.runs for name in _options(run))
    layout = [
        *named("Tier", "Task", "Algorithm", "Status"),
        words("Hardware", "device"),
        *(words(name.capitalize(), name) for name in options),
        Column("Commit", lambda row: word(row["commit"][:10]), words=True),
        Column("SHA-256", lambda row: word(row["sha256"][:12] or "-"), words=True),
        number("Seed", "seed"),
        number("Rows", "rows"),
    ]
    notes = ["Commit: of esbench; + marks files changed since. SHA-256: of run.jsonl, in full in the CSV."]
    data = pd.DataFrame(map(_numbers, section.runs))
    return Table("Runs", data, layout, notes, asks="Which runs is this made of?")


def _options(run: Run) -> dict[str, str]:
    """Those that are in no other column or table."""
    return {name: str(value) for name, value in (run.manifest.options.model_extra or {}).items()}


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
        **_options(run),
        "jax": manifest.versions.get("jax", ""),
        "esbench": manifest.versions.get("esbench", ""),
        "commit": (manifest.commit or "unknown") + ("+" if manifest.dirty else ""),
        "config_hash": manifest.config_hash,
        "started": manifest.started,
        "sha256": getattr(run, "digest", ""),
    }
