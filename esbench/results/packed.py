"""The rows of all seeds of one algorithm on one task as one file, compressed: `runs.jsonl.gz` holds what the
`run.jsonl` of each held, one after the other. `zcat` shows them, and each run begins with its manifest. Every reader
takes both."""

import gzip
import json
import re
import zlib
from collections.abc import Iterable

PACKED = "runs.jsonl.gz"
MAX_BYTES = 64 * 2**20
"""Of what a file holds; a packed set has less than a hundredth."""
_MANIFEST = re.compile(rb'^\{"kind": ?"manifest"', re.MULTILINE)
_LARGEST_SEED = 2**53


def packed(rows: Iterable[bytes]) -> bytes:
    """The content of PACKED for what the `run.jsonl` of some runs hold, in the order of their seeds. The same bytes for
    the same rows, by the same versions of Python and zlib."""
    return gzip.compress(b"".join(rows), mtime=0)


def decompress(content: bytes, most: int = MAX_BYTES) -> bytes:
    """What `packed` compressed. ValueError where it is no gzip file, carries a name or a comment, is cut off or goes on
    behind its end, or holds more than `most` bytes."""
    reader = zlib.decompressobj(wbits=31)
    try:
        held = reader.decompress(content, most + 1)
    except zlib.error as error:
        raise ValueError(f"no gzip file: {error}") from error
    if len(held) > most:
        raise ValueError(f"it holds more than {most // 2**20} MiB")
    if not reader.eof or reader.unused_data:
        raise ValueError("it goes on behind its end" if reader.eof else "it is cut off")
    if content[3]:  # flags: what follows them in the header is no row
        raise ValueError("its header has more than that of a compressed text")
    return held


def runs_in(content: bytes) -> dict[int, bytes]:
    """By its seed every run's own part of `content`, which is theirs one after the other. ValueError where it does not
    begin with a manifest, or a seed is none or there twice."""
    starts = [match.start() for match in _MANIFEST.finditer(content)]
    if starts[:1] != [0]:
        raise ValueError("the first line is no manifest")
    runs: dict[int, bytes] = {}
    for start, end in zip(starts, [*starts[1:], len(content)], strict=True):
        first, *_ = content[start:end].split(b"\n", 1)
        try:
            seed = json.loads(first).get("seed")
        except RecursionError as error:
            raise ValueError("a manifest is nested too deep") from error
        if type(seed) is not int or not 0 <= seed <= _LARGEST_SEED:
            raise ValueError("a seed is no whole number from 0 to 2^53")
        if seed in runs:
            raise ValueError(f"seed {seed} is there twice")
        runs[seed] = content[start:end]
    return runs
