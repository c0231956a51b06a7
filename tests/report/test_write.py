import json
import re
import shutil

import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.report.figures import ORDER
from esbench.report.ioh import ioh_files
from esbench.report.registry import figure_path
from esbench.report.write import load_report, read_contents, write_report

TABLES = [
    *("overview", "scores", "aggregates", "anchors", "pairs", "tasks", "non_inferiority", "equal_seconds", "targets"),
    *("speed", "cost", "coverage", "runs"),
]
# Of environments: no text is read.
DRAWN = [name for name in ORDER if name != "reading"]


@pytest.fixture
def runs(tmp_path, add_run, make_row):
    out = tmp_path / "runs"
    for name in ("eggroll", "ppo"):
        for seed in (9, 10):
            rows = [make_row(), make_row(useful_steps=1000, train_seconds=2.5, return_mean=100.0 + seed, final=True)]
            add_run(out, *rows, name=name, seed=seed)
    return out


def contents(directory):
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in sorted(files)}


def refused(runs, tmp_path, match):
    """The report is refused in one line and writes nothing."""
    with pytest.raises(InputError, match=match) as error:
        write_report([runs], tmp_path / "report")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "report").exists()


def test_a_notebook_shows_every_figure(runs):
    # Without pyplot, which a notebook watches: by the figures' own method.
    for name, draw in load_report(runs).figures.items():
        assert draw()._repr_png_().startswith(b"\x89PNG"), name


def test_a_report_has_its_files(runs, tmp_path):
    report = write_report([runs], tmp_path / "report")
    written = contents(tmp_path / "report")
    exported = {name for name in written if name.startswith("ioh/")}
    assert set(written) - exported == {
        "report.md",
        "report.html",
        *(f"table.{ending}" for ending in ("md", "tex", "csv")),
        *(f"curves.{ending}" for ending in ("png", "svg")),
        *(f"tables/{name}.{ending}" for name in TABLES if name != "scores" for ending in ("md", "tex", "csv")),
        *(f"figures/{name}.{ending}" for name in DRAWN if name != "curves" for ending in ("png", "svg")),
    }
    assert written["curves.png"].startswith(b"\x89PNG")
    assert b"<svg" in written["curves.svg"]
    assert "128 fresh episodes" in report.text
    assert "Computed on 1 x a processor (cpu), matrix products in float32, jax 0.9.0;" in report.text
    for name in DRAWN:
        image = written[figure_path(name, "svg")] + written[figure_path(name, "png")]
        assert b"dc:date" not in image and b"Matplotlib v" not in image and b"Matplotlib version" not in image, name
    assert report.page.exists() and report.table.exists() and report.figure.exists()


def test_same_rows_same_bytes_wherever_they_lie(runs, tmp_path):
    first = read_contents([runs]).files()
    for name in ("ppo", "eggroll"):
        shutil.copytree(runs / "lite" / "CartPole-v1" / name, tmp_path / f"moved-{name}" / name)
    assert first == read_contents([tmp_path / "moved-ppo", tmp_path / "moved-eggroll"]).files()
    assert read_contents([runs]).texts() == read_contents([runs, runs / "lite"]).texts()


def test_unfinished_runs_are_named_and_left_out(runs, add_run, make_row):
    before = read_contents([runs]).files()
    add_run(runs, make_row(return_mean=-999.0), make_row(return_mean=-999.0), seed=3)
    after = read_contents([runs]).files()
    text = after["report.md"].decode()
    assert "Left out because unfinished: lite/CartPole-v1/eggroll/seed-3 (2 rows)." in text
    for name in before:
        assert (before[name] == after[name]) == (name not in _NAME_UNFINISHED), name


_NAME_UNFINISHED = {"report.md", "report.html", *(f"tables/runs.{ending}" for ending in ("md", "tex", "csv"))}


def test_a_line_that_was_cut_off_is_reported(runs):
    file = runs / "lite" / "CartPole-v1" / "ppo" / "seed-9" / "run.jsonl"
    file.write_bytes(file.read_bytes() + b'{"kind": "row", "gen')
    text = read_contents([runs]).told()
    assert "A last line that was cut off while being written was left out: lite/CartPole-v1/ppo/seed-9." in text


def test_damage_is_named_by_file_and_line_and_nothing_is_written(runs, tmp_path):
    file = runs / "lite" / "CartPole-v1" / "ppo" / "seed-9" / "run.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[1].replace("20.0", "twenty"), lines[2]]) + "\n")
    refused(runs, tmp_path, f"{re.escape(str(file))}, line 2: not JSON")


