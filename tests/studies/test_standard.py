"""The standard tier in pieces: their order, what is left, and that a piece that is cut off is gone on with."""

import pytest

from baselines.studies import standard
from esbench.results.load import load_runs
from esbench.tasks.registry import tasks_of


def test_every_task_has_its_pieces_light_ones_first(tmp_path, capsys):
    assert sorted(standard.ordered()) == sorted(tasks_of("standard")) and standard.ordered()[0] == "CartPole-v1"
    assert standard.main(["--dry-run", "--out", str(tmp_path / "no")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 16 * 3 + 1
    assert lines[0].split()[:9] == ["CartPole-v1", "eggroll", "5", "of", "5", "runs", "left,", "50,000,000", "each"]
    assert not (tmp_path / "no").exists()


def test_no_piece_begins_that_has_no_time_to_compile(tmp_path):
    given = ["--tasks", "CartPole-v1", "--share", "0.001", "--minutes", "0.5", "--out", str(tmp_path / "no")]
    assert standard.main(given) == 75 and not (tmp_path / "no").exists()


@pytest.mark.slow
def test_a_piece_that_is_cut_off_is_gone_on_with(tmp_path, monkeypatch):
    """The first piece is stopped while it is at work, and nothing that it finished is run again."""
    monkeypatch.setattr(standard, "LEAST_SECONDS", 0)
    given = ["--tasks", "CartPole-v1", "--share", "0.002", "--out", str(tmp_path)]
    assert standard.main([*given, "--minutes", "0.2"]) == 75
    before = {run.path: run.manifest.started for run in load_runs(tmp_path)} if any(tmp_path.iterdir()) else {}
    assert standard.main(given) == 0
    runs = load_runs(tmp_path)
    assert len(runs) == 15 and all(run.finished and run.manifest.budget == 100_000 for run in runs)
    assert all(run.manifest.started == before.get(run.path, run.manifest.started) for run in runs)
    assert not any(piece.left for piece in standard.plan(["CartPole-v1"], 0.002, tmp_path))
