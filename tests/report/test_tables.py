"""The tables' numbers, from rows whose summaries are known."""

import io
import math
import re

import pandas as pd
import pytest
from scipy.stats import ttest_ind

from esbench.report.contents import Contents
from esbench.report.grouping import algorithm_order
from esbench.report.latex import escape, latex
from esbench.report.markdown import markdown
from esbench.report.tables.anchors import beats
from esbench.results.load import load_runs
from esbench.results.records import TuningCost
from esbench.statistics.intervals import Estimate
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.spec import Anchor

RANDOM, REFERENCE = 22.32, 500.0  # CartPole's anchors in the catalogue
T2 = 4.30265  # the 97.5% quantile of Student's t with 2 degrees of freedom


@pytest.fixture
def runs(tmp_path, add_run, make_row, make_spec):
    """CartPole with eggroll (3 seeds) and ppo (1), Knapsack with eggroll (2) and an unfinished ppo."""
    for seed, score in enumerate([1.0, 2.0, 6.0]):
        add_run(
            tmp_path,
            make_row(return_mean=-50.0),
            make_row(useful_steps=1000 + seed, return_mean=score, train_seconds=10.0 + seed, final=True),
            seed=seed,
        )
    add_run(
        tmp_path,
        make_row(return_mean=7.0, useful_steps=1001, train_seconds=4.0, final=True),
        name="ppo",
        action_mode="greedy",
    )
    knapsack = {"task": make_spec(id="Knapsack-v1").to_json(), "budget": 2000}
    for seed in (0, 1):
        # The score row, then a row that overshot: 2500 steps of 2000.
        rows = [
            make_row(useful_steps=1600, return_mean=1234.5 + seed, train_seconds=1.0, final=True),
            make_row(useful_steps=2500, train_seconds=2.0),
        ]
        add_run(tmp_path, *rows, seed=seed, **knapsack)
    add_run(tmp_path, make_row(return_mean=99.0), name="ppo", **knapsack)
    return tmp_path


def tables(*directories):
    return {table.name: table for table in Contents(load_runs(*directories)).tables}


def frame(directory, name, *index):
    return tables(directory)[name].frame.set_index(list(index))


def shown(table, *words):
    """The texts of the one row that begins with these words after its tier."""
    (row,) = [row for row in table.rows if [cell.text for cell in row[1 : 1 + len(words)]] == list(words)]
    return [cell.text for cell in row]


def test_numbers_of_the_score_rows(runs):
    row = frame(runs, "scores", "task", "algorithm").loc["CartPole-v1", "eggroll"]
    assert (row["n"], row["budget"], row["action_mode"]) == (3, 1000, "sample")
    assert row["return_mean"] == pytest.approx(3.0)
    half = T2 * (7 / 3) ** 0.5
    # CartPole pays 1 a step: no return is below 1.
    assert (row["return_low"], row["return_high"]) == pytest.approx((1.0, 3.0 + half), rel=1e-5)
    assert row["score_mean"] == pytest.approx((3.0 - RANDOM) / (REFERENCE - RANDOM))
    assert row["useful_steps"] == pytest.approx(1001.0)
    assert row["overshoot"] == pytest.approx(0.001)


def test_steps_are_the_score_rows_and_overshoot_the_whole_runs(runs):
    row = frame(runs, "scores", "task", "algorithm").loc["Knapsack-v1", "eggroll"]
    assert row["return_mean"] == pytest.approx(1235.0)
    assert row["useful_steps"] == pytest.approx(1600.0)
    assert row["overshoot"] == pytest.approx(0.25)


def test_one_seed_has_no_interval_and_says_so(runs):
    table = tables(runs)["scores"]
    row = table.frame.set_index(["task", "algorithm"]).loc["CartPole-v1", "ppo"]
    assert row["n"] == 1 and row["return_mean"] == 7.0 and math.isnan(row["return_low"])
    assert "none: one seed" in shown(table, "CartPole-v1", "ppo")


def test_what_is_missing_is_missing_and_not_zero(runs):
    table = tables(runs)["scores"]
    row = table.frame.set_index(["task", "algorithm"]).loc["Knapsack-v1", "ppo"]
    assert row["n"] == 0
    assert row.drop(["tier", "n"]).isna().all()
    assert shown(table, "Knapsack-v1", "ppo")[3:6] == ["missing", "", "0"]
    assert table.to_csv().splitlines()[-1] == "lite,Knapsack-v1,ppo,,0,,,,,,,,,,,"


