"""`python -m esbench` and the `esbench` command."""

import sys


def main() -> None:
    """The command line as a process: interrupts end it within seconds, with status 130."""
    from esbench.cli import main as command
    from esbench.experiment import interrupt

    interrupt.install()
    try:
        status = command()
    except KeyboardInterrupt:
        print("interrupted: the rows so far are on disk", file=sys.stderr)
        interrupt.leave()
    sys.exit(status)


if __name__ == "__main__":
    main()
