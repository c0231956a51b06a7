"""One process at a time in a run directory: a lock that the system drops when its process dies, however it dies."""

import fcntl
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from esbench.errors import InputError, StorageError

LOCK_FILE = ".lock"
_TRIES = 10


class RunInUseError(InputError):
    """Another process runs this run now."""

    @classmethod
    def of(cls, path: Path) -> "RunInUseError":
        try:
            holder = (path / LOCK_FILE).read_text()
        except OSError:
            holder = ""
        return cls(f"{path} is being run by {holder or 'another process'}: wait for it, or choose another --name")


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Holds the run directory `path`, made where there is none; RunInUseError where another process holds it.

    StorageError where the directory cannot be written.
    """
    for attempt in range(_TRIES):
        if (descriptor := _acquire(path)) is not None:
            break
        if attempt + 1 < _TRIES:
            time.sleep(0.05)  # whoever only looks lets go at once
    else:
        raise RunInUseError.of(path)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            (path / LOCK_FILE).unlink()
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process is running the run in `path`."""
    try:
        descriptor = os.open(path / LOCK_FILE, os.O_RDONLY)  # somebody else's file, or disk, may only be read
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _acquire(path: Path) -> int | None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StorageError.of(f"a run to {path}", error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The holder before may have removed the file between our two calls: then others lock another one.
        if os.path.samestat(os.fstat(descriptor), os.stat(path / LOCK_FILE)):
            with suppress(OSError):  # only for people; a full disk shows later
                os.truncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None
