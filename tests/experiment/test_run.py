"""Rows, scores and budgets of a run, on a task whose episodes all last ten steps."""

import json

import jax
import numpy as np
import pytest

import esbench
from esbench.errors import InputError
from esbench.experiment.one_run.prepare import make_problem
from esbench.experiment.one_run.training import Counts
from esbench.experiment.options.config import resolve
from esbench.keys import evaluation_key
from esbench.results.run_directory import RunDirectory
from esbench.rollout.evaluation import evaluate

CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}


def without_clocks(rows):
    return [row.model_dump(exclude=CLOCKS) for row in rows]


def steps_of(result):
    return [row.useful_steps for row in result.rows]


def test_rows_at_every_share_of_the_budget_that_a_step_passes(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, steps=1000)  # a step of the learner takes 100 steps: two shares
    assert steps_of(result) == list(range(0, 1001, 100))
    assert [row.generation for row in result.rows] == list(range(11))
    assert [row.final for row in result.rows] == [False] * 10 + [True]
    assert result.rows[-1].sequential_steps == 100
    assert result.rows[-1].computed_steps >= 1000
    assert result.rows[0].training == {"earlier_best": None, "score": None}
    assert result.rows[1].training["earlier_best"] is None  # it was -inf
    assert 0 <= result.rows[1].training["score"] <= 10


def test_a_long_run_has_twenty_one_rows(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, steps=4000)
    assert steps_of(result) == list(range(0, 4001, 200))


def test_a_last_step_within_two_percent_is_the_score(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, steps=990)
    assert steps_of(result)[-1] == 1000
    assert result.score == result.rows[-1]


def test_a_last_step_beyond_two_percent_is_recorded_and_the_row_before_is_the_score(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, steps=950)
    assert steps_of(result)[-2:] == [900, 1000]
    assert [row.final for row in result.rows[-2:]] == [True, False]
    assert result.score.useful_steps == 900
    assert result.finished
    assert RunDirectory.open(result.path).rows == result.rows
    assert {file.name for file in result.path.iterdir()} == {"run.jsonl", "policy.npz"}


def test_the_saved_policy_is_the_one_that_was_scored(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, steps=950, seed=3)
    config = resolve(**echo)
    problem = make_problem(config)
    deployed = RunDirectory.open(result.path).load_policy()
    shares = 900 * 20 // 950
    score = jax.jit(lambda deployed, key: evaluate(problem, deployed, key, config.samples))
    returns, _ = score(deployed, evaluation_key("Echo-v0", 3, shares))
    assert returns.shape == (2, result.score.samples)
    assert float(returns[0].mean()) == result.score.scores["return_greedy"]
    assert float(returns[1].mean()) == result.score.scores["return_sample"] == result.score.value


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(echo, tmp_path):
    first = esbench.run(**echo, out=tmp_path / "first", seed=0)
    again = esbench.run(**echo, out=tmp_path / "again", seed=0)
    other = esbench.run(**echo, out=tmp_path / "other", seed=1)
    assert without_clocks(first.rows) == without_clocks(again.rows)
    assert without_clocks(first.rows) != without_clocks(other.rows)


def test_clocks_are_totals(echo, tmp_path):
    rows = esbench.run(**echo, out=tmp_path).rows
    for name in CLOCKS:
        values = [getattr(row, name) for row in rows]
        assert values == sorted(values)
    assert rows[0].compile_seconds == rows[-1].compile_seconds > 0
    assert rows[0].log_seconds == 0 < rows[-1].log_seconds


def test_the_manifest_says_what_was_run(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, seed=2)
    assert result.path == tmp_path / "smoke" / "Echo-v0" / "RandomSearch" / "seed-2"
    manifest = RunDirectory.open(result.path).manifest
    assert manifest.task["id"] == "Echo-v0"
    assert manifest.settings == {"pop_size": 10, "spread": 0.1, "slow": 0}
    assert manifest.policy == {"name": "mlp", "n_layers": 1, "layer_size": 8, "activation": "pqn"}
    assert manifest.parameters == (1 * 8 + 8) + (8 * 2 + 2)
    assert (manifest.tier, manifest.budget, manifest.preset) == ("smoke", 1000, "defaults")
    assert manifest.action_mode == "sample"
    assert manifest.options.model_dump()["precision"] == "float32"
    assert {"python", "jax", "jaxlib", "flax", "numpy"} <= manifest.versions.keys()
    assert manifest.device.kind and manifest.device.count == 1
    first = json.loads((result.path / "run.jsonl").read_text().splitlines()[0])
    assert first["kind"] == "manifest"


def test_the_hash_depends_on_numbers_and_not_on_the_seed(echo, tmp_path):
    def manifest(**changes):
        options = {**echo, **changes}
        return RunDirectory.open(esbench.run(**options, out=tmp_path).path).manifest

    first = manifest()
    assert manifest(seed=1).config_hash == first.config_hash
    assert manifest(steps=900, name="short").config_hash != first.config_hash
    assert manifest(settings={**echo["settings"], "spread": 0.2}, name="wide").config_hash != first.config_hash


def test_max_seconds_stops_after_the_first_step_past_it_and_leaves_a_readable_run(echo, tmp_path):
    result = esbench.run(**echo, out=tmp_path, max_seconds=1e-6)
    assert steps_of(result) == [0, 100]
    assert not result.finished and result.score is None
    assert not RunDirectory.open(result.path).finished


def test_a_finished_run_is_refused_before_anything_is_compiled(echo, tmp_path):
    path = esbench.run(**echo, out=tmp_path).path
    before = (path / "run.jsonl").read_bytes()
    with pytest.raises(InputError, match=r"finished run.*esbench report"):
        esbench.run(**echo, out=tmp_path)
    assert (path / "run.jsonl").read_bytes() == before


def test_an_unfinished_run_is_refused_and_names_resume(echo, tmp_path):
    esbench.run(**echo, out=tmp_path, max_seconds=1e-6)
    with pytest.raises(InputError, match="--resume"):
        esbench.run(**echo, out=tmp_path)


def test_counts_do_not_overflow():
    largest = np.full(4, 2**31 - 1, np.int32)
    counts = Counts().after(largest, largest, largest[0]).after(largest, largest, largest[0])
    assert counts.useful_steps == counts.computed_steps == 8 * (2**31 - 1)
    assert counts.generation == 2
