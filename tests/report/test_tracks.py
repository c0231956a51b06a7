"""Runs of other problems than environments: their own measure and unit everywhere, in the right direction, and never
together with those of another track."""

import dataclasses
import json
import math
import re

import pytest

from esbench.errors import InputError
from esbench.report.ioh import ioh_files
from esbench.report.write import load_report, read_contents, write_report
from esbench.results.fingerprints import config_hash
from esbench.results.run_directory import RunDirectory
from esbench.statistics.intervals import Estimate
from esbench.statistics.normalization import score_bounds
from esbench.tasks.spec import Anchor, Measure
from tests.report.tracks import DIGITS, TEXT, add_runs, rows_of, without_anchors

OF_ENVIRONMENTS = re.compile(
    r"\b(returns?|steps?|episodes?|environments?|were simulated|Game2048|16 tasks)\b", re.IGNORECASE
)


@pytest.fixture
def digits(tmp_path, add_run, make_row):
    add_runs(tmp_path / "runs", add_run, make_row, DIGITS, {"eggroll": 0.9, "ppo": 0.6})
    return tmp_path / "runs"


@pytest.fixture
def text(tmp_path, add_run, make_row):
    """A measure of which less is better: eggroll has 2 bits a byte, open_es 4, of 8 at random."""
    add_runs(tmp_path / "runs", add_run, make_row, TEXT, {"eggroll": 2.0, "open_es": 4.0})
    return tmp_path / "runs"


@pytest.fixture
def unanchored(tmp_path, add_run, make_row):
    add_runs(tmp_path / "runs", add_run, make_row, without_anchors(TEXT), {"eggroll": 0.2, "open_es": 0.4})
    return tmp_path / "runs"


@pytest.fixture
def both(tmp_path, add_run, make_row):
    """One track with two measures and two units of cost."""
    add_runs(tmp_path / "runs", add_run, make_row, DIGITS, {"eggroll": 0.9, "ppo": 0.6})
    add_runs(
        tmp_path / "runs", add_run, make_row, dataclasses.replace(TEXT, track="user"), {"eggroll": 2.0, "ppo": 4.0}
    )
    return tmp_path / "runs"


@pytest.fixture
def mixed(digits, add_run, make_row):
    """Two tracks: CartPole beside the digits."""
    for name, value in (("eggroll", 400.0), ("ppo", 300.0)):
        for seed in range(3):
            rows = [make_row(), make_row(useful_steps=1000, train_seconds=2.0, return_mean=value + seed, final=True)]
            add_run(digits, *rows, name=name, seed=seed)
    return digits


def tables(directory):
    return {table.label: table for table in read_contents([directory]).tables}


def cells(table, *words):
    """The one row that begins with these words after its tier, by heading."""
    (row,) = [row for row in table.rows if [cell.text for cell in row[1 : 1 + len(words)]] == list(words)]
    return dict(zip(table.columns, row, strict=True))


@pytest.mark.parametrize("track", ["digits", "text", "both"])
def test_no_text_speaks_of_environments(track, request):
    directory = request.getfixturevalue(track)
    contents = read_contents([directory])
    texts = {name: text for name, text in contents.texts().items() if not name.endswith(".csv")}
    texts["page"] = re.sub("<script>.*</script>", "", contents.page({}), flags=re.DOTALL)
    for name, one in texts.items():
        assert OF_ENVIRONMENTS.findall(one) == [], name


@pytest.mark.parametrize(
    ("track", "measure", "unit"),
    [("digits", "mean accuracy", "useful examples"), ("text", "mean loss (bits/byte)", "useful tokens")],
)
def test_axes_have_the_measure_and_the_unit(track, measure, unit, request):
    figure = read_contents([request.getfixturevalue(track)]).figures["curves"]()
    above, below = figure.axes
    assert above.get_ylabel().partition("\n")[0] == below.get_ylabel().partition("\n")[0] == measure
    assert ("lower is better" in above.get_ylabel()) == (track == "text")
    assert above.get_xlabel() == unit


