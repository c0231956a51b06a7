"""Runs in the slots of one program: each has the rows that it has alone, whatever becomes of the others."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import esbench
from esbench.experiment.many_runs.jobs import product, status
from esbench.experiment.many_runs.sweep import sweep
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.results.run_directory import RunDirectory
from tests.experiment.test_process import command, rows

EGGROLL = {"pop_size": 16, "n_layers": 1, "layer_size": 8, "sigma": 0.2, "normalize_observations": True}


def runs(out, seeds, task, algorithm, **settings):
    return product([task], [algorithm], seeds, tier="smoke", settings=settings, out=str(out))


def alone(job, out):
    """The same run by itself."""
    esbench.run(**{**job.options, "out": out}, seed=job.seed)
    return rows(out / job.path.relative_to(job.options["out"]))


@pytest.mark.parametrize("algorithm", ["eggroll", pytest.param("open_es", marks=pytest.mark.slow)])
def test_five_seeds_in_three_slots_have_their_own_rows_and_say_how_they_shared(tmp_path, capsys, algorithm):
    jobs = runs(tmp_path / "together", range(5), "CartPole-v1", algorithm, **EGGROLL)
    outcome = sweep(jobs, SweepTable(sys.stderr), together=3)
    assert outcome.complete and len(outcome.done) == 5
    assert capsys.readouterr().err.count("compiling") == 1
    for job in (jobs[0], jobs[4]):
        assert rows(job.path) == alone(job, tmp_path / "alone")
    manifest = RunDirectory.open(jobs[4].path).manifest
    assert manifest.device.together == 3 and "3 runs together" in str(manifest.device)
    by_itself = RunDirectory.open(tmp_path / "alone" / jobs[4].path.relative_to(tmp_path / "together")).manifest
    assert by_itself.config_hash == manifest.config_hash and "together" not in str(by_itself.device)


def test_seconds_are_shared_out_by_useful_steps(tmp_path):
    """What the runs spent in one program is no more than what the process took."""
    jobs = runs(tmp_path, range(3), "CartPole-v1", "eggroll", **EGGROLL)
    start = time.monotonic()
    sweep(jobs, SweepTable(sys.stderr), together=3)
    took = time.monotonic() - start
    last = [RunDirectory.open(job.path).rows[-1] for job in jobs]
    assert 0 < sum(row.train_seconds + row.evaluate_seconds for row in last) < took - last[0].compile_seconds
    pace = [row.train_seconds / row.useful_steps for row in last]
    assert max(pace) < 5 * min(pace)


def test_a_run_that_raises_and_one_that_is_not_finite_leave_the_others_whole(tiny, echo, tmp_path, capsys):
    faulty = {**echo["settings"], "raising": 1, "spoilt": 2}
    jobs = runs(tmp_path / "together", range(6), echo["task"], tiny("Faulty"), **faulty)
    outcome = sweep(jobs, SweepTable(sys.stderr), retries=1, together=4)
    raising, spoilt = jobs[1], jobs[2]
    assert set(outcome.failed) == {raising, spoilt}
    assert "the third step is too much" in outcome.failed[raising]
    assert outcome.failed[spoilt] == "its numbers are not finite"
    assert [status(job) for job in jobs] == ["finished", "failed", "failed", *["finished"] * 3]
    assert capsys.readouterr().err.count("trying again") == 1  # of the one that raised, by itself
    for job in (jobs[0], jobs[5]):
        assert rows(job.path) == alone(job, tmp_path / "alone")


def test_a_process_that_dies_loses_nothing_of_its_runs_and_each_is_tried_by_itself(tiny, echo, tmp_path):
    jobs = runs(tmp_path, range(3), echo["task"], echo["algorithm"], **echo["settings"], slow=300)
    killed = []

    class Killing(SweepTable):
        def row(self, slot, row):
            super().row(slot, row)
            if not killed and row.useful_steps >= 300:
                killed.append(int((self._running[slot].path / ".lock").read_text().split()[1]))
                subprocess.run(["kill", "-9", str(killed[0])], check=True)

    outcome = sweep(jobs, Killing(sys.stderr), together=3)
    assert killed and outcome.complete
    kinds = {RunDirectory.open(job.path).manifest.device.kind.partition(", then")[0] for job in jobs}
    assert all("3 runs together" in kind for kind in kinds) or len(kinds) == 1
    assert rows(jobs[1].path) == alone(jobs[1], tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["eggroll", "open_es"])
@pytest.mark.parametrize("task", ["CartPole-v1", "Pendulum-v1", "Knapsack-v1", "DynamicObstacles-6x6-v0"])
def test_eight_seeds_together_and_three_have_the_rows_of_each_alone(tmp_path, task, algorithm):
    for together in (8, 3):
        # Of normalized observations the moments have other last bits in a batch, which continuous actions feel.
        settings = {**EGGROLL, "pop_size": 32, "normalize_observations": False}
        jobs = runs(tmp_path / str(together), range(8), task, algorithm, **settings)
        assert sweep(jobs, SweepTable(sys.stderr), together=together).complete
        for job in (jobs[0], jobs[7]):
            assert rows(job.path) == alone(job, tmp_path / f"alone-{together}")


@pytest.mark.slow
def test_eight_runs_killed_five_times_and_gone_on_with_in_four_two_and_one_slots(echo, tmp_path):
    generator = random.Random(0)
    names = ("--tasks", echo["task"], "--algorithms", echo["algorithm"], "--seeds", "0:8", "--tier", "smoke")
    small = ("--checkpoint-seconds", "0.2", "--set", "n_layers=1", "layer_size=8", "slow=1000")
    killed = tmp_path / "killed"
    for together in (4, 4, 2, 1, 4):
        process = subprocess.Popen(
            **command("sweep", *names, "--out", killed, "--together", together, *small), start_new_session=True
        )
        before = sum(len(rows(path.parent)) for path in killed.rglob("run.jsonl"))
        deadline = time.monotonic() + 120
        while sum(len(rows(path.parent)) for path in killed.rglob("run.jsonl")) <= before:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(2 * generator.random())
        for lock in killed.rglob(".lock"):
            subprocess.run(["kill", "-9", lock.read_text().split()[1]], check=False, stderr=subprocess.DEVNULL)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(**command("sweep", *names, "--out", killed, "--together", 4, *small))
    assert done.returncode == 0, done.stderr
    jobs = runs(killed, range(8), echo["task"], echo["algorithm"], **echo["settings"], slow=1000)
    for job in jobs:
        assert status(job) == "finished"
        assert rows(job.path) == alone(job, tmp_path / "alone")
    assert len(np.unique([rows(job.path)[-1]["scores"]["return"] for job in jobs])) > 1


def test_a_run_that_cannot_be_saved_leaves_the_others_whole(echo, tmp_path):
    options = {"tier": "smoke", "settings": echo["settings"], "out": str(tmp_path / "together")}
    jobs = product([echo["task"]], [echo["algorithm"]], range(3), **options, checkpoint_seconds=1e-6)
    jobs[1].path.mkdir(parents=True)
    (jobs[1].path / "checkpoints").write_text("no folder")
    outcome = sweep(jobs, SweepTable(sys.stderr), together=3)
    assert set(outcome.failed) == {jobs[1]} and "checkpoint" in outcome.failed[jobs[1]]
    for job in (jobs[0], jobs[2]):
        assert rows(job.path) == alone(job, tmp_path / "alone")
