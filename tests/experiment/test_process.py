"""What only a process of its own shows: interrupts, the compilation cache, what is imported."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from esbench.results.run_directory import RunDirectory


def command(*arguments, **environment):
    return {
        "args": [sys.executable, "-m", "esbench", *map(str, arguments)],
        "env": {**os.environ, **environment},
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


def run_arguments(echo, out, *more):
    small = [f"{name}={value}" for name, value in echo["settings"].items()]
    names = ("--task", echo["task"], "--algorithm", echo["algorithm"], "--tier", echo["tier"])
    return ("run", *names, "--out", out, *more, "--set", *small)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_a_long_step_within_seconds_and_leaves_readable_rows(echo, tmp_path, number):
    """The second step would take hours, and Python's own handler does not run while it does."""
    process = subprocess.Popen(**command(*run_arguments(echo, tmp_path), "slow=100000000"))
    path = tmp_path / "smoke" / "Echo-v0" / "RandomSearch" / "seed-0"
    deadline = time.monotonic() + 120
    while not (path / "run.jsonl").exists() or (path / "run.jsonl").read_text().count("\n") < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)
    sent = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - sent < 10
    assert process.returncode == 75
    assert "interrupted" in errors and "Traceback" not in errors
    run = RunDirectory.open(path)
    assert [row.useful_steps for row in run.rows] == [0]
    assert not run.finished
    assert run.checkpoints.numbers() == [0]


CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}


def rows(path):
    with warnings.catch_warnings(action="ignore"):  # a row may be cut off
        return [row.model_dump(exclude=CLOCKS) for row in RunDirectory.open(path).rows]


def killed_and_resumed(arguments, path, expected, kills, settings, seconds):
    """Kills the run -9 up to `seconds` after it has begun to write and resumes it, `kills` times; then it may end.

    One that ends before it is killed must have the `expected` rows too, and is begun again.
    """
    generator = random.Random(0)
    while kills:
        resume = ["--resume"] if path.is_dir() else []
        process = subprocess.Popen(**command(*arguments, *resume, "--set", *settings))
        deadline = time.monotonic() + 120
        while not (path / ".lock").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds * generator.random())
        process.kill()
        process.communicate()
        kills -= process.returncode == -signal.SIGKILL
        if (path / "run.jsonl").exists() and RunDirectory.open(path).finished:
            assert rows(path) == expected
            shutil.rmtree(path)
        elif path.is_dir():
            (path / ".lock").unlink(missing_ok=True)  # what tells that the next one has begun
    resume = ["--resume"] if path.is_dir() else []
    done = subprocess.run(**command(*arguments, *resume, "--set", *settings))
    assert done.returncode == 0, done.stderr
    assert rows(path) == expected


def test_a_run_killed_twice_has_the_rows_of_one_that_was_not(echo, tmp_path):
    settings = ["n_layers=1", "layer_size=8", "slow=1000"]
    names = ("run", "--task", echo["task"], "--algorithm", echo["algorithm"], "--tier", "smoke")
    whole = subprocess.run(**command(*names, "--out", tmp_path / "whole", "--set", *settings))
    assert whole.returncode == 0, whole.stderr
    run = Path("smoke", "Echo-v0", "RandomSearch", "seed-0")
    often = (*names, "--out", tmp_path / "parts", "--checkpoint-seconds", 0.1)
    killed_and_resumed(often, tmp_path / "parts" / run, rows(tmp_path / "whole" / run), 2, settings, seconds=1)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["eggroll", "open_es", "ppo"])
def test_a_run_killed_twenty_times_has_the_rows_of_one_that_was_not(algorithm, tmp_path):
    settings = ["n_layers=1", "layer_size=16"]
    settings += ["num_envs=4", "num_steps=64"] if algorithm == "ppo" else ["pop_size=32"]
    names = ("run", "--task", "CartPole-v1", "--algorithm", algorithm, "--tier", "smoke", "--steps", 1_000_000)
    whole = subprocess.run(**command(*names, "--out", tmp_path / "whole", "--set", *settings))
    assert whole.returncode == 0, whole.stderr
    run = Path("smoke", "CartPole-v1", algorithm, "seed-0")
    often = (*names, "--out", tmp_path / "parts", "--checkpoint-seconds", 0.2)
    killed_and_resumed(often, tmp_path / "parts" / run, rows(tmp_path / "whole" / run), 20, settings, seconds=1.5)


@pytest.mark.slow
def test_the_manifest_says_whether_the_compilation_cache_was_warm(echo, tmp_path):
    def status(name, **environment):
        cache = {"JAX_COMPILATION_CACHE_DIR": "", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        arguments = run_arguments(echo, tmp_path, "--name", name)
        done = subprocess.run(**command(*arguments, **cache, XDG_CACHE_HOME=str(tmp_path / "cache"), **environment))
        assert done.returncode == 0, done.stderr
        run = RunDirectory.open(tmp_path / "smoke" / "Echo-v0" / name / "seed-0")
        assert done.stdout.count("\n") == 1 and str(run.path) in done.stdout
        return run.manifest.compilation_cache

    assert status("first") == "cold"
    assert status("second") == "warm"
    assert status("third", JAX_ENABLE_COMPILATION_CACHE="false") == "off"


def test_a_file_that_cannot_be_run_is_one_line_and_status_2(tmp_path):
    arguments = ("run", "--task", "CartPol-v1", "--algorithm", "eggroll", "--out", tmp_path / "runs")
    done = subprocess.run(**command(*arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "esbench: unknown task 'CartPol-v1': did you mean 'CartPole-v1'?\n"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("argument", ["--help", "tasks"])
def test_light_commands_import_nothing_heavy(argument):
    code = (
        "import sys, esbench.cli; esbench.cli.main(sys.argv[1:]); "
        "print([m for m in ('jax', 'pydantic', 'pandas', 'flax', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")
