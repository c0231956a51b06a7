"""Runs on several devices, and in several processes that a scheduler started."""

import subprocess

import pytest

from esbench.cli import main
from esbench.results.run_directory import RunDirectory
from tests.experiment.test_process import command

RUN = ("run", "--task", "CartPole-v1", "--algorithm", "eggroll", "--tier", "smoke")
PATH = "smoke/CartPole-v1/eggroll/seed-0"
SMALL = ("--set", "pop_size=64", "n_layers=1", "layer_size=16")


def rows(out):
    run = RunDirectory.open(out / PATH)
    assert run.finished
    return [(row.generation, row.useful_steps, row.training["fitness_mean"]) for row in run.rows[:2]]


def start(out, number, of):
    """One of the processes of a Slurm step, with two devices of its own."""
    slurm = {"JOB_ID": 7, "STEP_NODELIST": "localhost", "STEP_NUM_NODES": 1, "NTASKS": of, "PROCID": number}
    environment = {f"SLURM_{name}": str(value) for name, value in {**slurm, "LOCALID": number}.items()}
    arguments = (*RUN, "--devices", 2 * of, "--out", out, *SMALL)
    return subprocess.Popen(**command(*arguments, JAX_NUM_CPU_DEVICES="2", **environment))


@pytest.mark.slow  # four processes, each with its own compilation
def test_processes_together_run_what_one_process_runs(tmp_path):
    assert main([*RUN, "--out", str(tmp_path / "one"), *SMALL]) == 0
    processes = [start(tmp_path / "two", number, 2) for number in (0, 1)]
    (said, errors), (other, other_errors) = (process.communicate(timeout=300) for process in processes)
    assert [process.returncode for process in processes] == [0, 0], errors + other_errors
    assert "seed 0: return" in said and "seed 0" not in other
    counts = [RunDirectory.open(tmp_path / out / PATH).manifest.device.count for out in ("one", "two")]
    assert counts == [1, 4]
    # Two generations: the first is the same to the bit, the second starts from an update that is rounded otherwise.
    (*_, first), (*_, second) = rows(tmp_path / "one"), rows(tmp_path / "two")
    assert first == pytest.approx(second, rel=1e-3)
    assert rows(tmp_path / "one")[0] == rows(tmp_path / "two")[0]


def test_more_devices_than_there_are_is_one_line_that_says_how_many(tmp_path, capsys):
    assert main([*RUN, "--devices", "64", "--out", str(tmp_path)]) == 2
    assert "--devices 64: expected at most" in capsys.readouterr().err
    assert main([*RUN, "--devices", "0", "--out", str(tmp_path)]) == 2
    assert "devices = 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