def test_an_algorithm_without_a_task_has_no_aggregate(runs):
    table = tables(runs)["aggregates"]
    assert shown(table, "ppo")[2:6] == ["-", "1 of 2", "-", "missing"]
    assert table.frame.set_index("algorithm").loc["ppo"].drop(["tier", "tasks"]).isna().all()
    assert table.frame.set_index("algorithm").loc["eggroll", "mean"] == pytest.approx(0.5)  # clipped: 0 and 1


def test_tasks_beyond_the_tier_have_rows_and_no_part_in_aggregates(tmp_path, add_run, make_row):
    """Of a run that has the earlier version of the tier all of its tasks are."""
    for spec in CATALOGUE:
        steps = {"useful_steps": 1000, "final": True, "return_mean": spec.reference.value if spec.beyond else 0.0}
        add_run(tmp_path / "new", make_row(), make_row(**steps), task=spec.to_json())
        add_run(tmp_path / "old", make_row(), make_row(**steps), task={**spec.to_json(), "beyond": []})
    table = tables(tmp_path / "new")["aggregates"]
    assert shown(table, "eggroll")[3] == "12 of 12"
    (note,) = [note for note in table.notes if note.startswith("Not in the tier")]
    assert "nothing learns them with its budgets: Ant-v0, Humanoid-v0, Craftax-v0, HardPinball-v0." in note
    assert set(frame(tmp_path / "new", "scores", "task").index) == {spec.id for spec in CATALOGUE}
    table = tables(tmp_path / "old")["aggregates"]
    assert shown(table, "eggroll")[3] == "16 of 16" and not any("Not in the tier" in note for note in table.notes)


def test_a_task_that_nobody_finished_hides_no_aggregate(race, add_run, make_row, make_spec):
    before = tables(race)["aggregates"].to_csv()
    add_run(race, make_row(), task=make_spec(id="Ant-v0").to_json())
    assert tables(race)["aggregates"].to_csv() == before


def test_best_is_bold_and_what_cannot_be_told_apart_is_marked(runs):
    cells = {(row[1].text, row[2].text): row[3] for row in tables(runs)["scores"].rows}
    best, other = cells["CartPole-v1", "ppo"], cells["CartPole-v1", "eggroll"]
    assert best.bold and not best.mark
    assert not other.bold and "≈" in other.mark  # one shared seed: not tested
    assert not cells["Knapsack-v1", "eggroll"].bold  # nothing to compare with


def test_tiers_and_algorithms_are_told_apart_and_ordered(tmp_path, add_run, make_row):
    for tier in ("paper", "lite"):
        for name in ("variant", "ppo", "open_es", "another"):
            add_run(tmp_path, make_row(final=True), tier=tier, name=name)
    table = tables(tmp_path)["scores"].frame
    assert table["tier"].tolist() == ["lite"] * 4 + ["paper"] * 4
    assert table["algorithm"].tolist() == ["open_es", "ppo", "another", "variant"] * 2
    assert (table["n"] == 1).all()


def test_numbers_in_names_are_ordered_by_their_size():
    names = ["rank-16", "rank-2", "ppo", "rank", "eggroll"]
    assert algorithm_order(names) == ["eggroll", "ppo", "rank", "rank-2", "rank-16"]


@pytest.fixture
def race(tmp_path, add_run, make_row):
    """Two algorithms, three seeds: slow scores 490 in 100 s, quick 300 in 10 s; at 10 s slow has 100."""
    for seed in range(3):
        for name, unit, end in (("eggroll", 1.0, 300.0), ("open_es", 10.0, 490.0)):
            points = [(0, 0.0, 20.0), (100, 1.0, 100.0), (500, 5.0, 250.0), (1000, 10.0, end)]
            rows = [
                make_row(
                    useful_steps=steps,
                    computed_steps=2 * steps,
                    sequential_steps=steps // 10,
                    train_seconds=unit * seconds,
                    return_mean=value + seed,
                    final=steps == 1000,
                )
                for steps, seconds, value in points
            ]
            add_run(tmp_path, *rows, name=name, seed=seed)
    return tmp_path


