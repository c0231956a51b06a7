"""What only a process of its own shows: interrupts, the compilation cache, what is imported."""

import os
import signal
import subprocess
import sys
import time

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
        "print([m for m in ('jax', 'pydantic', 'pandas', 'gymnasium', 'numpy', 'flax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")
