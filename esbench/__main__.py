"""`python -m esbench` and the `esbench` command."""

import io
import os
import signal
import sys


def main() -> None:
    """The command line as a process: interrupts end it within seconds, with status 75."""
    _make_streams_safe()
    from esbench.cli import main as command
    from esbench.experiment.one_run import interrupt

    interrupt.install()
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output, such as `head`, has enough.
        _discard_output()
        status = 128 + signal.SIGPIPE
    except OSError as error:
        if error.filename is not None:  # of a file, not of the output
            raise
        _discard_output()
        print(f"esbench: the output cannot be written: {error.strerror}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("interrupted: what was finished is on disk", file=sys.stderr)
        interrupt.leave()
    sys.exit(status)


def _make_streams_safe() -> None:
    """Printing never raises an error. A stream that was closed (`>&-`) is the null device. A character that the
    terminal's encoding lacks is written as its number."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free is given: else the next file would get it, and all that is printed.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 for the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """What is buffered must not fail once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