def test_equal_seconds_are_those_of_the_quickest_run(race):
    table = frame(race, "equal_seconds", "algorithm")
    assert table["train_seconds"].tolist() == [10.0, 10.0]
    assert table["return_at_steps"].tolist() == [301.0, 491.0]
    assert table["return_at_seconds"].tolist() == [301.0, 101.0]
    assert table["sequential_steps"].tolist() == [100.0, 100.0]


def test_targets_not_reached_are_censored(race):
    table = frame(race, "targets", "algorithm", "target")
    half = table.loc["eggroll", 0.5]  # 261.2: reached at the end, by seed 2 and the others alike
    assert (half["reached"], half["n"], half["median_steps"], half["median_seconds"]) == (3, 3, 1000, 10.0)
    never = table.loc["eggroll", 0.75]
    assert (never["reached"], never["n"], never["longest_steps"]) == (0, 3, 1000)
    assert math.isinf(never["median_steps"]) and math.isinf(never["expected_seconds"])
    assert shown(tables(race)["targets"], "CartPole-v1", "eggroll", "0.75")[4:] == ["0 of 3", "> 1,000", "> 10"]


def test_speed_and_useful_share(race):
    row = frame(race, "speed", "algorithm").loc["open_es"]
    assert (row["useful_steps_per_second"], row["useful_share"], row["train_seconds"]) == (10.0, 0.5, 100.0)


def test_pairs_are_compared_on_shared_seeds(race):
    row = tables(race)["tasks"].frame.iloc[0]
    assert (row["first"], row["second"], row["seeds"], row["difference"]) == ("eggroll", "open_es", 3, -190.0)
    assert row["verdict"] == "loss" and 0 < row["p"] < 0.001  # the same on every seed, but of so many episodes
    row = tables(race)["pairs"].frame.iloc[0]
    assert (row["win"], row["tie"], row["loss"], row["untested"], row["improvement"]) == (0, 0, 1, 0, 0.0)
    assert (row["first_not_worse"], row["second_not_worse"]) == (0, 1)


def test_non_inferiority_at_equal_steps_and_at_equal_seconds(race):
    """eggroll loses 190 of 477.68 at equal steps on every seed, and is 200 ahead after 10 s."""
    table = frame(race, "non_inferiority", "first")
    row = table.loc["eggroll"]
    assert (row["second"], row["task"], row["seeds"]) == ("open_es", "CartPole-v1", 3)
    assert row["difference_at_steps"] == pytest.approx(-190 / (REFERENCE - RANDOM))
    assert row["difference_at_seconds"] == pytest.approx(200 / (REFERENCE - RANDOM))
    assert (row["not_worse_at_steps"], row["not_worse_at_seconds"]) == (False, True)
    assert (table.loc["open_es", "not_worse_at_steps"], table.loc["open_es", "not_worse_at_seconds"]) == (True, False)


def test_non_inferiority_is_corrected_over_tasks(tmp_path, add_run, make_row, make_spec):
    """The same differences on two tasks, which both are learnt: each p is doubled."""
    for task in ("CartPole-v1", "Knapsack-v1"):
        spec = make_spec(id=task)
        for seed, lead in enumerate([0.0, 0.01, 0.02]):
            for name, score in (("eggroll", 0.5 + lead), ("ppo", 0.5)):
                reference, random = (500.0, 22.32) if task == "CartPole-v1" else (20.20, 4.253)
                row = make_row(useful_steps=1000, return_mean=random + score * (reference - random), final=True)
                first = make_row(return_mean=random)
                add_run(tmp_path, first, row, name=name, seed=seed, task=spec.to_json())
    table = frame(tmp_path, "non_inferiority", "first", "task")
    for task in ("CartPole-v1", "Knapsack-v1"):
        row = table.loc["eggroll", task]
        assert row["p_holm_at_steps"] == pytest.approx(2 * row["p_at_steps"], rel=1e-6)
        assert row["low_at_steps"] == pytest.approx(0.01 - 2.91999 * 0.01 / 3**0.5, abs=1e-6)