def test_headings_and_numbers_have_the_measure_and_the_unit(text):
    found = tables(text)
    scores = found["scores"]
    assert scores.title == "Final loss, track text"
    assert {"Loss (bits/byte)", "Useful tokens", "Sequential tokens"} <= set(scores.columns)
    assert scores.notes[0].startswith("Loss (bits/byte), lower is better: mean over seeds")
    assert "128 fresh documents" in scores.notes[0]
    assert {"loss_mean", "loss_low", "loss_high"} <= set(scores.frame.columns)
    assert found["overview"].frame["eggroll_loss"][0] == pytest.approx(2.0, abs=0.2)
    assert "loss_at_seconds" in found["equal_seconds"].frame
    assert "Useful tokens/s" in found["speed"].columns and "Tuning tokens" in found["cost"].columns
    captions = read_contents([text]).captions
    assert captions["curves"].startswith("Track text. Learning curves: loss (bits/byte) against useful tokens")


@pytest.mark.parametrize("track", ["text", "unanchored"])
def test_the_lowest_is_the_best(track, request):
    found = tables(request.getfixturevalue(track))
    best, other = (cells(found["scores"], "Text-v0", name) for name in ("eggroll", "open_es"))
    assert best["Loss (bits/byte)"].bold and not other["Loss (bits/byte)"].bold
    assert cells(found["overview"], "Text-v0")["eggroll"].bold
    seconds = cells(found["equal_seconds"], "Text-v0", "eggroll")
    assert seconds["Loss (bits/byte) at equal tokens"].bold and seconds["Loss (bits/byte) at equal seconds"].bold
    pair = found["tasks"].frame.iloc[0]
    assert (pair["first"], pair["verdict"]) == ("eggroll", "win") and pair["difference"] < 0
    assert found["pairs"].frame[["win", "loss"]].values.tolist() == [[1, 0]]


def test_scores_and_anchors_are_read_downwards(text):
    found = tables(text)
    frame = found["scores"].frame.set_index("algorithm")
    assert frame.loc["eggroll", "score_mean"] == pytest.approx((8 - frame.loc["eggroll", "loss_mean"]) / 7)
    assert found["aggregates"].frame["algorithm"].tolist() == ["eggroll", "open_es"]
    assert found["anchors"].frame["beats_random"].tolist() == ["yes", "yes"]
    assert "lies below the anchor" in found["anchors"].notes[0]


@pytest.mark.parametrize(
    ("values", "beats", "would_take"),
    [
        ([8.0, 9.0, 9.5, 10.0], "worse", math.inf),
        ([12.0, 11.0, 10.0, 9.0], "worse", 1330.0),
        ([12.0, 10.0, 9.0, 8.0], "level", 1010.0),
    ],
)
def test_what_a_measure_that_falls_would_take(tmp_path, add_run, make_row, values, beats, would_take):
    for seed in range(2):
        rows = rows_of(make_row, TEXT, [value + 0.001 * seed for value in values])
        add_run(tmp_path, *rows, task=TEXT.to_json(), seed=seed, budget=1000)
    (row,) = tables(tmp_path)["anchors"].frame.to_dict("records")
    assert row["beats_random"] == beats
    assert row["steps_to_anchor"] == pytest.approx(would_take, rel=0.01)


def test_the_export_says_which_way_is_better(text, digits):
    """digits is the same directory: two tracks."""
    files = ioh_files(read_contents([text]).tiers)
    index = json.loads(files["text-lite/eggroll/IOHprofiler_f101_Text-v0.json"])
    assert index["maximization"] is False and index["suite"] == "esbench-text-lite"
    run = index["scenarios"][0]["runs"][0]
    assert run["best"]["evals"] == 1000 and run["best"]["y"] < 2.2
    assert json.loads(files["user-lite/ppo/IOHprofiler_f101_Digits-v0.json"])["maximization"] is True


