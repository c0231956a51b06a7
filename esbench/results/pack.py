"""Packs sets of runs that stay as they are.

    python -m esbench.results.pack results/ppo

packs every finished run below a directory: `<name>/runs.jsonl.gz` takes the place of `<name>/seed-<n>/run.jsonl`.
"""

import sys
from pathlib import Path

from esbench.errors import InputError
from esbench.results.files import replacing
from esbench.results.packed import PACKED, packed
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE, RunDirectory


def pack(directory: Path) -> list[Path]:
    """Packs the runs below `directory`; the files. Policies go. InputError, with nothing changed, where a run is not
    finished."""
    folders: dict[Path, list[RunDirectory]] = {}
    for file in directory.rglob(ROWS_FILE):
        run = RunDirectory.open(file.parent)
        if not run.finished:
            raise InputError(f"{run.path} holds an unfinished run: expected finished ones")
        folders.setdefault(file.parent.parent, []).append(run)
    for folder, runs in folders.items():
        if (folder / PACKED).exists():
            raise InputError(f"{folder / PACKED} is there already, beside {len(runs)} runs that are not packed")
    for folder, runs in folders.items():
        ordered = sorted(runs, key=lambda run: run.manifest.seed)
        content = packed((run.path / ROWS_FILE).read_bytes() for run in ordered)
        with replacing(folder / PACKED) as new:
            new.write(content)
        for run in ordered:
            for name in (ROWS_FILE, POLICY_FILE):
                (run.path / name).unlink(missing_ok=True)
            run.path.rmdir()
    return [folder / PACKED for folder in folders]


if __name__ == "__main__":
    for _directory in sys.argv[1:]:
        pack(Path(_directory))