def test_anchors_are_beaten_where_the_interval_is_above(tmp_path, add_run, make_row, make_spec):
    """Knapsack: random 4.253, greedy heuristic 20.066."""
    runs = {"eggroll": [10.0, 10.1, 10.2], "open_es": [3.0, 3.1, 3.2], "ppo": [3.0, 4.5, 6.0]}
    for name, returns in runs.items():
        for seed, value in enumerate(returns):
            rows = [
                make_row(useful_steps=steps, return_mean=at, final=steps == 1000)
                for steps, at in ((0, 2.0), (500, value - 1), (1000, value))
            ]
            add_run(tmp_path, *rows, name=name, seed=seed, task=make_spec(id="Knapsack-v1").to_json())
    table = frame(tmp_path, "anchors", "algorithm")
    assert table["beats_random"].to_dict() == {"eggroll": "yes", "open_es": "worse", "ppo": "not shown"}
    assert table["beats_heuristic"].tolist() == ["worse"] * 3
    assert table.loc["eggroll", "steps_to_anchor"] == pytest.approx(
        1000 + (20.066 * 1.0013 - 10.1) / (1 / 500), rel=1e-3
    )
    assert table.loc["ppo", "steps_to_anchor"] == 0  # its mean is above random, its interval is not
    assert shown(tables(tmp_path)["anchors"], "Knapsack-v1", "ppo")[-1] == "more seeds"


def test_equal_returns_beat_an_anchor_as_far_as_their_episodes_allow(tmp_path, add_run, make_row, make_spec):
    """Two seeds of 32 episodes with the same mean, 0.15 standard errors above the random policy's 4.253."""
    for seed, name in ((0, "eggroll"), (1, "eggroll"), (0, "ppo"), (1, "ppo")):
        std = 2.0 if name == "eggroll" else 0.0
        row = make_row(useful_steps=1000, return_mean=4.3, return_std=std, episodes=32, final=True)
        add_run(tmp_path, row, name=name, seed=seed, task=make_spec(id="Knapsack-v1").to_json())
    table = frame(tmp_path, "anchors", "algorithm")
    half = 12.7062 * 2.0 / 32**0.5 / 2**0.5
    assert table.loc["eggroll", "return_low"] == pytest.approx(4.3 - half, rel=1e-4)
    assert table.loc["eggroll", "beats_random"] == "not shown"
    assert table.loc["ppo", "return_low"] == 4.3
    cells = {row[2].text: row[3] for row in tables(tmp_path)["scores"].rows}
    assert cells["eggroll"].bold and cells["ppo"].bold  # equal means are both the highest
    overview = tables(tmp_path)["overview"].rows[0]
    assert [cell.bold for cell in overview[6:]] == [True, True]


def test_equal_seeds_in_another_order_are_equal(tmp_path, add_run, make_row):
    """Their sums differ in the last bits."""
    for name, returns in {"eggroll": [170.7, 170.8, 170.9], "ppo": [170.9, 170.8, 170.7]}.items():
        for seed, value in enumerate(returns):
            add_run(tmp_path, make_row(useful_steps=1000, return_mean=value, final=True), name=name, seed=seed)
    made = tables(tmp_path)
    assert [row[3].bold for row in made["scores"].rows] == [True, True]
    assert [cell.bold for cell in made["overview"].rows[0][6:]] == [True, True]
    assert [row[6].bold for row in made["equal_seconds"].rows] == [True, True]
    assert [row[1].text for row in made["aggregates"].rows] == ["eggroll", "ppo"]
    assert made["tasks"].frame.loc[0, ["difference", "p"]].tolist() == pytest.approx([0.0, 1.0], abs=1e-12)


def test_a_return_that_stands_still_has_no_trend(tmp_path, add_run, make_row, make_spec):
    """Not even one of rounding."""
    for seed in range(3):
        rows = [
            make_row(useful_steps=steps, return_mean=2.1, final=steps == 1000)
            for steps in (0, 510 + seed, 700, 811, 1000)
        ]
        add_run(tmp_path, *rows, seed=seed, task=make_spec(id="Knapsack-v1").to_json())
    assert shown(tables(tmp_path)["anchors"], "Knapsack-v1", "eggroll")[-1] == "no trend"


