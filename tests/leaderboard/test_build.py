"""The ranking in the README and the page: built from the entries, the same every time, and safe to open."""

import json
import re
import shutil
from pathlib import Path

import pytest

from esbench.cli import main
from esbench.leaderboard.board import digest, make_board, read_board
from tests.leaderboard.honest import LOCK, edit_entry, new_board

BOARDS = Path(__file__).parents[2] / "leaderboards"


def test_build_then_check_then_an_edit(entry, capsys):
    boards = entry.parents[1]
    argv = ["leaderboard", "build", "--boards", str(boards)]
    assert main([*argv, "--check"]) == 1
    assert "README.md: not what the entries give" in capsys.readouterr().out
    assert main(argv) == 0
    assert capsys.readouterr().out == f"{boards}: README.md, index.html written\n"
    text = (boards / "README.md").read_text()
    assert text.startswith("# Rules\n") and text.endswith("\nBelow.\n")
    assert "| 1    | eggroll | checked | " in text
    assert main([*argv, "--check"]) == 0
    assert main(argv) == 0
    assert capsys.readouterr().out == f"{boards}: nothing written\n"
    (boards / "README.md").write_text(text.replace("| 1 ", "| 2 "))
    assert main([*argv, "--check"]) == 1
    assert main(argv) == 0
    assert (boards / "README.md").read_text() == text


def test_a_board_without_entries(tmp_path):
    new_board(tmp_path)
    assert main(["leaderboard", "build", "--boards", str(tmp_path)]) == 0
    assert "No entries yet." in (tmp_path / "README.md").read_text()
    assert "No entries yet." in (tmp_path / "index.html").read_text()


def test_what_strangers_write_is_text(entry):
    evil = "<script>alert(1)</script> | [x](javascript:y)"
    edit_entry(entry, lambda values: values.update(name=evil, prior_knowledge=evil))
    assert main(["leaderboard", "build", "--boards", str(entry.parents[1])]) == 0
    page = (entry.parents[1] / "index.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    assert "Apache-2.0" in page and "https://example.org/code at 012345678901" in page
    assert "javascript:" not in (entry.parents[1] / "README.md").read_text()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda boards: (boards / "README.md").unlink(), "cannot read"),
        (lambda boards: (boards / "README.md").write_text("no marks"), "between which the ranking stands"),
        (lambda boards: (boards / "lite-v1" / "spec.json").unlink(), "no board in"),
        (lambda boards: shutil.rmtree(boards), "no directory"),
        (lambda boards: (boards / "lite-v1").rename(boards / "lite-v2"), "belong into a directory lite-v1"),
    ],
)
def test_boards_that_cannot_be_built(entry, damage, said, capsys):
    damage(entry.parents[1])
    assert main(["leaderboard", "build", "--boards", str(entry.parents[1])]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize(("file", "text"), [("entry.json", "[" * 200), ("verification.json", "{}"), ("link", None)])
def test_an_entry_that_cannot_be_read_is_only_claimed(entry, file, text):
    bad = shutil.copytree(entry, entry.with_name("bad"))
    if text is None:
        (bad / file).symlink_to(entry)
    else:
        (bad / file).write_text(text)
    assert main(["leaderboard", "build", "--boards", str(entry.parents[1])]) == 0
    readme = (entry.parents[1] / "README.md").read_text()
    assert re.search(r"\| bad +\| (fixed|-) +\| claimed \|", readme)


@pytest.mark.parametrize(("old", "new"), [('"0.9.0"', '"0.9.1"'), ('"budget": 1000000', '"budget": 1000')])
def test_a_board_is_frozen(entry, old, new, capsys):
    spec = entry.parent / "spec.json"
    spec.write_text(spec.read_text().replace(old, new, 1))
    assert main(["leaderboard", "check", str(entry)]) == 2
    assert "a board is frozen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values["tasks"]["CartPole-v1"].update(budget=0), "budget: Input should be greater than 0"),
        (lambda values: values["tasks"]["CartPole-v1"].update(episodes=-1), "episodes: Input should be greater than 0"),
        (lambda values: values["tasks"]["CartPole-v1"].update(seeds=[]), "seeds: Tuple should have at least 1 item"),
        (lambda values: values["protocol"].update(rows=0), "protocol.rows: Input should be greater than 0"),
        (lambda values: values["versions"].update(jax=[]), "versions.jax: Tuple should have at least 1 item"),
        (lambda values: values.update(versions={}), "versions: Dictionary should have at least 1 item"),
    ],
)
def test_boards_that_are_none(entry, change, said, capsys):
    spec = entry.parent / "spec.json"
    values = json.loads(spec.read_text())
    change(values)
    spec.write_text(json.dumps({**values, "sha256": digest(values)}))
    assert main(["leaderboard", "check", str(entry)]) == 2
    assert said in capsys.readouterr().err


def test_versions_of_the_board_are_the_locks():
    board = make_board("standard", 1, LOCK)
    assert len(board.tasks) == 16
    assert board.versions["jax"] == ("0.9.0",)
    assert board.tasks["Ant-v0"].budget == board.specs["Ant-v0"].budgets.standard


def test_a_board_has_the_tiers_own_tasks():
    board = make_board("lite", 1, LOCK)
    assert len(board.tasks) == 12 and "Ant-v0" not in board.tasks
    assert board.tasks["Snake-v1"].budget == board.specs["Snake-v1"].budgets.lite


def test_every_task_has_the_same_seeds():
    assert {task.seeds for task in make_board("lite", 1, LOCK).tasks.values()} == {(0, 1, 2, 3, 4)}
    assert {task.seeds for task in make_board("lite", 1, LOCK, seeds=(0, 1)).tasks.values()} == {(0, 1)}


@pytest.mark.parametrize("name", sorted(path.name for path in BOARDS.iterdir() if path.is_dir()))
def test_committed_boards_can_be_read(name):
    assert read_board(BOARDS / name).name == name


def test_the_committed_ranking_is_that_of_the_committed_entries():
    assert main(["leaderboard", "build", "--check", "--boards", str(BOARDS)]) == 0
