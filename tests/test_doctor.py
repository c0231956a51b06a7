"""What a bug report is made of."""

import pytest

from esbench import doctor
from esbench.cli import main
from esbench.tasks.registry import task_specs


def test_doctor_says_what_is_there_and_runs_something(capsys):
    assert main(["doctor"]) == 0
    found = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {spec.suite for spec in task_specs()} <= found.keys()
    assert found["gymnax"] == "gymnax 1.0.1"
    assert found["smoke"].startswith("run") and "ok: CartPole-v1" in found["smoke"]
    assert {"esbench", "python", "packages", "devices", "precision", "compilation", "memory", "disk"} <= found.keys()


def test_a_smoke_run_that_fails_is_said_and_is_status_1(monkeypatch, capsys):
    def broken(*_arguments):
        raise RuntimeError("no device")

    monkeypatch.setattr(doctor, "announce_and_prepare", broken)
    monkeypatch.setattr(doctor, "_suite", lambda suite: (suite, True))
    assert main(["doctor"]) == 1
    assert "FAILED: CartPole-v1: RuntimeError: no device" in capsys.readouterr().out


def test_the_smoke_run_needs_no_suite(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_suite", lambda suite: (f"not installed: {suite}", False))
    assert main(["doctor"]) == 0
    assert "ok: gymnasium:CartPole-v1" in capsys.readouterr().out


@pytest.mark.parametrize("suite", ["gymnax"])
def test_a_suite_that_cannot_be_imported_is_one_line(monkeypatch, suite):
    def broken(*_arguments):
        raise ImportError("another version\nis needed")

    monkeypatch.setattr(doctor, "make_problem", broken)
    found, works = doctor._suite(suite)
    assert not works and "gymnax 1.0.1 does not work: ImportError: another version is needed" in found


def test_a_suite_that_loads_and_fails_in_a_step_is_one_line(monkeypatch):
    def broken(*_arguments):
        raise TypeError("clip() got an unexpected keyword argument 'a_max'")

    monkeypatch.setattr("gymnax.environments.classic_control.cartpole.CartPole.step_env", broken)
    found, works = doctor._suite("gymnax")
    assert not works and "gymnax 1.0.1 does not work: TypeError: clip() got" in found