def test_an_anchor_is_not_beaten_within_its_own_uncertainty():
    anchor = Anchor(10.0, "measured", standard_error=0.1)
    intervals = {"yes": (10.21, 10.3), "not shown": (10.1, 10.3), "level": (9.9, 10.1), "worse": (9.0, 9.79)}
    for said, (low, high) in intervals.items():
        assert beats(Estimate((low + high) / 2, low, high), anchor) == said
    assert beats(Estimate(11.0), anchor) == "one seed"
    assert beats(Estimate(500.0, 500.0, 500.0), Anchor(500.0, "rules")) == "level"


def test_without_a_trend_no_budget_is_named(tmp_path, add_run, make_row, make_spec):
    for seed, end in enumerate([3.0, 1.0]):
        rows = [make_row(useful_steps=500, return_mean=2.0), make_row(useful_steps=1000, return_mean=end, final=True)]
        add_run(tmp_path, *rows, seed=seed, task=make_spec(id="Knapsack-v1").to_json())
    assert shown(tables(tmp_path)["anchors"], "Knapsack-v1", "eggroll")[-1] == "no trend"


def test_the_overview_has_a_column_per_algorithm(runs):
    table = tables(runs)["overview"]
    assert list(table.columns[6:]) == ["eggroll", "ppo"]
    numbers = ["1,000", "22.32", "500.0", "-50.00 to 7.00", "3.00 [1.00, 9.57]", "7.00"]
    assert shown(table, "CartPole-v1")[2:] == numbers
    assert shown(table, "Knapsack-v1")[-1] == "missing"


def test_the_overview_marks_what_is_not_shown_to_beat_the_random_policy(runs):
    rows = {row[1].text: row for row in tables(runs)["overview"].rows}
    unbeaten, single_seed = rows["CartPole-v1"][6:]
    assert unbeaten.mark.endswith(" †") and not single_seed.mark
    assert "†" not in rows["Knapsack-v1"][6].mark


def test_untrained_policies_are_shown_and_what_is_not_shown_to_be_above_its_own_is_marked(tmp_path, add_run, make_row):
    """eggroll rises from 150 to 200 on every seed; open_es is above random too, as its untrained policies were."""
    for seed, luck in enumerate([0.0, 9.0, 1.0]):
        for name, gain in (("eggroll", 50 + seed), ("open_es", (-1) ** seed)):
            start = 150.0 + luck if name == "eggroll" else 190.0 + luck
            first = make_row(return_mean=start, return_mean_greedy=start)
            rows = first, make_row(useful_steps=1000, return_mean=start + gain, final=True)
            add_run(tmp_path, *rows, name=name, seed=seed)
    made = tables(tmp_path)
    anchors = made["anchors"].frame.set_index("algorithm")
    assert anchors["beats_random"].tolist() == ["yes", "yes"]
    assert anchors["beats_untrained"].tolist() == ["yes", "not shown"]
    assert anchors["untrained"].tolist() == pytest.approx([150 + 10 / 3, 190 + 10 / 3])
    assert made["scores"].frame["untrained_mean"].tolist() == anchors["untrained"].tolist()
    untrained, eggroll, open_es = made["overview"].rows[0][5:]
    assert untrained.text == "153.3 to 193.3"
    assert (eggroll.mark, open_es.mark.endswith(" ‡")) == ("", True) and "†" not in open_es.mark
    # Their untrained policies differ, so the test is Welch's.
    row = made["tasks"].frame.iloc[0]
    ends = [[200.0, 210.0, 203.0], [191.0, 198.0, 192.0]]
    assert row["p"] == pytest.approx(ttest_ind(*ends, equal_var=False).pvalue)


