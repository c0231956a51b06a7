"""One process at a time in a run directory: a lock that the system drops when its process dies, however it dies."""

import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor

from esbench.errors import InputError, StorageError

LOCK_FILE = ".lock"
# Seconds. A process that only looks holds the lock too, and lets go at once.
_PATIENCE = 0.5
_LOOKS, _LOOK = 4, 0.001


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

    StorageError where the directory cannot be written, or lies on a disk without locks.
    """
    lock = FileLock(path / LOCK_FILE, timeout=_PATIENCE, fallback_to_soft=False, on_acquired=_sign)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RunInUseError.of(path) from None
    except OSError as error:
        raise StorageError.of(f"a run to {path}", error) from error
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held: a process that waits sees that its file is gone, and makes another
            (path / LOCK_FILE).unlink()
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether a process is running the run in `path`; also where a run left its lock and only its user can tell."""
    file = path / LOCK_FILE
    try:
        # Network disks lock only what may be written. Another user's file, or disk, may be read-only.
        descriptor = os.open(file, os.O_RDWR if os.access(file, os.W_OK) else os.O_RDONLY)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        return all(_is_held(descriptor) for _ in range(_LOOKS))
    except OSError:
        return True
    finally:
        os.close(descriptor)


def _is_held(descriptor: int) -> bool:
    if lock_descriptor(descriptor, blocking=False):
        return False
    time.sleep(_LOOK)
    return True


def _sign(descriptor: int) -> None:
    with suppress(OSError):  # only for people; a full disk shows later
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
