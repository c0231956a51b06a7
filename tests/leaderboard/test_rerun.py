"""Rerun: which tasks and seeds, what stops the entry's code, and, slowly, real entries trained anew."""

import json

import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.leaderboard.check import check
from esbench.leaderboard.entry import read_entry
from esbench.leaderboard.states import state_of
from esbench.leaderboard.verification import sandbox
from esbench.leaderboard.verification.record import draw, read_verification
from esbench.leaderboard.verification.rerun import Plan, _choose, _Task, rerun
from esbench.results.fingerprints import plugins_digest
from esbench.tasks.catalogue import CATALOGUE

from .honest import edit_entry, enter, new_board
from .trained import trained_entry

FIVE = tuple(
    spec
    for spec in CATALOGUE
    if spec.id in ("CartPole-v1", "Pendulum-v1", "Knapsack-v1", "InvertedDoublePendulum-v0", "Game2048-v1")
)
LIGHT = ("CartPole-v1", "Pendulum-v1", "Knapsack-v1", "Game2048-v1")


def synthetic(folder, specs=FIVE, code=None, **changes):
    boards = folder / "leaderboards"
    boards.mkdir()
    board = new_board(boards, specs)
    if code is not None:
        (folder / "own.py").write_text(code)
        changes |= {"algorithm": "own.py:Own", "plugins": plugins_digest([code.encode()])}
    return enter(folder, boards, board, "mine", **changes)


def verify(entry, *options):
    return main(["leaderboard", "verify", str(entry), "--mode", "rerun", "--public-number", "1", *options])


def test_four_unsaturated_tasks_are_drawn_by_the_public_number(tmp_path):
    evidence = check(synthetic(tmp_path)).evidence
    drawn = {tuple(_choose(evidence, None, number)) for number in range(20)}
    assert all(len(names) == 4 for names in drawn)
    assert len(drawn) > 1
    assert _choose(evidence, None, 3) == _choose(evidence, None, 3)


def test_too_few_unsaturated_tasks_are_said_with_their_reasons(tmp_path, capsys):
    entry = synthetic(tmp_path, skill=1.2)
    assert verify(entry) == 2
    said = capsys.readouterr().err
    assert "a rerun needs 4 tasks below a mean score of 0.95" in said
    assert "CartPole-v1 is saturated, score 1." in said
    assert said.count("\n") == 1
    assert not (entry / "verification.json").exists()


def test_seeds_depend_on_the_entry_and_the_number(tmp_path):
    entry = synthetic(tmp_path)
    directory = read_entry(entry)
    assert draw(directory, 1, "a") == draw(directory, 1, "a")
    assert len({draw(directory, 1, "a"), draw(directory, 2, "a"), draw(directory, 1, "b")}) == 3
    edit_entry(entry, lambda values: values.update(name="Another"))
    assert draw(read_entry(entry), 1, "a") != draw(directory, 1, "a")


@pytest.mark.parametrize(
    ("algorithm", "said"),
    [
        ("/tmp/other.py:Own", "algorithm '/tmp/other.py:Own': expected eggroll"),
        ("algorithm.py:Own", "has no algorithm"),
    ],
)
def test_an_algorithm_outside_the_entry_is_not_run(tmp_path, algorithm, said):
    entry = synthetic(tmp_path)
    edit_entry(entry, lambda values: values.update(algorithm=algorithm))
    assert verify(entry) == 1
    with pytest.raises(InputError, match=said):
        rerun(check(entry).evidence, Plan(), 1, print)


def test_nothing_of_an_entry_that_fails_its_check_is_run(tmp_path, capsys):
    entry = synthetic(tmp_path, code="class Own: ...")
    (entry / "algorithm.py").write_text("raise SystemExit('was run')")
    assert verify(entry) == 1
    said = capsys.readouterr()
    assert "algorithm.py: edited" in said.out
    assert "public number" not in said.out
    assert "was run" not in said.err
    assert not (entry / "verification.json").exists()


def test_one_task_named_four_times_is_one_task(tmp_path):
    evidence = check(synthetic(tmp_path)).evidence
    with pytest.raises(InputError, match=r"a rerun needs 4 tasks .* of those asked for 1"):
        _choose(evidence, ["CartPole-v1"] * 4, 1)


def test_rows_of_the_entry_with_another_policy_are_found(tmp_path):
    """What code hands back that knows the reported rows by heart, and has trained nothing."""
    evidence = check(trained_entry(tmp_path, ("CartPole-v1", "Knapsack-v1"))).evidence
    task = _Task(evidence, "CartPole-v1", Plan(), 1, print)
    rows = evidence.finished["CartPole-v1", 0].rows
    own, other = (evidence.files[f"runs/CartPole-v1/seed-{seed}/policy.npz"] for seed in (0, 1))
    assert task._unlike(0, rows, own) is None
    assert "whose hash the entry states" in task._unlike(0, rows, other)
    assert "row 1 reports" in task._unlike(0, evidence.finished["CartPole-v1", 1].rows, other)
    assert task._scores(task._task, {0: (rows, own)})[1] == []
    (problem,) = task._scores(task._task, {0: (rows, other)})[1]
    assert problem.startswith("seed 0: the entry's code reports a return of")


