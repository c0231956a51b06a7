"""`python -m esbench` and the `esbench` command."""

import os
import signal
import sys


def main() -> None:
    """The command line as a process: interrupts end it within seconds, with status 75."""
    from esbench.cli import main as command
    from esbench.experiment import interrupt

    interrupt.install()
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has enough; what is buffered must not fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("interrupted: what was finished is on disk", file=sys.stderr)
        interrupt.leave()
    sys.exit(status)


if __name__ == "__main__":
    main()
