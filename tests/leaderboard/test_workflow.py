"""What continuous integration does with a pull request, by the very script of the workflow."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.leaderboard.test_check import git

ROOT = Path(__file__).parents[2]


def touched_entries(root: Path) -> subprocess.CompletedProcess:
    """Runs the step that checks every entry a pull request touches, from `main` to the branch in `root`."""
    text = (ROOT / ".github/workflows/leaderboard.yml").read_text()
    step = text.partition("- name: Every entry that the pull request touches")[2].partition("run: |\n")[2]
    program = root.parent / "trusted/.venv/bin/esbench"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m esbench "$@"\n')
    program.chmod(0o755)
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", textwrap.dedent(step.partition("      - name:")[0])],
        cwd=root,
        env={**os.environ, "BASE": "main", "RUNNER_TEMP": str(root.parent), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_a_pull_request_that_only_deletes(entry, tmp_path):
    root = tmp_path / "clone"
    root.mkdir()
    shutil.move(entry.parents[1], root)
    entry = root / "leaderboards/lite-v1/eggroll"
    (entry / "verification.json").write_text("{}")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "base")
    git(root, "checkout", "-q", "-b", "deleted")
    (entry / "verification.json").unlink()
    git(root, "commit", "-q", "-a", "-m", "a dispute is gone")
    done = touched_entries(root)
    assert "verification.json: changed, but not the entry's" in done.stdout, done.stderr
    assert done.returncode == 1
    shutil.rmtree(entry)
    git(root, "commit", "-q", "-a", "-m", "withdrawn")
    done = touched_entries(root)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
