"""Files that are whole or absent."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO, None, None]:
    """A new file that replaces `path` when the block ends. A reader sees the old one or the new one, never a part.
    After an error the old one is left, and nothing of the new one."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
