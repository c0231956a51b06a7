"""Reading a directory that a stranger filled: once, within limits, and only plain files inside it."""

import itertools
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from esbench.errors import InputError

MAX_FILES = 1000
MAX_FILE_BYTES = 4 * 2**20
MAX_TOTAL_BYTES = 32 * 2**20
MAX_LINES = 1000
"""Of a run: a manifest and its rows, of which a board has tens."""
MAX_DEPTH = 32
"""Of nested lists and objects in JSON: ten times what esbench writes, a thirtieth of what a parser can take."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Matches at every quotation mark, closed or not: one that could fail there would try again from each.
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.?)*"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


def read_tree(directory: Path) -> dict[str, bytes]:
    """The content of every file below `directory` by its path there, written with '/', in order.

    InputError, one line, where it is no directory, or holds a link of either kind, a device or an empty directory.
    Names have letters, digits, '.', '_' and '-' only. Limits are MAX_FILE_BYTES a file, MAX_FILES files, and
    MAX_TOTAL_BYTES in all.
    """
    if directory.is_symlink() or not directory.is_dir():
        raise InputError(f"{directory}: expected a directory, and no link to one")
    files: dict[str, bytes] = {}
    try:
        for path in _walk(directory, MAX_FILES):
            files[path] = read_file(directory / path)
            check_limits(directory, files)
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error
    return dict(sorted(files.items()))


def check_limits(directory: Path, files: Mapping[str, bytes]) -> None:
    """InputError where `files` of `directory` are more than MAX_FILES, or hold more than MAX_TOTAL_BYTES in all."""
    if within_limits(files):
        return
    most = f"{MAX_FILES} files" if len(files) > MAX_FILES else f"{MAX_TOTAL_BYTES // 2**20} MiB in all"
    raise InputError(f"{directory}: more than {most}")


def within_limits(files: Mapping[str, bytes]) -> bool:
    """Whether there are at most MAX_FILES, of at most MAX_TOTAL_BYTES in all."""
    return len(files) <= MAX_FILES and sum(map(len, files.values())) <= MAX_TOTAL_BYTES


def _walk(directory: Path, most: int) -> list[str]:
    """The paths of all files, looked at without following anything."""
    found: list[str] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(directory / folder) as scanned:
            entries = list(itertools.islice(scanned, most + 1))
            if folder and not entries:
                raise InputError(f"{directory}/{folder} is empty")
            for entry in entries:
                where = f"{directory}/{folder}{entry.name}"
                if not _NAME.fullmatch(entry.name):
                    raise InputError(
                        f"{where!a}: expected a name of letters, digits, '.', '_' and '-', beginning with a "
                        "letter or digit"
                    )
                if entry.is_symlink():
                    raise InputError(f"{where} is a link: expected plain files only")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                elif entry.is_file(follow_symlinks=False):
                    if entry.stat(follow_symlinks=False).st_nlink > 1:
                        raise InputError(f"{where} is a hard link: expected files of their own")
                    found.append(folder + entry.name)
                else:
                    raise InputError(f"{where} is something else than a file or a directory")
                if len(found) + len(folders) > most:
                    raise InputError(f"{directory}: more than {most} files")
    return found


def read_file(path: Path) -> bytes:
    """The content of a plain file; InputError for a pipe, a device, or more than MAX_FILE_BYTES, OSError for a link or
    what cannot be read."""
    # Looked at when it is open: nothing can have been put in its place. Opening a pipe does not wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InputError(f"{path} is no plain file")
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{path} is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return content


def is_inside(path: str) -> bool:
    """Whether `path`, as a stranger wrote it, names a file below its directory."""
    parts = PurePosixPath(path).parts
    return bool(parts) and "/".join(parts) == path and all(_NAME.fullmatch(part) for part in parts)


def decode(content: bytes, where: str) -> str:
    """`content` as text; InputError where it is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8: byte {error.start} is {content[error.start]:#04x}") from error


def read_json(content: bytes, where: str) -> Any:
    """The value of a JSON document. InputError unless it is UTF-8 and strict JSON, nested to MAX_DEPTH at most. NaN,
    infinity and a name twice in one object are refused, since readers differ on them."""
    text = decode(content, where)
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise InputError(f"{where} is nested {deepest} deep: expected at most {MAX_DEPTH}")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {error}") from error


def read_json_lines(content: bytes, where: str) -> None:
    """InputError where there are more than MAX_LINES, or one of them, named, is not as `read_json` has it."""
    lines = content.removesuffix(b"\n").split(b"\n")
    if len(lines) > MAX_LINES:
        raise InputError(f"{where} has {len(lines):,} lines: expected at most {MAX_LINES:,}")
    for number, line in enumerate(lines, start=1):
        read_json(line, f"{where}, line {number}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return values


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):
        raise ValueError(f"{text} is larger than any float")
    return value


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
