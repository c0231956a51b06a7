"""A strategy that breaks its contract ends with one line that names the file, the method and what was expected."""

from pathlib import Path

import jax
import numpy as np
import pytest

import esbench
from esbench.cli import main
from esbench.results.run_directory import RunDirectory

HERE = Path(__file__).parent
BROKEN = HERE / "broken.py"
ECHO = f"{HERE.parent / 'experiment' / 'tiny.py'}:ECHO"


def run(strategy, out, *more, task=ECHO):
    small = ["--set", "n_layers=1", "layer_size=8", "pop_size=16"]
    return main(
        ["run", "--task", task, "--algorithm", f"{BROKEN}:{strategy}", "--tier", "smoke", "--out", out, *more, *small]
    )


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("RaisesInInit", "RaisesInInit.init raised KeyError: 'nothing to start from'"),
        ("RaisesInAsk", "RaisesInAsk.ask raised KeyError: 'no such layer'"),
        ("RaisesInTell", "RaisesInTell.tell raised TracerBoolConversionError: "),
        ("StateWithText", "StateWithText.init returned a state with a str at ['phase']: expected a pytree of arrays"),
        ("OnlyAPopulation", "OnlyAPopulation.ask returned a Gaussian: expected a population and a state"),
        ("NoPopulation", "NoPopulation.ask returned a dict, no population: it lacks size, axes, pair, member"),
        ("TooManyMembers", "TooManyMembers.ask returned a population of 32 members: expected pop_size = 16"),
        ("OtherMembers", "OtherMembers.ask returned a member with ['params']"),
        ("OtherMembers", "of float32[3]: expected float32["),
        (
            "PairsAsWeights",
            "PairsAsWeights.tell raised ValueError: weights of shape (8,): expected one per member, (16,)",
        ),
        ("OtherMean", "OtherMean.tell returned state with .mean['params']"),
        ("OtherState", "OtherState.tell returned state with "),
        ("ForgetsToReturn", "ForgetsToReturn.tell returned None: expected a value; is a `return` missing?"),
        (
            "BranchesOnFitness",
            "BranchesOnFitness.tell raised TracerBoolConversionError: an `if` or a `while` on a traced",
        ),
        ("DeploysFitness", "DeploysFitness.deployed returned "),
    ],
)
def test_a_wrong_answer_is_one_line_and_status_1_and_writes_nothing(strategy, message, tmp_path, capsys):
    assert run(strategy, str(tmp_path / "runs")) == 1
    *progress, line = capsys.readouterr().err.splitlines()
    assert line.startswith("esbench: ") and "broken.py:" in line and message in line
    assert all("compiling" in text for text in progress)
    assert not (tmp_path / "runs").exists()


def test_the_line_of_the_file_that_raised_is_named(tmp_path, capsys):
    run("RaisesInAsk", str(tmp_path))
    (number,) = [n for n, text in enumerate(BROKEN.read_text().splitlines(), 1) if "no such layer" in text]
    plain = capsys.readouterr().err
    assert f"broken.py:{number}: RaisesInAsk.ask" in plain and "Traceback" not in plain
    run("RaisesInAsk", str(tmp_path), "-v")
    verbose = capsys.readouterr().err
    assert 'state.mean["no such layer"]' in verbose and verbose.splitlines()[-1] == plain.splitlines()[-1]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("InfinitePopulation", "InfinitePopulation.ask returned a population with numbers that are not finite"),
        ("MeanWithoutNumbers", "MeanWithoutNumbers.tell gave parameters that are not finite"),
    ],
)
def test_numbers_that_are_not_finite_end_the_run_after_their_generation(strategy, message, tmp_path, capsys):
    assert run(strategy, str(tmp_path)) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
    kept = RunDirectory.open(tmp_path / "smoke" / "Echo-v0" / strategy / "seed-0")
    assert [row.useful_steps for row in kept.rows] == [0] and not kept.finished


def test_rewards_that_are_no_number_are_counted_and_never_reach_the_parameters(tmp_path):
    settings = {"n_layers": 1, "layer_size": 8, "pop_size": 64, "sigma": 2.0, "learning_rate": 0.001}
    result = esbench.run(f"{BROKEN}:CLIFF", "open_es", tier="smoke", settings=settings, out=tmp_path)
    counted = [row.training["nonfinite_members"] for row in result.rows[1:]]
    assert result.finished and all(0 < count < 64 for count in counted)
    assert all(np.isfinite(row.training["fitness_max"]) for row in result.rows[1:])
    deployed = RunDirectory.open(result.path).load_policy()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(deployed.params))
