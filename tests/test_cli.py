"""The command line in the process: statuses, output, one line per error, nothing written."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import esbench
from esbench.cli import main
from esbench.cli.app import app
from esbench.experiment.one_run.run import RunResult
from esbench.experiment.options.config import resolve
from esbench.experiment.options.run_options import RunOptions, Storage
from esbench.results.run_directory import RunDirectory
from esbench.results.untrained import untrained
from esbench.tasks.registry import task_specs
from esbench.tasks.spec import RL, TaskSpec

TINY = Path(__file__).parent / "experiment" / "tiny.py"
RUN = ["run", "--task", f"{TINY}:ECHO", "--algorithm", f"{TINY}:RandomSearch", "--tier", "smoke"]
SMALL = ["--set", "n_layers=1", "layer_size=8"]
SWEEP = ["sweep", "--tasks", "CartPole-v1", "--algorithms", "ppo", "--seeds", "0"]
CARTPOLE = ["run", "--task", "CartPole-v1", "--algorithm", "eggroll"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["rn"], "unknown command 'rn': did you mean 'run'?"),
        (["run"], "required: --task, --algorithm"),
        (["run", "--tsk", "CartPole-v1"], "unknown option of esbench run '--tsk': did you mean '--task'?"),
        (["run", "--task"], "argument --task: expected one argument"),
        ([*CARTPOLE, "--seed", "one"], "argument --seed: 'one': expected a whole number"),
        ([*CARTPOLE, "--seed", "-1"], "seed -1: expected 0 to"),
        ([*CARTPOLE, "--steps", "1.5"], "argument --steps: '1.5': expected a whole number"),
        ([*CARTPOLE, "--max-seconds", "0"], "argument --max-seconds: '0': expected seconds, more than 0"),
        ([*CARTPOLE, "--set", "sigma"], "--set 'sigma': expected NAME=VALUE"),
        ([*CARTPOLE, "--set", "sigma=0"], "sigma = '0'"),
        ([*CARTPOLE, "--set", "pop_size=7"], "pop_size = '7'"),
        ([*CARTPOLE, "--set", "rank=0"], "rank = '0'"),
        ([*CARTPOLE, "--set", "rnk=1"], "did you mean 'rank'?"),
        ([*CARTPOLE, "--steps", "10"], "cannot hold one generation"),
        ([*CARTPOLE, "--tier", "litte"], "did you mean 'lite'?"),
        ([*CARTPOLE, "--resume"], "no run to resume in runs/lite/CartPole-v1/eggroll/seed-0"),
        ([*CARTPOLE, "extra"], "unrecognized arguments: extra"),
        (["run", "--task", "CartPol-v1", "--algorithm", "eggroll"], "did you mean 'CartPole-v1'?"),
        (["run", "--task", "CartPole-v1", "--algorithm", "eggrol"], "did you mean 'eggroll'?"),
        (["algorithms", "egrol"], "unknown algorithm 'egrol': did you mean 'eggroll'?"),
        (["algorithms", str(TINY)], f"expected {TINY}:NAME with one of its names: Echo, SearchState, RandomSearch"),
        (["run", "--task", "CartPole-v1", "--algorithm", str(TINY)], "one of its names: Echo, SearchState, Random"),
        (["run", "--task", "CartPole-v1", "--algorithm", "absent.py"], "no file 'absent.py'"),
        (["run", "--task", str(TINY), "--algorithm", "eggroll"], "LENGTH, SPEC, ECHO, ABSENT"),
        ([*CARTPOLE, "--policy", str(TINY)], "one of its names: Echo"),
        (["play", "x", "--out", "x.gif", "--fps", "0"], "argument --fps: '0': expected frames a second"),
        (["run", "--task", f"{TINY}:ABSNT", "--algorithm", "eggroll"], "did you mean 'ABSENT'?"),
        (["run", "--task", f"{TINY}:ABSENT", "--algorithm", "eggroll"], "a suite that is not installed"),
        (["sweep", "--tasks", "CartPole-v1,Antt-v0", "--algorithms", "ppo", "--seeds", "0"], "did you mean 'Ant-v0'?"),
        (["sweep", "--tasks", "Ant-v0", "--algorithms", "ppo,", "--seeds", "0"], "expected names with commas"),
        (["sweep", "--tasks", "Ant-v0", "--algorithms", "ppo", "--seeds", "3:1"], "expected seeds such as 0:5"),
        ([*SWEEP, "--engine", "rya"], "unknown engine 'rya': did you mean 'ray'?"),
        ([*SWEEP, "--shard", "0/4"], "argument --shard: '0/4': expected I/N, such as 1/4"),
        ([*SWEEP, "--shard", "5/4"], "argument --shard: '5/4': expected I/N, such as 1/4"),
        ([*SWEEP, "--jobs", "0"], "argument --jobs: '0': expected 1 or more"),
        ([*CARTPOLE, "--checkpoint-seconds", "0"], "'0': expected seconds, more than 0"),
        (["tasks", "--format", "jsn"], "unknown format 'jsn': did you mean 'json'?"),
        (["tasks", "show", "Antt-v0"], "did you mean 'Ant-v0'?"),
        (["tasks", "shw"], "expected `esbench tasks` or `esbench tasks show TASK`"),
        (["algorithms", "--format", "xml"], "unknown format 'xml'"),
        (["report", "absent"], "no directory 'absent'"),
        (["leaderboard"], "required: ACTION"),
        (["leaderboard", "chck"], "unknown action of esbench leaderboard 'chck': did you mean 'check'?"),
        (["leaderboard", "check", "absent"], "no directory 'absent'"),
        (["leaderboard", "check", "."], "no board in"),
        (["leaderboard", "check", "x", "--bas", "y"], "unknown option of esbench leaderboard check '--bas'"),
        (["leaderboard", "submit", "runs"], "required: --entry"),
        (["leaderboard", "submit", "runs", "--entry", "absent.toml"], "cannot read absent.toml"),
        (["leaderboard", "build"], "no directory 'leaderboards'"),
    ],
)
def test_bad_input_is_status_2_and_one_line_and_writes_nothing(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert line.startswith("esbench: ") and message in line
    assert output.out == ""
    assert not list(tmp_path.iterdir())


def test_an_output_directory_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([*RUN, *SMALL, "--out", str(tmp_path / "file")]) == 2
    assert "cannot write a run" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == ""


def test_tasks_as_json_are_a_list_of_specs(capsys):
    assert main(["tasks", "--format", "json"]) == 0
    specs = [TaskSpec.from_json(spec) for spec in json.loads(capsys.readouterr().out)]
    assert specs == task_specs()
    assert sum(spec.track == RL for spec in specs) == 16


def test_a_task_card(capsys):
    assert main(["tasks", "show", "Ant-v0"]) == 0
    card = capsys.readouterr().out
    assert "brax/ant" in card
    assert main(["tasks", "show", "Ant-v0", "--format", "json"]) == 0
    assert TaskSpec.from_json(json.loads(capsys.readouterr().out)).id == "Ant-v0"


@pytest.mark.parametrize("spec", [spec for spec in task_specs() if spec.is_environment], ids=lambda spec: spec.id)
def test_every_environment_has_a_card(spec, capsys):
    """It says all of what a card is for, and the number of observations and actions that the environment has."""
    assert main(["tasks", "show", spec.id]) == 0
    card = capsys.readouterr().out
    for name in ("observation", "action", "reward", "ends", "cap", "budgets", "random", "heuristic", "reference"):
        assert f"\n{name} " in card
    for name in ("measured by", "solved at", "source", "licence", "state", "in the paper", "differences"):
        assert f"\n{name} " in card
    assert str(spec.random.standard_error) in card
    assert max(len(line) for line in card.splitlines()) <= 110


def test_algorithms_with_their_settings(capsys):
    assert main(["algorithms", "--format", "json"]) == 0
    algorithms = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert {"eggroll", "open_es", "ppo"} <= algorithms.keys()
    assert algorithms["eggroll"]["settings"]["rank"] == 1
    assert main(["algorithms"]) == 0
    assert "eggroll: EGGROLL" in capsys.readouterr().out


def test_without_a_command_there_is_help(capsys):
    assert main([]) == 0
    bare = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert bare == capsys.readouterr().out != ""


@pytest.mark.parametrize("name", ["eggroll", "open_es", "ppo", f"{TINY}:RandomSearch"])
def test_one_algorithm_with_meanings_and_what_a_run_uses(name, capsys):
    assert main(["algorithms", name, "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert all(setting["meaning"] for setting in shown["settings"].values())
    for task in shown["tasks"]:
        used = resolve(task, name).settings
        assert all(used[setting] in of["lite"] for setting, of in shown["settings"].items())
    assert main(["algorithms", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    several = any(len(of["lite"]) > 1 for of in shown["settings"].values())
    assert len(lines) == len(shown["settings"]) + 3 + several
    assert ("several values: by task" in lines[-1]) == several
    if name == "eggroll":
        assert next(line for line in lines if line.startswith("sigma ")).split()[1:3] == ["0.05", "0.2"]


def test_a_score_of_the_untrained_policy_is_said_first(tmp_path, capsys):
    """By run, sweep and their objects; the budget is half a generation."""
    argv = [*RUN, *SMALL, "--out", str(tmp_path), "--steps", "50"]
    said = "the score is the UNTRAINED policy's: one generation took 100 steps, more than the budget; use --steps 100"
    assert main(argv) == 0
    output = capsys.readouterr()
    assert output.out.startswith(f"Echo-v0 RandomSearch seed 0: {said} or more, or a smaller pop_size: return ")
    warned = "the score is the UNTRAINED policy's: use --steps 100 or more, or a smaller pop_size"
    assert f"If the first one does, {warned}" in output.err
    sweep = ["sweep", "--tasks", f"{TINY}:ECHO", "--algorithms", f"{TINY}:RandomSearch", "--seeds", "0"]
    assert main([*sweep, "--tier", "smoke", *SMALL, "--out", str(tmp_path), "--steps", "50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"1 runs: 0 done, 1 finished before, 0 failed; they are in {tmp_path}"
    assert lines[1].startswith(f"Echo-v0 RandomSearch: {said}")
    assert lines[3].startswith("Echo-v0 (return)") and lines[3].endswith(" (n=1) UNTRAINED")
    assert lines[4] == f"next: esbench report {tmp_path}"
    run = RunDirectory.open(tmp_path / "smoke" / "Echo-v0" / "RandomSearch" / "seed-0")
    result = RunResult(run.path, run.rows, run.finished)
    assert said in repr(result) and "UNTRAINED" in result._repr_html_()
    small = {"n_layers": 1, "layer_size": 8}
    trained = esbench.train(f"{TINY}:ECHO", f"{TINY}:RandomSearch", steps=50, settings=small, progress=False)
    assert said in repr(trained) and "UNTRAINED" in trained._repr_html_()
    assert untrained([row.model_copy(update={"final": False}) for row in run.rows]) == ""


@pytest.mark.parametrize(
    "argv", [["--help"], ["run", "--help"], ["sweep", "--help"], ["speed", "--help"], ["leaderboard", "--help"]]
)
def test_help_teaches_with_examples(argv, capsys):
    assert main(argv) == 0
    assert "examples:\n  esbench " in capsys.readouterr().out


def test_dry_run_shows_what_would_run_and_writes_nothing(tmp_path, capsys):
    assert main([*RUN, *SMALL, "--out", str(tmp_path / "runs"), "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "10 episodes, at most 100 steps" in output
    assert "parameters    34\n" in output
    assert not (tmp_path / "runs").exists()


def test_a_run_then_the_same_again(tmp_path, capsys):
    argv = [*RUN, *SMALL, "--out", str(tmp_path), "--seed", "4"]
    assert main(argv) == 0
    output = capsys.readouterr()
    path = tmp_path / "smoke" / "Echo-v0" / "RandomSearch" / "seed-4"
    assert output.out.startswith("Echo-v0 RandomSearch seed 4: return ")
    assert output.out.endswith(f"at 1000 steps, {path}\n".replace("1000", "1,000"))
    assert "1,000 of 1,000 steps" in output.err
    assert RunDirectory.open(path).finished
    before = (path / "run.jsonl").read_bytes()
    assert main(argv) == 2
    assert "finished" in capsys.readouterr().err
    assert (path / "run.jsonl").read_bytes() == before


def test_a_sweep_with_a_failing_run_has_status_1(tmp_path, capsys):
    tasks = f"{TINY}:ECHO,{TINY}:ABSENT"
    argv = ["sweep", "--tasks", tasks, "--algorithms", f"{TINY}:RandomSearch", "--seeds", "0:2", "--tier", "smoke"]
    assert main([*argv, *SMALL, "--out", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert output.out.startswith("4 runs: 2 done, 0 finished before, 2 failed")
    assert "2 of 4 runs done, 2 failed" in output.err
    assert "1 of 4 runs done, next Echo-v0 RandomSearch seed 1, " in output.err and "left for all" in output.err
    assert output.out.splitlines()[-1] == f"next: esbench report {tmp_path}"
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 0
    assert (tmp_path / "report" / "report.md").is_file()


def test_a_reader_that_leaves_early_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "esbench", "tasks"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait() == 141
    assert process.stderr.read() == ""


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_what_a_run_is_asked_for_by_is_an_option_with_its_meaning_and_default(command, capsys):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for field in [field for cls in (RunOptions, Storage) for field in fields(cls)]:
        name = "set" if field.name == "settings" else field.name.replace("_", "-")
        assert f"--{name} " in shown
    assert "smoke, lite, standard or paper [default: lite]" in shown


def test_whole_numbers_settings_and_names_as_they_are_typed():
    argv = [*SWEEP, "--steps", "2e6", "--set", "a=1", "b=x=y", "--name", "none", "--set", "a=2", "--shard", "2/3"]
    _, bound, _ = app.parse_args([*argv, "--seeds", "0:2,7", "--retries", "1_000"])
    options = bound.arguments["options"]
    assert (options.steps, options.settings, options.name) == (2_000_000, {"a": "2", "b": "x=y"}, "none")
    assert [bound.arguments[name] for name in ("seeds", "shard", "retries")] == [[0, 1, 7], (2, 3), 1000]
