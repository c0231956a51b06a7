"""From a stranger's file to a checked entry on two tasks, with the commands of the docs, on a board of tiny runs."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from esbench.leaderboard.check import check
from esbench.leaderboard.states import state_of
from tests.documents import ROOT, block, blocks
from tests.leaderboard.honest import new_board


def commands() -> list[list[str]]:
    """Those of the page on one's own strategy."""
    (found,) = [one for one in blocks(ROOT / "docs" / "own_strategy.md", "bash") if "leaderboard submit" in one.text]
    assert len(found.commands) <= 4
    return [line.split()[1:] for line in found.commands]


@pytest.fixture
def clone(tmp_path):
    """The code as it is here, in a commit: a stranger has a clean clone."""
    clone = tmp_path / "clone"
    for folder in ("esbench", "baselines"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / ".gitignore", clone / ".gitignore")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "a clone"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(clone), *who, *arguments], check=True)
    return clone


@pytest.mark.slow
def test_from_one_file_to_a_checked_entry(clone):
    new_board(clone / "leaderboards", seeds=(0, 1), tier="smoke")
    (clone / "signed.py").write_text(block("class Signed"))
    declaration = block("[tuning]", "toml")
    (clone / "entry.toml").write_text(re.sub(r"lite-v\d+", "smoke-v1", declaration))
    for command in commands():
        small = ["--tier", "smoke", "--set", "pop_size=16", "layer_size=16"] if command[0] == "sweep" else []
        command = [argument.replace("0:5", "0:2") for argument in command]
        done = subprocess.run(
            [sys.executable, "-m", "esbench", *command, *small],
            cwd=clone,
            env={**os.environ, "PYTHONPATH": str(clone)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    entry = clone / "leaderboards" / "smoke-v1" / "Signed"
    checked = check(entry)
    assert checked.problems == [] and state_of(checked) == "checked"
    assert (entry / "algorithm.py").read_text() == (clone / "signed.py").read_text()
    assert "| Signed" in (clone / "leaderboards" / "README.md").read_text()
