"""The command line as a process: whatever its streams are, nothing ends in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from esbench.results.error_file import last_error


def esbench(command: str, **variables: str) -> subprocess.CompletedProcess:
    """`esbench` in a shell, `command` being what follows the name."""
    line = f"{sys.executable} -m esbench {command}"
    return subprocess.run(["sh", "-c", line], capture_output=True, env={**os.environ, **variables})


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1:strict", "utf-8"])
def test_a_character_that_the_terminal_lacks_is_written_as_its_number(encoding):
    """Whatever a command prints; a file's name may have bytes that are no character at all."""
    code = (
        "from esbench import __main__, cli; "
        'cli.main = lambda: print("a \\u2192 b" if len(__import__("sys").argv) > 1 else "\\udcff") or 0; '
        "__main__.main()"
    )
    for arguments, said in ((["x"], "a → b".encode() if encoding == "utf-8" else b"a \\u2192 b"), ([], b"\\udcff")):
        variables = {**os.environ, "PYTHONIOENCODING": encoding}
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, env=variables)
        assert (done.returncode, done.stdout, done.stderr) == (0, said + b"\n", b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed):
    done = esbench(f"tasks {closed}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"task ") == (">&-" not in closed.replace("2>&-", ""))
    done = esbench(f"tasks show Antt {closed}")
    assert done.returncode == 2 and b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_a_full_disk_behind_the_output_is_one_line():
    done = esbench("tasks > /dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["esbench: the output cannot be written: No space left on device"]


def test_errors_of_runs_are_kept_in_a_locale_without_their_characters(tmp_path):
    code = (
        "import sys; from pathlib import Path; from types import SimpleNamespace; "
        "from esbench.experiment.many_runs.jobs import record_error; "
        'record_error(SimpleNamespace(path=Path(sys.argv[1])), "a \\u2192 b")'
    )
    posix = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, **posix})
    assert last_error(tmp_path) == "a → b"
