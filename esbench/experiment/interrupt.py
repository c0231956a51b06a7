"""Ctrl-C and SIGTERM end the process within seconds, also in the middle of a long compiled program."""

import os
import signal
import sys
import threading
import time

STATUS = 130
_GRACE_SECONDS = 2.0


def install() -> None:
    """Makes SIGTERM raise KeyboardInterrupt, as SIGINT does, and ends the process where neither gets through.

    Python runs signal handlers between its own instructions, and a compilation or a generation can be one instruction
    of many minutes. Rows are whole on disk as soon as they are written, so the process may end at any time. Only for
    the command line, and only in the main thread: a notebook must not be ended.
    """
    signal.signal(signal.SIGTERM, _raise)
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    threading.Thread(target=_end_after_grace, args=(read_end,), daemon=True).start()


def leave() -> None:
    """Ends the process now, with the status of an interrupt: an orderly exit would wait for the running program."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STATUS)


def _raise(signum, frame):
    raise KeyboardInterrupt


def _end_after_grace(read_end: int) -> None:
    # The C-level handler writes each signal's number as it arrives, whatever Python is doing.
    while not {signal.SIGINT, signal.SIGTERM} & set(os.read(read_end, 1)):
        pass
    time.sleep(_GRACE_SECONDS)
    print("interrupted: the rows so far are on disk", file=sys.stderr)
    leave()