def test_own_code_is_refused_where_there_is_no_sandbox(tmp_path, monkeypatch):
    evidence = check(synthetic(tmp_path, code="class Own: ...")).evidence
    sandbox.missing.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="own code needs a sandbox, which this machine lacks: unshare"):
        rerun(evidence, Plan(), 1, print)
    sandbox.missing.cache_clear()


def test_rows_are_not_compared_with_those_of_an_unknown_commit(tmp_path):
    evidence = check(synthetic(tmp_path)).evidence
    task = _Task(evidence, "CartPole-v1", Plan(), 1, print)
    manifest = evidence.finished["CartPole-v1", 0].manifest
    assert f"esbench at commit {manifest.commit} there, which is not known here" in task._elsewhere(manifest)


LOOP = "import time\nwhile True: time.sleep(0.1)"
MEMORY = "import time\nkept = b'x' * (3 * 2**30)\ntime.sleep(60)"
WRITES = "open('/usr/outside', 'w')"


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        (LOOP, ("--max-seconds", "10"), "the entry's code stopped: it ran for more than 10 seconds"),
        pytest.param(
            MEMORY,
            ("--max-memory", "2000"),
            "the entry's code stopped: it took more than 2,000 MiB of memory",
            marks=pytest.mark.slow,
        ),
        (WRITES, (), "the entry's code ended with status 1: algorithm.py cannot be loaded: OSError: [Errno 30]"),
    ],
    ids=["loops", "eats memory", "writes outside"],
)
@pytest.mark.usefixtures("needs_sandbox")
def test_hostile_code_is_stopped_with_one_line(tmp_path, code, options, said, capsys):
    entry = synthetic(tmp_path, code=code)
    files = sorted(str(path) for path in tmp_path.rglob("*"))
    assert verify(entry, *options) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert sorted(str(path) for path in tmp_path.rglob("*")) == files
    assert state_of(check(entry)) == "checked"


@pytest.mark.slow
@pytest.mark.usefixtures("needs_sandbox")
def test_an_honest_entry_is_reproduced(tmp_path, capsys):
    entry = trained_entry(tmp_path, LIGHT, seeds=range(4))
    assert verify(entry) == 0
    found = read_verification(read_entry(entry)).rerun
    assert found.passed
    assert found.sandbox
    assert found.p_value > found.alpha
    assert set(found.tasks) == set(LIGHT)
    for task in found.tasks.values():
        assert task.same_machine
        assert task.equal
        assert len(task.seeds) == len(task.fresh) == 3
        assert all(seed >= 2000 for seed in task.seeds)
    assert state_of(check(entry)) == "reproduced"
    assert "CartPole-v1: seed" in capsys.readouterr().out


@pytest.mark.slow
def test_rows_from_twice_the_budget_are_found(tmp_path, capsys):
    entry = trained_entry(tmp_path, LIGHT, seeds=range(4), budget_factor=2)
    assert verify(entry) == 1
    found = read_verification(read_entry(entry)).rerun
    assert not found.passed
    assert not any(task.equal for task in found.tasks.values())
    assert all(any(problem.startswith(f"{task}: seed") for problem in found.problems) for task in LIGHT)
    assert state_of(check(entry)) == "disputed"
    assert "trained again on this kind of machine" in capsys.readouterr().out


OWN = '''
import jax
import jax.numpy as jnp
from flax import struct

from esbench.algorithms.shaping import centred_ranks
from esbench.population.gaussian import Gaussian
from esbench.settings import settings


class State(struct.PyTreeNode):
    mean: dict


@settings
class Own:
    """EGGROLL's estimate, with a step of one length."""

    pop_size: int = 32

    def init(self, key, params):
        return State(params)

    def ask(self, key, state):
        return Gaussian(state.mean, key, jnp.float32(0.2), size=self.pop_size, rank=1), state

    def tell(self, key, state, population, fitness):
        estimate = population.weighted_sum(centred_ranks(fitness))
        return state.replace(mean=jax.tree.map(lambda m, e: m + 0.02 * jnp.sign(e), state.mean, estimate))

    def deployed(self, state):
        return state.mean
'''


@pytest.mark.slow
@pytest.mark.usefixtures("needs_sandbox")
def test_code_of_its_own_is_reproduced_on_twins_too(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    entry = trained_entry(tmp_path, LIGHT, seeds=range(3), algorithm=f"{tmp_path}/own.py:Own")
    assert json.loads((entry / "entry.json").read_text())["algorithm"] == "algorithm.py:Own"
    assert verify(entry, "--fresh-seeds", "2") == 0
    found = read_verification(read_entry(entry)).rerun
    assert all(task.equal for task in found.tasks.values())
    assert all(len(task.twin) == 2 for task in found.tasks.values())
    assert found.twin_p_value > found.alpha