def test_non_inferiority_is_asked_where_one_of_the_two_learnt(tmp_path, add_run, make_row, make_spec):
    """On Knapsack nobody is above random, and on Snake both were from the start. On CartPole the margin is a tenth of
    what the better one gained."""
    ends = {"CartPole-v1": (480.0, 470.0), "Knapsack-v1": (2.0, 2.0), "Snake-v1": (3.0, 3.0)}
    starts = {"CartPole-v1": 20.0, "Knapsack-v1": 1.0, "Snake-v1": 3.0}
    for task, of in ends.items():
        for seed in range(4):
            for name, end in zip(("eggroll", "open_es"), of, strict=True):
                rows = (
                    make_row(return_mean=starts[task], return_mean_greedy=seed, return_std=0.1),
                    make_row(useful_steps=1000, return_mean=end + seed / 10, return_std=0.1, final=True),
                )
                add_run(tmp_path, *rows, name=name, seed=seed, task=make_spec(id=task).to_json())
    table = frame(tmp_path, "non_inferiority", "first")
    assert set(table["task"]) == {"CartPole-v1"} and table["not_worse_at_steps"].to_dict() == {
        "eggroll": True,
        "open_es": True,
    }
    assert table["margin"].tolist() == pytest.approx([0.1 * (480.15 - RANDOM) / (REFERENCE - RANDOM)] * 2)
    row = tables(tmp_path)["pairs"].rows[0]
    assert [cell.text for cell in row[-2:]] == ["1 of 1", "1 of 1"]


def test_compilation_counts_in_a_column_of_its_own(tmp_path, add_run, make_row):
    """The quick one trains for 10 s and compiles for 80: then the other has compiled for 30 s and trained for 60."""
    for name, unit, compiling in (("eggroll", 1.0, 80.0), ("open_es", 10.0, 30.0)):
        rows = [
            make_row(useful_steps=100 * n, return_mean=100.0 * n, train_seconds=unit * n, compile_seconds=compiling)
            for n in range(10)
        ]
        last = make_row(
            useful_steps=1000, return_mean=1000.0, train_seconds=10 * unit, compile_seconds=compiling, final=True
        )
        add_run(tmp_path, *rows, last, name=name)
    table = frame(tmp_path, "equal_seconds", "algorithm")
    assert table["return_at_seconds"].to_dict() == {"eggroll": 1000.0, "open_es": 100.0}
    assert table["compiled_seconds"].tolist() == [90.0, 90.0]
    assert table["return_at_compiled_seconds"].to_dict() == {"eggroll": 1000.0, "open_es": 600.0}


def test_unlike_ranks_are_marked(race):
    """open_es leads at equal steps, eggroll at equal seconds."""
    row = {row[1].text: row for row in tables(race)["aggregates"].rows}["eggroll"]
    table = tables(race)["aggregates"]
    cells = dict(zip(table.columns, row, strict=True))
    assert cells["Rank"].text == "2" and cells["At equal seconds"].mark and not cells["IQM"].mark


def test_seconds_of_unlike_hardware_are_not_compared(race, add_run, make_row, make_manifest):
    device = make_manifest().device.model_copy(update={"kind": "another processor"})
    rows = [make_row(), make_row(useful_steps=1000, train_seconds=2.0, return_mean=50.0, final=True)]
    add_run(race, *rows, name="ppo", device=device)
    table = frame(race, "equal_seconds", "algorithm")
    assert table["train_seconds"].tolist() == [10.0, 10.0, 2.0]
    aggregates = tables(race)["aggregates"]
    assert all(row[-1].text == "-" for row in aggregates.rows)
    assert "several kinds of hardware" in " ".join(aggregates.notes)


def test_a_longer_run_is_read_at_the_common_budget(race, add_run, make_row):
    rows = [
        make_row(useful_steps=steps, train_seconds=steps / 100, return_mean=value, final=steps == 4000)
        for steps, value in ((0, 20.0), (1010, 200.0), (1030, 210.0), (4000, 499.0))
    ]
    add_run(race, *rows, name="ppo", budget=4000)
    contents = Contents(load_runs(race))
    (scores,) = [table for table in contents.tables if table.name == "scores"]
    assert scores.frame.set_index("algorithm").loc["ppo", "return_mean"] == 200.0
    assert (
        "CartPole-v1 (lite) is read at 1,000 steps, the smallest budget; longer runs: ppo (4,000)." in contents.summary
    )


def test_a_run_that_has_no_row_near_the_common_budget_is_named_and_left_out(race, add_run, make_row):
    """Its untrained policy would pass for its score."""
    before = tables(race)["scores"].to_csv()
    rows = [make_row(), make_row(useful_steps=5000, train_seconds=5.0, return_mean=499.0, final=True)]
    add_run(race, *rows, name="ppo", budget=5000)
    contents = Contents(load_runs(race))
    said = "Left out, as their first evaluation comes after the others' budget: lite/CartPole-v1/ppo/seed-0"
    assert f"{said} (none to 1,000)." in contents.summary
    assert tables(race)["scores"].to_csv() == before


