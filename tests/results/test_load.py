import subprocess
import sys

import numpy as np
import pytest

from esbench.errors import InputError
from esbench.results.load import load_results

COLUMNS = {
    "tier",
    "task",
    "algorithm",
    "seed",
    "generation",
    "useful_steps",
    "computed_steps",
    "sequential_steps",
    "return_mean",
    "return_std",
    "return_mean_greedy",
    "return_mean_sample",
    "episodes",
    "distinct_episodes",
    "compile_seconds",
    "train_seconds",
    "evaluate_seconds",
    "log_seconds",
    "final",
    "parameters",
    "budget",
    "status",
}


def test_one_row_per_evaluation_with_all_columns(tmp_path, add_run, make_row):
    add_run(tmp_path, make_row(), make_row(generation=4, useful_steps=990, return_mean=500.0, final=True), seed=1)
    add_run(tmp_path, make_row(return_mean=19.0), seed=0, name="variant", budget=2000)
    table = load_results(tmp_path)
    assert set(table.columns) >= COLUMNS
    assert table["algorithm"].tolist() == ["eggroll", "eggroll", "variant"]
    assert table["seed"].tolist() == [1, 1, 0]
    assert table["return_mean"].tolist() == [20.0, 500.0, 19.0]
    assert table["final"].tolist() == [False, True, False]
    assert table["status"].tolist() == ["finished", "finished", "unfinished"]
    assert table["budget"].tolist() == [1000, 1000, 2000]
    assert table["parameters"].tolist() == [133_890] * 3
    assert (table["task"] == "CartPole-v1").all() and (table["tier"] == "lite").all()


def test_training_metrics_are_columns_without_values_where_there_are_none(tmp_path, add_run, make_row):
    add_run(tmp_path, make_row(), make_row(training={"sigma": 0.1, "loss": None, "seed": 5.0}), seed=2)
    add_run(tmp_path, make_row(training={"entropy": 0.5}), name="ppo")
    table = load_results(tmp_path)
    for name, expected in {
        "sigma": [np.nan, 0.1, np.nan],
        "loss": [np.nan] * 3,
        "entropy": [np.nan, np.nan, 0.5],
        "training_seed": [np.nan, 5.0, np.nan],
    }.items():
        assert table[name].dtype == float
        np.testing.assert_array_equal(table[name], expected)
    assert table["seed"].tolist() == [2, 2, 0]


def test_a_run_found_twice_counts_once(tmp_path, add_run, make_row):
    run = add_run(tmp_path, make_row())
    assert len(load_results(tmp_path, tmp_path / "lite", run.path)) == 1


def test_order_does_not_depend_on_the_order_of_directories(tmp_path, add_run, make_row):
    for out, name in (("a", "ppo"), ("b", "eggroll")):
        for seed in (10, 9):
            add_run(tmp_path / out, make_row(), name=name, seed=seed)
    first, second = load_results(tmp_path / "a", tmp_path / "b"), load_results(tmp_path / "b", tmp_path / "a")
    assert first.equals(second)
    assert first["seed"].tolist() == [9, 10, 9, 10]


def test_nothing_to_load_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no runs below"):
        load_results(tmp_path)
    with pytest.raises(InputError, match="no directory"):
        load_results(tmp_path / "missing")


def test_reading_rows_loads_no_jax():
    code = "import sys, esbench.results.load; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
