"""A study as parts by name, each a few commands of esbench: all of them are run, or those that are named."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence


def run_parts(description: str | None, kind: str, parts: Mapping[str, Callable[[], Iterable[Sequence[str]]]]) -> None:
    """Prints and runs the commands of the parts that the command line names, without names those of all.

    description: of `--help`. kind: what a part is called. Raises CalledProcessError where a command fails.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chosen", nargs="*", metavar=kind, default=list(parts), help=", ".join(parts))
    chosen = parser.parse_args().chosen
    if unknown := set(chosen) - set(parts):
        parser.error(f"no {kind} {', '.join(sorted(unknown))}: expected some of {', '.join(parts)}")
    for words in (words for part in chosen for words in parts[part]()):
        print("esbench", *words, flush=True)
        subprocess.run([sys.executable, "-m", "esbench", *words], check=True)
