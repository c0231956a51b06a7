"""A file of the user's that a task is made of: `text:PATH`, `gsm8k:PATH`."""

import hashlib
from pathlib import Path

from esbench.errors import InputError


def read(name: str) -> bytes:
    """What stands in the file of `kind:PATH`. InputError where it cannot be read."""
    kind, _, path = name.partition(":")
    try:
        return Path(path).expanduser().read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name} cannot be read: {reason}: expected {kind}:PATH") from error


def check(name: str, content: bytes, sha256: str) -> None:
    """InputError where the content of the file of `kind:PATH` is another than that of this digest."""
    if (found := digest(content)) != sha256:
        raise InputError(f"{name} has the sha256 {found}: expected {sha256}, that it had before")


def digest(content: bytes) -> str:
    """sha256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()
