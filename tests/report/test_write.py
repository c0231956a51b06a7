import shutil

import pytest

from esbench.errors import InputError
from esbench.report.write import write_report

FILES = ["curves.png", "curves.svg", "table.csv", "table.md"]


@pytest.fixture
def runs(tmp_path, add_run, make_row):
    out = tmp_path / "runs"
    for name in ("eggroll", "ppo"):
        for seed in (9, 10):
            rows = [make_row(), make_row(useful_steps=1000, train_seconds=2.5, return_mean=100.0 + seed, final=True)]
            add_run(out, *rows, name=name, seed=seed)
    return out


def contents(directory):
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def refused(runs, tmp_path, match):
    """The report is refused in one line and writes nothing."""
    with pytest.raises(InputError, match=match) as error:
        write_report([runs], tmp_path / "report")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "report").exists()


def test_a_report_has_its_files(runs, tmp_path):
    report = write_report([runs], tmp_path / "report")
    written = contents(tmp_path / "report")
    assert list(written) == FILES
    assert written["curves.png"].startswith(b"\x89PNG")
    assert b"<svg" in written["curves.svg"]
    assert report.text.encode() == written["table.md"]
    assert report.table == tmp_path / "report" / "table.md"
    assert report.figure == tmp_path / "report" / "curves.png"
    assert "128 fresh episodes" in report.text
    assert "Computed on 1 x a processor (cpu), matrix products in float32; compilation cache cold." in report.text


def test_same_rows_same_bytes_wherever_they_lie(runs, tmp_path):
    write_report([runs], tmp_path / "first")
    for name in ("ppo", "eggroll"):
        shutil.copytree(runs / "lite" / "CartPole-v1" / name, tmp_path / f"moved-{name}" / name)
    write_report([tmp_path / "moved-ppo", tmp_path / "moved-eggroll"], tmp_path / "second")
    write_report([runs, runs / "lite"], tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_bytes_hold_no_date_and_no_version(runs, tmp_path):
    write_report([runs], tmp_path / "report")
    written = contents(tmp_path / "report")
    assert b"dc:date" not in written["curves.svg"]
    for name in ("curves.svg", "curves.png"):
        assert b"Matplotlib v" not in written[name] and b"Matplotlib version" not in written[name]


def test_unfinished_runs_are_named_and_left_out(runs, tmp_path, add_run, make_row):
    write_report([runs], tmp_path / "before")
    add_run(runs, make_row(return_mean=-999.0), make_row(return_mean=-999.0), seed=3)
    text = write_report([runs], tmp_path / "after").text
    before, after = contents(tmp_path / "before"), contents(tmp_path / "after")
    assert "Left out because unfinished: lite/CartPole-v1/eggroll/seed-3 (2 rows)." in text
    for name in ("table.csv", "curves.png", "curves.svg"):
        assert before[name] == after[name]


def test_nothing_finished_is_nothing_to_report(tmp_path, add_run, make_row):
    (tmp_path / "runs").mkdir()
    refused(tmp_path / "runs", tmp_path, "no runs below")
    add_run(tmp_path / "runs", make_row())
    refused(tmp_path / "runs", tmp_path, "no run is finished")


def test_the_same_run_from_two_places_is_refused(runs, tmp_path):
    shutil.copytree(runs / "lite", runs / "copy")
    refused(runs, tmp_path, "lite/CartPole-v1/eggroll/seed-9 is there twice")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"budget": 2000}, "budget is 1000 and 2000|budget is 2000 and 1000"),
        ({"settings": {"pop_size": 64, "sigma": 0.2}}, "settings is {'sigma': 0.[12]} and {'sigma': 0.[12]}"),
        ({"policy": {"n_layers": 2}}, "policy is"),
        ({"action_mode": "greedy"}, "action_mode is"),
        ({"precision": "bfloat16"}, "precision is"),
        ({"algorithm": "another.py:Another"}, "algorithm is"),
    ],
)
def test_seeds_with_other_settings_are_not_averaged(runs, tmp_path, add_run, make_row, changes, match):
    add_run(runs, make_row(final=True), seed=11, **changes)
    refused(runs, tmp_path, match)


def test_runs_of_different_tasks_under_one_name_are_refused(runs, tmp_path, add_run, make_row, make_spec):
    add_run(runs, make_row(final=True), name="variant", task=make_spec(max_episode_steps=200).to_json())
    refused(runs, tmp_path, "task's max_episode_steps is 500 and 200|task's max_episode_steps is 200 and 500")


def test_another_tier_is_another_group(runs, tmp_path, add_run, make_row):
    rows = [make_row(), make_row(useful_steps=5000, train_seconds=9.0, final=True)]
    add_run(runs, *rows, tier="standard", budget=5000)
    lines = write_report([runs], tmp_path / "report").text.splitlines()
    assert [line.split()[1] for line in lines[2:5]] == ["lite", "lite", "standard"]


def test_a_place_that_cannot_be_written_is_refused(runs, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write a report to"):
        write_report([runs], tmp_path / "file" / "report")