def test_tasks_with_other_measures_name_them_in_columns(both):
    found = tables(both)
    assert found["overview"].title == "Values side by side, track user"
    scores = found["scores"]
    assert cells(scores, "Digits-v0", "eggroll")["Measure"].text == "accuracy"
    assert cells(scores, "Text-v0", "eggroll")["Measure"].text == "loss (bits/byte), lower is better"
    assert cells(scores, "Digits-v0", "eggroll")["Value"].bold and cells(scores, "Text-v0", "eggroll")["Value"].bold
    assert "Bold: the best mean of the task." in scores.notes[1]
    for name in ("overview", "scores", "anchors", "equal_seconds", "targets", "speed", "cost"):
        assert "Unit of cost" in found[name].columns, name
        assert {"examples", "training tokens"} <= {cell.text for row in found[name].rows for cell in row}, name
    labels = [axes.get_ylabel() for axes in read_contents([both]).figures["curves"]().axes]
    assert labels == ["mean accuracy", "mean loss (bits/byte)\nlower is better"] * 2


def test_tracks_are_shown_apart(mixed):
    contents = read_contents([mixed])
    assert [(tier.track, tier.name) for tier in contents.tiers] == [("rl", "lite"), ("user", "lite")]
    assert contents.summary[0].startswith("Tier lite: 1 of the 16 tasks, 2 algorithms")
    assert "Track user, tier lite: 1 task, 2 algorithms, 3 seeds each." in contents.summary
    found = tables(mixed)
    for name in ("scores", "aggregates", "runs", "speed"):
        assert set(found[name].frame.get("task", ["CartPole-v1"])) == {"CartPole-v1"}
        assert set(found[f"user-{name}"].frame.get("task", ["Digits-v0"])) == {"Digits-v0"}
    assert found["aggregates"].frame["mean"].tolist() != found["user-aggregates"].frame["mean"].tolist()
    assert found["scores"].title == "Final return" and found["user-scores"].title == "Final accuracy, track user"
    texts, page = contents.texts(), contents.page({})
    assert "return_mean" in texts["table.csv"] and "accuracy_mean" in texts["tables/user-scores.csv"]
    assert {"curves", "user-curves"} <= set(contents.figures) == set(contents.captions)
    assert "](curves.png)" in texts["report.md"] and "](figures/user-curves.png)" in texts["report.md"]
    assert page.count("Every seed: its return") == page.count("Every seed: its accuracy") == 1
    assert len(re.findall('id="([^"]*)"', page)) == len(set(re.findall('id="([^"]*)"', page)))


def test_what_the_environments_tables_say_does_not_depend_on_another_track(mixed):
    alone = read_contents([mixed / "lite" / "CartPole-v1"]).texts()
    together = read_contents([mixed]).texts()
    for name, one in alone.items():
        assert name == "report.md" or together[name] == one


def test_a_report_of_fewer_tracks_leaves_nothing_of_the_others(mixed, tmp_path):
    out = tmp_path / "report"
    earlier = ["tables/user-scores.csv", "tables/text-pairs.tex", "figures/user-curves.png", "figures/user-wins.svg"]
    own = ["figures/mine.png", "tables/my-notes.md", "user-scores.csv"]
    for name in (*earlier, *own):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("")
    write_report([mixed / "lite" / "CartPole-v1"], out)
    assert [name for name in (*earlier, *own) if (out / name).exists()] == own


def test_one_id_in_two_tracks_is_refused(digits, add_run, make_row):
    other = dataclasses.replace(DIGITS, track="text")
    add_runs(digits, add_run, make_row, other, {"third": 0.5})
    with pytest.raises(InputError, match=r"task's track is 'user' and 'text'|task's track is 'text' and 'user'"):
        read_contents([digits])


def test_one_id_with_two_measures_is_refused(digits, add_run, make_row):
    other = dataclasses.replace(DIGITS, measure=Measure("accuracy", "example", unit="%"))
    add_runs(digits, add_run, make_row, other, {"third": 50.0})
    with pytest.raises(InputError, match="cannot be averaged or compared: task's measure is"):
        read_contents([digits])


# Intervals end where the measure does.


