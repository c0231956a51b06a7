"""The command line: a file a command; names and options are a contract."""

from esbench.cli.app import main

__all__ = ["main"]
