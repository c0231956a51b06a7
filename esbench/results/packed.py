"""Sets of runs that are kept: all seeds of one algorithm on one task as one file, compressed.

    python -m esbench.results.packed results/ppo

packs every finished run below a directory: `<name>/runs.jsonl.gz` takes the place of `<name>/seed-<n>/run.jsonl`. It is
their lines one after the other, so `zcat` shows them, and each run begins with its manifest. Every reader takes both.
"""

import gzip
import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from esbench.errors import InputError
from esbench.results.files import replacing
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE, DamagedRunError, RunDirectory

PACKED = "runs.jsonl.gz"
_MANIFEST = re.compile(rb'^\{"kind": ?"manifest"', re.MULTILINE)


def unpacked(file: Path) -> Iterator[tuple[Path, bytes]]:
    """Of every run in `file` its directory, as it was before, and what its `run.jsonl` held. DamagedRunError where the
    file is not what `pack` writes."""
    try:
        for seed, rows in runs_in(gzip.decompress(file.read_bytes())):
            yield file.parent / f"seed-{seed}", rows
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DamagedRunError(f"{file}: not packed runs ({error})") from error


def runs_in(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Of every run its seed, and its own part of `content`, which is theirs one after the other. ValueError where it
    does not begin with a manifest, or one has no seed."""
    starts = [match.start() for match in _MANIFEST.finditer(content)]
    if starts[:1] != [0]:
        raise ValueError("the first line is no manifest")
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        first, *_ = content[start:end].split(b"\n", 1)
        seed = json.loads(first).get("seed")
        if type(seed) is not int or seed < 0:
            raise ValueError(f"seed {seed!r}: expected a whole number, 0 or more")
        yield seed, content[start:end]


def packed(rows: Iterable[bytes]) -> bytes:
    """The content of PACKED for what the `run.jsonl` of some runs hold, in the order of their seeds."""
    return gzip.compress(b"".join(rows), mtime=0)


def pack(directory: Path) -> list[Path]:
    """Packs the runs below `directory`; the files. The bytes depend on the rows alone. Policies go. InputError, with
    nothing changed, where a run is not finished."""
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