def test_an_interval_ends_where_the_measure_does(tmp_path, add_run, make_row):
    for name, ends in (("eggroll", [1.0, 0.9, 0.7]), ("ppo", [0.0, 0.3, 0.1])):
        for seed, end in enumerate(ends):
            add_run(
                tmp_path,
                *rows_of(make_row, DIGITS, [0.1, end, end]),
                task=DIGITS.to_json(),
                name=name,
                seed=seed,
                budget=2000,
            )
    found = tables(tmp_path)
    frame = found["scores"].frame.set_index("algorithm")
    assert frame.loc["eggroll", "accuracy_high"] == 1.0 and frame.loc["eggroll", "accuracy_low"] < 0.6
    assert frame.loc["ppo", "accuracy_low"] == 0.0
    assert found["overview"].frame[["eggroll_high", "ppo_low"]].values.tolist() == [[1.0, 0.0]]
    assert found["anchors"].frame["accuracy_high"].max() == 1.0
    assert found["equal_seconds"].frame["accuracy_at_seconds_high"].max() == 1.0
    (pair,) = found["tasks"].frame.to_dict("records")
    assert pair["difference_high"] == 1.0 and pair["difference_low"] > 0.1
    low, high = score_bounds(DIGITS)
    assert found["non_inferiority"].frame["low_at_steps"].min() >= low - high


def test_without_bounds_an_interval_is_as_wide_as_it_is(tmp_path, add_run, make_row):
    spec = dataclasses.replace(DIGITS, measure=Measure("accuracy", "example"))
    for seed, end in enumerate([1.0, 0.9, 0.7]):
        add_run(tmp_path, *rows_of(make_row, spec, [0.1, end]), task=spec.to_json(), seed=seed, budget=2000)
    assert tables(tmp_path)["scores"].frame["accuracy_high"][0] > 1.2


def test_an_estimate_within_bounds():
    assert Estimate(0.9, 0.5, 1.3).within(0.0, 1.0) == (0.9, 0.5, 1.0)
    assert Estimate(0.1, -0.2, 0.4).within(0.0, None) == (0.1, 0.0, 0.4)
    assert Estimate(1.0000001, 0.9, 1.1).within(0.0, 1.0) == (1.0000001, 0.9, 1.0000001)
    assert math.isnan(Estimate(0.5).within(0.0, 1.0).low)


def test_bounds_of_scores_follow_the_anchors():
    assert score_bounds(DIGITS) == (pytest.approx(-1 / 9), 1.0)
    assert score_bounds(TEXT) == (None, pytest.approx(8 / 7))
    assert score_bounds(without_anchors(DIGITS)) == (None, None)


def test_bounds_change_no_hash(make_manifest):
    bare = dataclasses.replace(DIGITS, measure=Measure("accuracy", "example"))
    one, other = (make_manifest(task=spec.to_json()).model_dump() for spec in (DIGITS, bare))
    assert config_hash(one) == config_hash(other)
    unlike = make_manifest(task=dataclasses.replace(bare, measure=Measure("f1", "example")).to_json()).model_dump()
    assert config_hash(one) != config_hash(unlike)


# What is compared although it is unlike stands first.


def test_unlike_presets_and_action_modes_are_said_first(tmp_path, add_run, make_row, make_spec):
    rows = [make_row(), make_row(useful_steps=1000, final=True)]
    for task in ("CartPole-v1", "Knapsack-v1"):
        spec = make_spec(id=task).to_json()
        add_run(tmp_path, *rows, task=spec, name="eggroll", action_mode="greedy")
        add_run(tmp_path, *rows, task=spec, name="ppo")
        mode = "greedy" if task == "CartPole-v1" else "sample"
        add_run(tmp_path, *rows, task=spec, name="mine", preset="defaults", action_mode=mode)
    assert read_contents([tmp_path]).summary[:3] == [
        "Tier lite: 2 of the 16 tasks, 3 algorithms, 1 seed each.",
        "Tier lite: the algorithms differ in preset (defaults: mine; lite: eggroll, ppo).",
        "Tier lite: the algorithms differ in action mode "
        "(greedy: eggroll; sample: ppo; one or the other, by task: mine).",
    ]


