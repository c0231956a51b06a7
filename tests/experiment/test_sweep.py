"""Many runs in processes of their own, some of which fail, die, or are done already."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import esbench
from esbench.cli import main
from esbench.errors import InputError
from esbench.experiment.many_runs.jobs import product, record_error, shard, status
from esbench.experiment.many_runs.ray_engine import sweep_on_ray
from esbench.experiment.many_runs.sweep import device_environments, sweep, visible_gpus
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.results.error_file import AGAIN, last_error
from esbench.results.lock import RunInUseError, is_locked, locked
from esbench.results.run_directory import RunDirectory
from esbench.tasks.registry import tasks_of

CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}


@pytest.fixture
def jobs(echo, tmp_path):
    """All runs of algorithms and seeds on the tiny task."""

    def make(seeds, *algorithms, tasks=(echo["task"],), **settings):
        small = {**echo["settings"], **settings}
        algorithms = algorithms or (echo["algorithm"],)
        return product(tasks, algorithms, seeds, tier="smoke", settings=small, out=str(tmp_path))

    return make


def without_clocks(path):
    return [row.model_dump(exclude=CLOCKS) for row in RunDirectory.open(path).rows]


def test_a_run_that_was_set_otherwise_does_not_pass_for_the_one_asked_for(echo, tmp_path, capsys):
    names = ["--tasks", echo["task"], "--algorithms", echo["algorithm"], "--seeds", "0", "--tier", "smoke"]
    small = [f"{name}={value}" for name, value in echo["settings"].items()]
    options = ["sweep", *names, "--out", str(tmp_path), "--set", *small]
    assert main(options) == 0
    assert main([*options, "layer_size=7"]) == 2
    assert "holds another run: policy.layer_size was" in capsys.readouterr().err
    assert main(options) == 0
    assert "1 finished before" in capsys.readouterr().out


def test_finished_runs_are_skipped_unfinished_ones_go_on_and_seeds_share_a_compilation(jobs, echo, tmp_path, capsys):
    (alone,) = jobs([1])
    esbench.run(**echo, seed=0, out=tmp_path)
    esbench.run(**echo, seed=1, out=tmp_path, max_seconds=1e-9)
    esbench.run(**echo, seed=1, out=tmp_path / "alone")
    before = (jobs([0])[0].path / "run.jsonl").read_bytes()
    everything = jobs([0, 1, 2])
    outcome = sweep(everything, SweepTable(sys.stderr))
    assert (outcome.before, outcome.done, outcome.complete) == (everything[:1], everything[1:], True)
    said = capsys.readouterr().err.partition("finished already")[2]
    assert said.count("compiling") == 1 and "resumed at 100 steps" in said
    assert (everything[0].path / "run.jsonl").read_bytes() == before
    assert without_clocks(alone.path) == without_clocks(tmp_path / "alone" / alone.path.relative_to(tmp_path))
    assert [status(job) for job in everything] == ["finished"] * 3


def test_a_crash_is_tried_again_then_recorded_and_nothing_else_is_stopped(jobs, tiny, echo, capsys):
    """One always kills its process, one raises, one cannot be made; the others are done by new processes."""
    algorithms = [tiny("Dying"), tiny("Failing"), echo["algorithm"]]
    everything = jobs([0], *algorithms) + jobs([0], tasks=[tiny("ABSENT")])
    outcome = sweep(everything, SweepTable(sys.stderr), retries=1)
    dying, failing, good, absent = everything
    assert outcome.done == [good]
    assert set(outcome.failed) == {dying, failing, absent}
    assert "signal 9 (SIGKILL; the system does this too when memory runs out)" in outcome.failed[dying]
    assert outcome.failed[failing] == "RuntimeError: nothing to learn here"
    assert "a suite that is not installed" in outcome.failed[absent]
    tries = [(job.path / "error.txt").read_text().count("\n\n") for job in (dying, failing, absent)]
    assert tries == [2, 2, 1]
    assert "Traceback" in (failing.path / "error.txt").read_text()
    assert capsys.readouterr().err.count("trying again") == 2
    assert (failing.path / "error.txt").read_text().count("trying again") == 1
    assert [status(job) for job in everything] == ["failed", "failed", "finished", "failed"]


def test_a_process_that_is_killed_is_replaced_and_its_run_goes_on(jobs, echo, tmp_path):
    everything = jobs([0, 1], slow="300")
    killed = []

    class Killing(SweepTable):
        def row(self, slot, row):
            super().row(slot, row)
            if not killed and row.useful_steps >= 300:
                killed.append(int((self._running[slot].path / ".lock").read_text().split()[1]))
                os.kill(killed[0], signal.SIGKILL)

    outcome = sweep(everything, Killing(sys.stderr))
    assert killed and outcome.complete and len(outcome.done) == 2
    esbench.run(**{**echo, "settings": {**echo["settings"], "slow": 300}}, out=tmp_path / "alone")
    path = everything[0].path
    assert without_clocks(path) == without_clocks(tmp_path / "alone" / path.relative_to(tmp_path))
    assert not (path / "error.txt").exists()


def test_a_run_of_another_process_is_left_to_it(jobs, capsys):
    (job,) = jobs([0])
    with locked(job.path):
        assert status(job) == "running"
        outcome = sweep([job], SweepTable(sys.stderr))
    assert outcome.elsewhere == [job] and not outcome.complete and not outcome.failed
    assert not (job.path / "run.jsonl").exists()


def test_a_lock_is_for_one_and_ends_with_its_process(tmp_path):
    with locked(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(RunInUseError, match=f"being run by process {os.getpid()} on "), locked(tmp_path):
            pass
    assert not is_locked(tmp_path) and not list(tmp_path.iterdir())
    dying = "import os, sys; from pathlib import Path; from esbench.results.lock import locked\n"
    dying += "with locked(Path(sys.argv[1])): os._exit(0)"
    subprocess.run([sys.executable, "-c", dying, str(tmp_path)], check=True)
    assert (tmp_path / ".lock").exists() and not is_locked(tmp_path)
    with locked(tmp_path):
        pass


def test_only_one_of_many_gets_a_lock_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(20):
            try:
                with locked(tmp_path):
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0.001)
                    inside.pop()
            except RunInUseError:
                continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1} and len(most) >= 20


def test_shards_are_the_whole_in_neighbouring_parts(jobs):
    everything = jobs(range(11))
    parts = [shard(everything, number, 4) for number in (1, 2, 3, 4)]
    assert [job for part in parts for job in part] == everything
    assert sorted(map(len, parts)) == [2, 3, 3, 3]


def test_two_algorithms_of_one_name_are_refused(jobs, tmp_path, tiny):
    file = tmp_path / "other.py"
    file.write_text("from tests.experiment.tiny import RandomSearch\n")
    with pytest.raises(InputError, match="would share the directory"):
        jobs([0], tiny("RandomSearch"), f"{file}:RandomSearch")


def test_gpus_are_shared_out_one_to_a_process(monkeypatch):
    monkeypatch.setattr("esbench.experiment.many_runs.sweep.visible_gpus", lambda: ["0", "1", "5"])
    assert device_environments(None, 1) == (3, [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in "015"])
    assert device_environments(None, 2) == (1, [{"CUDA_VISIBLE_DEVICES": "0,1"}])
    with pytest.raises(InputError, match="--jobs 4: expected at most 3"):
        device_environments(4, 1)
    monkeypatch.setattr("esbench.experiment.many_runs.sweep.visible_gpus", list)
    assert device_environments(None, 1) == (1, [{}])
    assert device_environments(4, 1) == (4, [{}])


def test_status_is_read_off_the_disk(jobs, tiny, echo, tmp_path, capsys):
    esbench.run(**echo, seed=0, out=tmp_path)
    esbench.run(**echo, seed=1, out=tmp_path, max_seconds=1e-9)
    names = ["--tasks", echo["task"], "--algorithms", echo["algorithm"], "--tier", "smoke", "--out", str(tmp_path)]
    assert main(["sweep", *names, "--seeds", "0:4", "--status", "--set", "n_layers=1", "layer_size=8"]) == 0
    header, line, total = capsys.readouterr().out.splitlines()
    assert header.split() == ["finished", "running", "failed", "unfinished", "waiting"]
    assert line.split() == ["Echo-v0", "RandomSearch", *"10012"]
    assert total.split() == ["all", *"10012"]
    assert main(["sweep", *names, "--seeds", "0", "--shard", "1/2", "--status"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["all", *"00000"]


def test_a_plan_has_the_tiers_own_tasks_and_an_estimate_of_each(tmp_path, capsys):
    """CartPole: 1e6 steps at 170,000 a second and 13 s of evaluation, three times; 3 s of compilation once."""
    sweep = ["sweep", "--tasks", "all", "--algorithms", "eggroll,ars", "--seeds", "0:3", "--out", str(tmp_path / "no")]
    assert main([*sweep, "--dry-run"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["CartPole-v1", "eggroll", "3", "1,000,000", "1:00"] in lines
    assert ["CartPole-v1", "ars", "3", "1,000,000", "-"] in lines  # not measured
    assert {line[0] for line in lines[1:-2]} == set(tasks_of("lite")) and "Ant-v0" not in tasks_of("lite")
    assert len(tasks_of("standard")) == 16 and lines[-2][:2] == ["all", "72"]
    assert not (tmp_path / "no").exists()


def test_an_error_that_another_try_follows_is_no_failure(jobs):
    (job,) = jobs([0])
    record_error(job, f"out of memory{AGAIN}\ndetails")
    assert status(job) == "waiting"
    record_error(job, "out of memory\ndetails")
    assert status(job) == "failed"
    assert last_error(job.path) == "out of memory"


def test_the_gpus_that_cuda_would_see(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    for chosen, expected in (("0,1", ["0", "1"]), ("-1", []), ("", []), ("1,-1,2", ["1"]), ("GPU-abc", ["GPU-abc"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
        monkeypatch.delenv("JAX_PLATFORMS", raising=False)
        assert visible_gpus() == expected


def test_ray_that_is_not_installed_is_said_before_anything_starts(jobs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"ray is not installed: pip install 'esbench\[ray\]'"):
        sweep_on_ray(jobs([0]), SweepTable(sys.stderr), tmp_path / "runs", 1, 1)
    assert not list(tmp_path.iterdir())


def test_a_damaged_run_is_reported_and_the_others_are_run(jobs):
    damaged, good = jobs([0, 1])
    damaged.path.mkdir(parents=True)
    (damaged.path / "run.jsonl").write_text("not a run\n")
    outcome = sweep([damaged, good], SweepTable(sys.stderr))
    assert outcome.done == [good]
    assert "run.jsonl, line 1: not JSON" in outcome.failed[damaged]
    assert (damaged.path / "run.jsonl").read_text() == "not a run\n"
