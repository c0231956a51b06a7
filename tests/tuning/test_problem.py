"""Tuning on a problem that is no environment, measured in bits: the direction is the measure's, the unit the task's."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.tasks.spec import RETURN, Measure
from esbench.tuning import record
from esbench.tuning.best_of_k import curves, draw
from esbench.tuning.halving import Result
from esbench.tuning.space import read_space
from esbench.tuning.tune import dry_run, plan

PROBLEM = f"{Path(__file__).parents[1] / 'problems' / 'spirals.py'}:Bits"
RANGES = """
[constants]
pop_size = 16
learning_rate = 0.05
[ranges]
sigma = { choices = [0.1, 5.0] }
"""
LOSS = Measure("loss", "byte", higher_is_better=False, unit="bits/byte")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A whole tuning of two trials, the second of which is hopeless."""
    out = tmp_path_factory.mktemp("tuned")
    (out / "ranges.toml").write_text(RANGES)
    assert main(argv(out)) == 0
    return out


def argv(out):
    tune = ["tune", "--tasks", PROBLEM, "--algorithms", "eggroll", "--ranges", str(out / "ranges.toml")]
    return [*tune, "--trials", "2", "--tier", "smoke", "--out", str(out)]


def test_the_least_is_chosen_and_told_as_it_is(out, capsys):
    table = pd.read_csv(out / "trials.csv")
    full = table[table["rung"] > 1].groupby("trial")["cross entropy_mean"].mean()
    best = full.idxmin()
    preset = (out / "chosen" / "eggroll.toml").read_text()
    assert len(full) == 2 and full.min() > 0
    assert f"# trial {best}: mean cross entropy (bits) {full[best]:.4g} over tuning seeds" in preset
    assert main([*argv(out), "--status"]) == 0
    assert f"trial {best}  {full[best]:.4g}" in capsys.readouterr().out
    assert table["score"].isna().all() and "return_mean" not in table


def test_fewer_trials_would_have_found_more_bits(out):
    curve = pd.read_csv(out / "best_of_k.csv")
    first = pd.read_csv(out / "trials.csv").query("rung == 1")["cross entropy_mean"]
    assert curve["quantity"].unique().tolist() == ["cross entropy (bits)"]
    assert curve["expected_best"].tolist() == pytest.approx([first.mean(), first.min()])
    (axes,) = (axes for axes in draw(curve).axes if axes.get_visible())
    assert axes.get_ylabel() == "expected best cross entropy (bits)"


def test_the_trials_alone_give_the_same_files(out, tmp_path):
    shutil.copy(out / "trials.jsonl", tmp_path)
    record.redraw(tmp_path)
    for name in ("trials.csv", "best_of_k.csv"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_the_plan_is_in_the_unit_of_the_task(out):
    searches = plan([PROBLEM], [read_space(out / "ranges.toml", "eggroll")], 2, "smoke", out)
    assert "useful points" in dry_run(searches)[0]


def test_tasks_of_several_tracks_are_not_tuned_together(out):
    with pytest.raises(InputError, match=r"^tasks of the tracks rl, user: expected tasks of one track$"):
        plan([PROBLEM, "CartPole-v1"], [read_space(out / "ranges.toml", "eggroll")], 2, "smoke", out)


@pytest.mark.parametrize("measure", [RETURN, replace(RETURN, lowest=0.0), LOSS])
def test_a_result_survives_its_line(measure):
    result = Result("T-v0", "a", 0, 1, 1000, 10, {"x": 1}, mean=7.0, measure=measure)
    line = json.loads(json.dumps(record.to_json(result)))
    assert line[f"{measure.name}_mean"] == 7.0 and ("measure" in line) == (measure is LOSS)
    assert record.from_json(line) == replace(result, measure=LOSS if measure is LOSS else RETURN)


def test_values_without_scores_are_ordered_in_the_direction_of_the_measure():
    more, less = (Result("T-v0", "a", 0, 1, 1000, 10, {}, mean=mean, measure=LOSS) for mean in (3.0, 2.0))
    assert less.value > more.value > Result("T-v0", "a", 0, 1, 1000, 10, {}, error="broken", measure=LOSS).value
    assert curves([[more, less]])["expected_best"].tolist() == [2.5, 2.0]
