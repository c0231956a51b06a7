"""`esbench play` of a run that writes answers, and policies of one's own that write them."""

from pathlib import Path

import pytest

from esbench.cli import main
from tests.policies import networks_of_ones_own
from tests.tasks import copying
from tests.tasks.countdown_answers import is_right

NETWORKS, TASKS = Path(networks_of_ones_own.__file__), Path(copying.__file__)


def trained(out, task, name, policy, *settings):
    argv = ["run", "--task", task, "--algorithm", "eggroll", "--policy", policy, "--tier", "smoke", "--out", str(out)]
    assert main([*argv, "--preset", "defaults", "--steps", "4000", "--set", "pop_size=64", *settings]) == 0
    return out / "smoke" / name / "eggroll" / "seed-0"


def test_a_policy_of_ones_own_with_memory_writes_and_is_judged(tmp_path, capsys):
    run = trained(tmp_path, "Countdown-v0", "Countdown-v0", f"{NETWORKS}:remembering", "n_parallel_evaluations=2")
    capsys.readouterr()
    assert main(["play", str(run), "--episodes", "5", "--seed", "3"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for line in lines:
        problem, answer, verdict = line.split()
        instance = tuple(map(int, problem[:4])), int(problem[5:])
        assert verdict == ("right" if is_right(instance, answer) else "wrong")
    assert last == f"{sum(line.endswith('right') for line in lines)} of 5 right"
    assert main(["play", str(run), "--seed", "4"]) == 0
    assert capsys.readouterr().out.split() == lines[1].split()
    for option, said in (("--out film.gif", "whose answers are printed"), ("--prompt 9731", "of no language model")):
        assert main(["play", str(run), *option.split()]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("policy", ["copying", "linear"])
def test_right_wrong_and_unfinished_answers(tmp_path, capsys, policy):
    run = trained(tmp_path, f"{TASKS}:TASK", "Copying-v0", f"{NETWORKS}:{policy}", "sigma=0.01")
    capsys.readouterr()
    assert main(["play", str(run), "--episodes", "30"]) == 2
    assert "--task path/to/file.py:NAME says where the run's task is" in capsys.readouterr().err
    assert main(["play", str(run), "--episodes", "30", "--task", f"{TASKS}:TASK"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    found = {tuple(line.split()) for line in lines}
    expected = {"a": ("a", "right"), "b": ("b", "right"), "c": ("cc", "unfinished")}
    if policy == "copying":  # greedily, as the track acts
        assert found == {(problem, *answer) for problem, answer in expected.items()}
    assert all((answer == problem) == (verdict == "right") for problem, answer, verdict in found if problem != "c")
    assert last == f"{sum(line.endswith('right') for line in lines)} of 30 right"