def test_unlike_settings_name_their_tasks_where_they_are_alike_on_others(tmp_path, add_run, make_row, make_spec):
    rows = [make_row(), make_row(useful_steps=1000, final=True)]
    for task, mode in (("CartPole-v1", "sample"), ("Knapsack-v1", "greedy")):
        add_run(tmp_path, *rows, task=make_spec(id=task).to_json(), name="eggroll", action_mode=mode)
        add_run(tmp_path, *rows, task=make_spec(id=task).to_json(), name="ppo")
    said = "Tier lite: the algorithms differ in action mode on Knapsack-v1 (greedy: eggroll; sample: ppo)."
    assert read_contents([tmp_path]).summary[1] == said


def test_like_settings_are_not_spoken_of(digits, tmp_path, add_run, make_row):
    assert not any("unlike" in sentence for sentence in read_contents([digits]).summary)


# In memory.


@dataclasses.dataclass
class InMemory:
    """A run as `esbench.train` has it."""

    manifest: object
    rows: list
    path: None = None
    cut_off: bool = False

    @property
    def finished(self):
        return any(row.final for row in self.rows)


def in_memory(directory):
    runs = [RunDirectory.open(file.parent) for file in sorted(directory.rglob("run.jsonl"))]
    return [InMemory(run.manifest, run.rows) for run in runs]


def test_a_report_of_runs_in_memory_is_that_of_runs_on_disk(digits):
    disk, memory = load_report(digits), load_report(*in_memory(digits))
    assert disk.tables.keys() == memory.tables.keys() and disk.text == memory.text
    for name, frame in disk.tables.items():
        if name == "runs":
            assert set(memory.tables[name].pop("sha256")) == {""}
            frame = frame.drop(columns="sha256")
        assert frame.to_csv() == memory.tables[name].to_csv(), name
    assert set(memory.figures) == set(disk.figures)
    assert memory.figures["curves"]().axes[0].get_ylabel() == "mean accuracy"


def test_a_report_can_have_runs_from_everywhere(digits, tmp_path):
    class Trained:
        runs = in_memory(digits / "lite" / "Digits-v0" / "ppo")

    class Ran:
        path = digits / "lite" / "Digits-v0" / "eggroll" / "seed-0"

    found = load_report(Ran(), Trained(), str(digits / "lite" / "Digits-v0" / "eggroll" / "seed-1"))
    assert found.tables["scores"]["n"].tolist() == [2, 3]


def test_a_report_shows_itself_in_short(digits):
    found = load_report(digits)
    assert repr(found).startswith(
        "<Report: Track user, tier lite: 1 task, 2 algorithms, 3 seeds each. Tables: overview"
    )
    assert repr(found).count("\n") == 0 and len(repr(found)) < 500
    html = found._repr_html_()
    assert "<table" in html and "Digits-v0" in html and "Track user" in html


def test_a_report_writes_what_the_command_writes(digits, tmp_path):
    found = load_report(*in_memory(digits), out=tmp_path / "report")
    assert (tmp_path / "report" / "curves.png").exists() and found.tables
    for name, text in read_contents([digits]).texts().items():
        if "runs" not in name and name != "report.md":  # their hashes of files
            assert (tmp_path / "report" / name).read_text() == text


def test_the_same_run_in_memory_and_on_disk_is_refused(digits):
    with pytest.raises(
        InputError, match=r"is there twice: .*seed-0 and in memory|is there twice: in memory and .*seed-0"
    ):
        load_report(digits, *in_memory(digits))


@pytest.mark.parametrize("wrong", [3, None, [1, 2]])
def test_a_report_of_something_else_is_one_line(wrong):
    with pytest.raises(InputError, match=r"expected directories, or what esbench\.run or esbench.train gives"):
        load_report(wrong)


def test_a_report_of_nothing_is_one_line():
    with pytest.raises(InputError, match="no runs"):
        load_report()


def test_anchors_at_a_bound_are_not_passed(tmp_path, add_run, make_row):
    """An interval that was cut at the bound does not lie beyond an anchor that stands there."""
    spec = dataclasses.replace(DIGITS, random=Anchor(0.0, "rules"))
    for seed, end in enumerate([0.0, 0.1, 0.05]):
        add_run(tmp_path, *rows_of(make_row, spec, [0.0, end]), task=spec.to_json(), seed=seed, budget=2000)
    assert tables(tmp_path)["anchors"].frame["beats_random"].tolist() == ["not shown"]
