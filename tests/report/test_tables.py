import io

import pandas as pd
import pytest

from esbench.report.tables import score_table, to_csv, to_markdown
from esbench.results.load import load_results


@pytest.fixture
def results(tmp_path, add_run, make_row, make_spec):
    """CartPole with eggroll (3 seeds) and ppo (1), Knapsack with eggroll (2) and an unfinished ppo."""
    for seed, score in enumerate([1.0, 2.0, 6.0]):
        add_run(
            tmp_path,
            make_row(return_mean=-50.0),
            make_row(useful_steps=1000 + seed, return_mean=score, train_seconds=10.0 + seed, final=True),
            seed=seed,
        )
    add_run(tmp_path, make_row(return_mean=7.0, useful_steps=1001, final=True), name="ppo", action_mode="greedy")
    knapsack = {"task": make_spec(id="Knapsack-v1").to_json(), "budget": 2000}
    for seed in (0, 1):
        # The score row, then a row that overshot: 2500 steps of 2000.
        rows = [make_row(useful_steps=1600, return_mean=1234.5 + seed, final=True), make_row(useful_steps=2500)]
        add_run(tmp_path, *rows, seed=seed, **knapsack)
    add_run(tmp_path, make_row(return_mean=99.0), name="ppo", **knapsack)
    return load_results(tmp_path)


def test_numbers_of_the_score_rows(results):
    table = score_table(results).set_index(["task", "algorithm"])
    row = table.loc["CartPole-v1", "eggroll"]
    assert row["n"] == 3
    assert row["budget"] == 1000
    assert row["return_mean"] == pytest.approx(3.0)
    half = 4.30265 * (7 / 3) ** 0.5  # the 97.5% quantile of Student's t with 2 degrees of freedom
    assert row["return_low"] == pytest.approx(3.0 - half, rel=1e-5)
    assert row["return_high"] == pytest.approx(3.0 + half, rel=1e-5)
    assert row["useful_steps"] == pytest.approx(1001.0)
    assert row["overshoot"] == pytest.approx(0.001)
    assert row["train_seconds"] == pytest.approx(11.0)
    assert row["compile_seconds"] == pytest.approx(1.5)


def test_steps_are_the_score_rows_and_overshoot_the_whole_runs(results):
    row = score_table(results).set_index(["task", "algorithm"]).loc["Knapsack-v1", "eggroll"]
    assert row["return_mean"] == pytest.approx(1235.0)
    assert row["useful_steps"] == pytest.approx(1600.0)
    assert row["overshoot"] == pytest.approx(0.25)


def test_one_seed_has_no_interval(results):
    table = score_table(results)
    row = table.set_index(["task", "algorithm"]).loc["CartPole-v1", "ppo"]
    assert row["n"] == 1 and row["return_mean"] == 7.0 and row["action_mode"] == "greedy"
    assert pd.isna(row["return_low"]) and pd.isna(row["return_high"])
    line = next(line for line in to_markdown(table).splitlines() if "CartPole-v1" in line and "ppo" in line)
    assert "none: one seed" in line


def test_what_is_missing_is_missing_and_not_zero(results):
    table = score_table(results)
    row = table.set_index(["task", "algorithm"]).loc["Knapsack-v1", "ppo"]
    assert row["n"] == 0
    assert row.drop(["tier", "n"]).isna().all()
    line = next(line for line in to_markdown(table).splitlines() if "Knapsack-v1" in line and "ppo" in line)
    assert [cell.strip() for cell in line.strip("|").split("|")][4:7] == ["missing", "", "0"]
    assert to_csv(table).splitlines()[-1] == "lite,Knapsack-v1,ppo,,0,,,,,,,,"


def test_tiers_and_algorithms_are_told_apart_and_ordered(tmp_path, add_run, make_row):
    for tier in ("paper", "lite"):
        for name in ("variant", "ppo", "open_es", "another"):
            add_run(tmp_path, make_row(final=True), tier=tier, name=name)
    table = score_table(load_results(tmp_path))
    assert table["tier"].tolist() == ["lite"] * 4 + ["paper"] * 4
    assert table["algorithm"].tolist() == ["open_es", "ppo", "another", "variant"] * 2
    assert (table["n"] == 1).all()


def test_csv_keeps_all_digits(results):
    table = score_table(results)
    again = pd.read_csv(io.StringIO(to_csv(table)), float_precision="round_trip")
    for name in ("return_mean", "return_low", "return_high", "overshoot", "train_seconds"):
        pd.testing.assert_series_equal(again[name], table[name], check_exact=True)


def test_markdown_of_known_rows(results):
    assert to_markdown(score_table(results)) == (
        "| Tier | Task        | Algorithm | Acts   |  Return |   95% interval | Seeds | Budget | Useful steps "
        "| Overshoot | Train s | Compile s |\n"
        "| ---- | ----------- | --------- | ------ | ------: | -------------: | ----: | -----: | -----------: "
        "| --------: | ------: | --------: |\n"
        "| lite | CartPole-v1 | eggroll   | sample |    3.00 |  [-3.57, 9.57] |     3 |  1,000 |        1,001 "
        "|      0.1% |    11.0 |       1.5 |\n"
        "| lite | CartPole-v1 | ppo       | greedy |    7.00 | none: one seed |     1 |  1,000 |        1,001 "
        "|      0.1% |     0.0 |       1.5 |\n"
        "| lite | Knapsack-v1 | eggroll   | sample |    1235 |   [1229, 1241] |     2 |  2,000 |        1,600 "
        "|     25.0% |     0.0 |       1.5 |\n"
        "| lite | Knapsack-v1 | ppo       |        | missing |                |     0 |        |              "
        "|           |         |           |\n"
    )
