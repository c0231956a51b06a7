"""Ctrl-C and SIGTERM end the process within seconds, also in the middle of a long compiled program."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

STATUS = 75
"""The exit status of what was stopped before its end: EX_TEMPFAIL of sysexits.h, try again later."""
_GRACE_SECONDS = 2.0

_requested = threading.Event()
_rescue: Callable[[], None] | None = None


def install() -> None:
    """Makes SIGTERM raise KeyboardInterrupt, as SIGINT does, and ends the process where neither gets through.

    Python runs signal handlers between its own instructions, and a compilation or a generation can be one instruction
    of many minutes. Rows are whole on disk as soon as they are written, so the process may end at any time. Only for
    the command line, and only in the main thread: a notebook must not be ended.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _handle)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    threading.Thread(target=_end_after_grace, args=(read_end,), daemon=True).start()


def requested() -> bool:
    """Whether the process has been told to end."""
    return _requested.is_set()


@contextmanager
def rescuing(rescue: Callable[[], None]) -> Generator[None, None, None]:
    """Inside, a signal raises nothing: the block looks at `requested` between its steps and ends by itself.

    Where it has not after the grace, `rescue` is called, in another thread, and the process ends.
    """
    global _rescue
    _rescue = rescue
    try:
        yield
    finally:
        _rescue = None


def leave() -> None:
    """Ends the process now, with the status of an interrupt: an orderly exit would wait for the running program."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STATUS)


def _handle(signum, frame):
    _requested.set()
    if _rescue is None:
        raise KeyboardInterrupt


def _end_after_grace(read_end: int) -> None:
    # The C-level handler writes each signal's number as it arrives, also while Python is busy.
    while not {signal.SIGINT, signal.SIGTERM} & set(os.read(read_end, 1)):
        pass
    _requested.set()
    time.sleep(_GRACE_SECONDS)
    try:
        if _rescue is not None:
            _rescue()
        print("interrupted: what was finished is on disk", file=sys.stderr)
    except Exception as error:
        print(f"interrupted: {error}", file=sys.stderr)
    leave()
