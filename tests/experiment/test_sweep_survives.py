"""Sweeps whose processes are killed at random, and two of them on one directory."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from esbench.experiment.many_runs.jobs import product, status
from esbench.experiment.many_runs.sweep import sweep
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.results.lock import is_locked
from esbench.results.run_directory import RunDirectory
from tests.experiment.test_process import command, rows

pytestmark = pytest.mark.slow


def test_24_runs_survive_kills_one_that_crashes_and_one_without_memory(echo, tiny, tmp_path, capsys):
    common = {"tier": "smoke", "settings": {**echo["settings"], "slow": "300"}, "out": str(tmp_path / "killed")}
    good = product([echo["task"]], [echo["algorithm"]], range(24), **common)
    bad = product([echo["task"]], [tiny("Failing"), tiny("Hungry")], [0], **common)
    over, generator = threading.Event(), random.Random(0)

    def kill() -> None:
        while not over.wait(4 + 4 * generator.random()):
            for job in good:
                if status(job) == "running":
                    os.kill(int((job.path / ".lock").read_text().split()[1]), signal.SIGKILL)
                    break

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        outcome = sweep([*good[:12], *bad, *good[12:]], SweepTable(sys.stderr))
    finally:
        over.set()
        killer.join()
    said = capsys.readouterr().err
    assert said.count("signal 9") >= 3
    assert sorted(map(id, outcome.done)) == sorted(map(id, good))
    assert set(outcome.failed) == set(bad)
    assert "MemoryError" in outcome.failed[bad[1]]
    whole = product([echo["task"]], [echo["algorithm"]], range(24), **{**common, "out": str(tmp_path / "whole")})
    assert sweep(whole, SweepTable(sys.stderr)).complete
    for killed, alone in zip(good, whole, strict=True):
        assert rows(killed.path) == rows(alone.path)


def test_two_sweeps_on_one_directory_run_nothing_twice(echo, tmp_path):
    names = ("--tasks", echo["task"], "--algorithms", echo["algorithm"], "--seeds", "0:6", "--tier", "smoke")
    arguments = ("sweep", *names, "--out", tmp_path, "--set", "n_layers=1", "layer_size=8", "slow=1000")
    both = [subprocess.Popen(**command(*arguments)) for _ in range(2)]
    said = [process.communicate(timeout=400)[0] for process in both]
    assert sum(int(text.partition(" runs: ")[2].partition(" done")[0]) for text in said) == 6
    for seed in range(6):
        assert RunDirectory.open(tmp_path / "smoke" / "Echo-v0" / "RandomSearch" / f"seed-{seed}").finished


def test_a_sweep_that_is_terminated_saves_its_runs_and_goes_on(echo, tmp_path):
    names = ("--tasks", echo["task"], "--algorithms", echo["algorithm"], "--seeds", "0:2", "--tier", "smoke")
    arguments = ("sweep", *names, "--out", tmp_path, "--set", "n_layers=1", "layer_size=8", "slow=4000")
    process = subprocess.Popen(**command(*arguments))
    path = tmp_path / "smoke" / "Echo-v0" / "RandomSearch" / "seed-0"
    deadline = time.monotonic() + 120
    while not (path / "run.jsonl").exists() or len(rows(path)) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    sent = time.monotonic()
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 75 and time.monotonic() - sent < 30
    assert RunDirectory.open(path).checkpoints.numbers()[0] >= 2 and not (path / ".lock").exists()
    done = subprocess.run(**command(*arguments))
    assert done.returncode == 0 and "2 done" in done.stdout


def test_a_sweep_that_is_terminated_in_a_long_step_ends_after_its_runs(echo, tmp_path):
    """The second step would take hours: the run is saved as it stands, and only then is the sweep gone."""
    names = ("--tasks", echo["task"], "--algorithms", echo["algorithm"], "--seeds", "0", "--tier", "smoke")
    settings = ("--set", "n_layers=1", "layer_size=8", "slow=100000000")
    process = subprocess.Popen(**command("sweep", *names, "--out", tmp_path, *settings))
    path = tmp_path / "smoke" / "Echo-v0" / "RandomSearch" / "seed-0"
    deadline = time.monotonic() + 120
    while not (path / "run.jsonl").exists() or len(rows(path)) < 1:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    process.wait(timeout=60)
    assert not is_locked(path)
    assert process.returncode == 75
    assert RunDirectory.open(path).checkpoints.numbers() == [0]
