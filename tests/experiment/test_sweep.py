"""Many runs in one process."""

import sys

import pytest

import esbench
from esbench.errors import InputError
from esbench.experiment.config import resolve
from esbench.experiment.progress import Lines
from esbench.experiment.sweep import sweep
from esbench.results.run_directory import RunDirectory


def test_seeds_share_one_compilation_and_finished_runs_are_skipped(echo, tmp_path, capsys):
    config = resolve(**echo, out=tmp_path)
    first = sweep([config], [0, 1], Lines(sys.stderr))
    assert [result.finished for result in first] == [True, True]
    assert first[0].rows[0].compile_seconds == first[1].rows[0].compile_seconds
    assert capsys.readouterr().err.count("compiling") == 1
    before = (config.path(0) / "run.jsonl").read_bytes()

    again = sweep([config], [0, 1, 2], Lines(sys.stderr))
    assert [result.path for result in again] == [config.path(2)]
    assert "2 of 3 runs are finished already" in capsys.readouterr().err
    assert (config.path(0) / "run.jsonl").read_bytes() == before


def test_a_seed_has_the_rows_it_has_when_run_alone(echo, tmp_path):
    clocks = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
    sweep([resolve(**echo, out=tmp_path / "many")], [0, 1], Lines(sys.stderr))
    alone = esbench.run(**echo, out=tmp_path / "alone", seed=1)
    together = RunDirectory.open(resolve(**echo, out=tmp_path / "many").path(1))
    assert [row.model_dump(exclude=clocks) for row in alone.rows] == [
        row.model_dump(exclude=clocks) for row in together.rows
    ]


def test_a_failing_pair_is_reported_and_does_not_stop_the_others(echo, tiny, tmp_path, capsys):
    failing = resolve(**{**echo, "algorithm": tiny("Failing")}, out=tmp_path)
    absent = resolve(**{**echo, "task": tiny("ABSENT")}, out=tmp_path)
    results = sweep([failing, absent, resolve(**echo, out=tmp_path)], [0], Lines(sys.stderr))
    assert isinstance(results[0], RuntimeError)
    assert isinstance(results[1], InputError)
    assert results[2].finished
    errors = capsys.readouterr().err
    assert "Echo-v0 Failing failed: RuntimeError: nothing to learn here" in errors
    assert "Absent-v0 RandomSearch failed: task 'Absent-v0' needs a suite" in errors
    assert not failing.path(0).exists()


def test_an_unfinished_run_fails_and_is_kept(echo, tmp_path):
    path = esbench.run(**echo, out=tmp_path, max_seconds=1e-6).path
    before = (path / "run.jsonl").read_bytes()
    (result,) = sweep([resolve(**echo, out=tmp_path)], [0], Lines(sys.stderr))
    with pytest.raises(InputError, match="unfinished"):
        raise result
    assert (path / "run.jsonl").read_bytes() == before