def test_bad_input_is_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path / "empty", tmp_path / "none"):
        assert main(["report", str(directory), "--out", str(tmp_path / "report")]) == 2
        out, error = capsys.readouterr()
        assert out == "" and error.count("\n") == 1 and str(directory) in error
    assert not (tmp_path / "report").exists()


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
        ({"budget": 2000}, "steps is 1000 and 2000|steps is 2000 and 1000"),
        ({"settings": {"pop_size": 64, "sigma": 0.2}}, "settings is {'sigma': 0.[12]} and {'sigma': 0.[12]}"),
        ({"policy": {"n_layers": 2}}, "policy is"),
        ({"action_mode": "greedy"}, "action_mode is"),
        ({"precision": "bfloat16"}, "precision is"),
        ({"algorithm": "another.py:Another"}, "algorithm is"),
    ],
)
def test_seeds_with_other_settings_are_not_averaged(runs, tmp_path, add_run, make_row, changes, match):
    add_run(runs, make_row(), make_row(useful_steps=1000, final=True), seed=11, **changes)
    refused(runs, tmp_path, match)


def test_runs_of_different_tasks_under_one_name_are_refused(runs, tmp_path, add_run, make_row, make_spec):
    add_run(runs, make_row(final=True), name="variant", task=make_spec(max_episode_steps=200).to_json())
    refused(runs, tmp_path, "task's max_episode_steps is 500 and 200|task's max_episode_steps is 200 and 500")


def test_two_versions_of_a_task_are_refused(runs, tmp_path, add_run, make_row, make_spec):
    add_run(runs, make_row(final=True), task=make_spec(id="CartPole-v2").to_json())
    refused(runs, tmp_path, "CartPole-v1/eggroll/seed-9 and lite/CartPole-v2/.* two versions of one task")


def test_another_tier_is_another_group(runs, add_run, make_row):
    rows = [make_row(), make_row(useful_steps=5000, train_seconds=9.0, final=True)]
    add_run(runs, *rows, tier="standard", budget=5000)
    texts = read_contents([runs]).texts()
    text = texts["report.md"]
    assert "- Tier lite: 1 of the 16 tasks, 2 algorithms, 2 seeds each.\n- Tier standard: 1 of the 16 tasks," in text
    rows = texts["table.csv"].splitlines()
    assert [row.split(",")[0] for row in rows] == ["tier", "lite", "lite", "standard"]


def test_an_older_report_leaves_nothing_behind(runs, tmp_path, add_run, make_row):
    out = tmp_path / "report"
    write_report([runs], out)
    (out / "figures" / "mine.png").write_bytes(b"kept")
    alone = tmp_path / "alone"
    add_run(alone, make_row(), make_row(useful_steps=1000, final=True), name="ppo")
    write_report([alone], out)
    left = contents(out)
    assert left.pop("figures/mine.png") == b"kept"
    assert left == read_contents([alone]).files()
    assert "figures/wins.svg" not in left and b"figures/wins.png" not in left["report.md"]
    assert not any("eggroll" in name for name in left)


def test_a_place_that_cannot_be_written_is_refused(runs, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write a report to"):
        write_report([runs], tmp_path / "file" / "report")
    assert (tmp_path / "file").read_text() == "in the way"


def test_the_page_and_the_markdown_are_complete_in_themselves(runs):
    files = read_contents([runs]).files()
    assert not re.search(r"(src|href)=\"(?!data:|#)", files["report.html"].decode())
    assert set(re.findall(r"\]\((.*?)\)", files["report.md"].decode())) == {figure_path(name, "png") for name in DRAWN}


def test_the_export_is_what_iohprofiler_reads(runs):
    """One index a task and algorithm, and the data file it names: blocks of a heading and rising evaluations."""
    files = ioh_files(read_contents([runs]).tiers)
    index = json.loads(files["lite/ppo/IOHprofiler_f1_CartPole-v1.json"])
    assert (index["version"], index["function_name"], index["maximization"]) == ("0.3.5", "CartPole-v1", True)
    (scenario,) = index["scenarios"]
    assert scenario["runs"] == [
        {"instance": seed, "evals": 1000, "best": {"evals": 1000, "y": 100.0 + seed, "x": []}} for seed in (9, 10)
    ]
    assert files["lite/ppo/" + scenario["path"]] == (
        "evaluations raw_y\n1 20\n1000 109\nevaluations raw_y\n1 20\n1000 110\n"
    )