@pytest.mark.parametrize("name", ["mine", "open_es"])
def test_one_short_run_is_named_and_left_out(race, add_run, make_row, name):
    """Also where it has the name of longer ones: at its end nothing else was evaluated."""
    before = tables(race)["scores"].to_csv()
    add_run(race, make_row(), make_row(useful_steps=50, final=True), name=name, budget=50, seed=9)
    contents = Contents(load_runs(race))
    said = f"Left out as too short to compare: lite/CartPole-v1/{name}/seed-9"
    assert f"{said} (50 of 1,000)." in contents.summary
    assert tables(race)["scores"].to_csv() == before
    assert "mine" not in contents.tiers[0].algorithms


def test_tuning_is_shown_where_it_was_recorded(race, add_run, make_row):
    tuning = TuningCost(trials=20, seeds=2, useful_steps=40_000)
    add_run(race, make_row(useful_steps=1000, final=True), name="ppo", tuning=tuning)
    table = tables(race)["cost"]
    assert shown(table, "CartPole-v1", "ppo")[4:] == ["133,890", "20", "2", "40,000"]
    assert shown(table, "CartPole-v1", "eggroll")[5:] == ["not recorded", "-", "-"]


def test_every_run_is_named_by_the_hash_of_its_rows(race):
    table = tables(race)["runs"].frame
    assert table["sha256"].nunique() == len(table) == 6
    file = race / "lite" / "CartPole-v1" / "eggroll" / "seed-1" / "run.jsonl"
    file.write_text(file.read_text().replace('"std": 5.0', '"std": 5.5', 1))
    changed = tables(race)["runs"].frame
    assert (changed["sha256"] != table["sha256"]).sum() == 1


def test_csv_reads_back(race):
    for table in tables(race).values():
        again = pd.read_csv(io.StringIO(table.to_csv()))
        assert list(again.columns) == list(table.frame.columns) and len(again) == len(table.frame)
        for name in again.select_dtypes("float"):
            numbers = pd.to_numeric(table.frame[name], errors="coerce").astype(float)
            assert again[name].tolist() == pytest.approx(numbers.tolist(), rel=1e-9, nan_ok=True)


def test_markdown_of_known_rows(runs):
    text = markdown(tables(runs)["scores"])
    assert text.startswith(
        "## Final return\n\n"
        "| Tier | Task        | Algorithm |   Return |   95% interval | Seeds | Untrained |  Score "
        "| Budget | Useful steps | Overshoot | Sequential steps | Train s | Compile s |   Acts |\n"
        "| ---- | ----------- | --------- | -------: | -------------: | ----: | --------: | -----: "
        "| -----: | -----------: | --------: | ---------------: | ------: | --------: | -----: |\n"
        "| lite | CartPole-v1 | eggroll   |   3.00 ≈ |   [1.00, 9.57] |     3 |    -50.00 | -0.040 "
        "|  1,000 |        1,001 |      0.1% |                0 |    11.0 |       1.5 | sample |\n"
        "| lite | CartPole-v1 | ppo       | **7.00** | none: one seed |     1 |      7.00 | -0.032 "
        "|  1,000 |        1,001 |      0.1% |                0 |     4.0 |       1.5 | greedy |\n"
    )


def test_latex_is_a_booktabs_table(runs):
    text = latex(tables(runs)["scores"])
    for part in (
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\textbf{7.00}",
        r"0.1\%",
        r"$\approx$",
        r"{[}1.00, 9.57{]}",
    ):
        assert part in text
    lines = [line for line in text.splitlines() if line.startswith("lite")]
    assert all(line.count(" & ") == 14 and line.endswith(r" \\") for line in lines)
    assert escape("a_b & 50% [x]") == r"a\_b \& 50\% {[}x{]}"


def test_every_table_answers_a_question_and_its_notes_are_short(runs):
    for name, table in tables(runs).items():
        assert table.asks.endswith("?"), name
        for note in table.notes:
            assert max(len(sentence.split()) for sentence in re.split(r"(?<=[.;?])\s", note)) < 25, note
