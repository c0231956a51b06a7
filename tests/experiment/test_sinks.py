"""What `--log` sends, read back from what the service's own library wrote."""

import struct
import time

import pytest
from tensorboardX.proto.event_pb2 import Event

import esbench
from esbench.cli import main
from esbench.errors import InputError
from esbench.experiment.one_run import sinks


def scalars_of(folder):
    """{tag: [(step, value), ...]} of the event file in `folder`: length, check, event, check; and so on."""
    (file,) = folder.iterdir()
    content, found = file.read_bytes(), {}
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        event = Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard_has_every_row(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, log="tensorboard")
    found = scalars_of(result.path / "tensorboard")
    assert found["return_mean"] == [(row.useful_steps, pytest.approx(row.value)) for row in result.rows]
    assert [step for step, _ in found["training/score"]] == [row.useful_steps for row in result.rows[1:]]
    assert "final" not in found


def test_the_rows_are_the_same_with_and_without(echo, tmp_path):
    clocks = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
    one, other = (esbench.run(**echo, out=tmp_path / str(log), log=log) for log in (None, "tensorboard"))
    assert [row.model_dump(exclude=clocks) for row in one.rows] == [
        row.model_dump(exclude=clocks) for row in other.rows
    ]


class Slow:
    def __init__(self, directory):
        pass

    def row(self, row):
        time.sleep(0.05)

    def close(self):
        pass


class Broken(Slow):
    def row(self, row):
        if row.useful_steps:
            raise ConnectionError("no\nservice")


def test_a_slow_sink_costs_no_training_time(echo, tmp_path, monkeypatch):
    monkeypatch.setitem(sinks._SINKS, "slow", ("json", Slow))
    result = esbench.run(**echo, out=tmp_path, log="slow")
    last = result.rows[-1]
    assert last.log_seconds >= 0.05 * (len(result.rows) - 1)
    assert last.train_seconds < 0.05 * (len(result.rows) - 1)


def test_a_broken_sink_ends_no_run_and_is_named_once(echo, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sinks._SINKS, "broken", ("json", Broken))
    assert esbench.run(**echo, out=tmp_path, log="broken").finished
    assert capsys.readouterr().err.count("--log broken stopped: ConnectionError: no service") == 1


def test_a_sink_that_is_not_there_is_refused_before_anything_is_written(echo, tmp_path, monkeypatch, capsys):
    with pytest.raises(InputError, match="unknown sink 'tensorbord': did you mean 'tensorboard'"):
        esbench.run(**echo, out=tmp_path, log="tensorbord")
    monkeypatch.setitem(sinks._SINKS, "wandb", ("no_such_package", Slow))
    options = ["--task", echo["task"], "--algorithm", echo["algorithm"], "--out", str(tmp_path), "--log", "wandb"]
    assert main(["run", *options]) == 2
    assert "pip install 'esbench[wandb]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_wandb_writes_its_files_into_the_run(echo, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    result = esbench.run(**echo, out=tmp_path, log="wandb")
    (file,) = result.path.glob("wandb/offline-run-*/run-*.wandb")
    content = file.read_bytes()
    for name in (b"return_mean", b"training/score", b"config_hash"):
        assert name in content
