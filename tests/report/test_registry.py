"""A table and a figure that are registered here are in a report, and a metric by its name: nothing else is edited."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

import esbench
from esbench.report import registry
from esbench.report.scored_runs import every_cell
from esbench.report.table import Table, as_numbers, estimate, named, number
from esbench.report.write import load_report, read_contents
from tests.documents import block, forget_what_tests_registered


@pytest.fixture
def runs(tmp_path, add_run, make_row):
    """Two algorithms, one of which has a metric `novelty` and a score `length`."""
    for name, training in (("eggroll", {"novelty": 0.25, "sigma": 0.5}), ("ppo", {})):
        for seed in range(2):
            rows = [
                make_row(),
                make_row(useful_steps=1000, return_mean=50.0 + seed, train_seconds=2.0, final=True, training=training),
            ]
            add_run(tmp_path, *rows, name=name, seed=seed)
    return tmp_path


@pytest.fixture(autouse=True)
def forgotten():
    """What a test registers is gone after it."""
    yield
    forget_what_tests_registered()


def test_a_table_is_in_every_format(runs, tmp_path):
    @registry.table("novelty")
    def novelty_table(section):
        rows = [
            {
                **names,
                **as_numbers(cell.mean, "return"),
                "novelty": cell.mean_of("novelty"),
                "_twice": 2 * len(cell.runs),
            }
            for _, cell, names in every_cell(section.tiers)
        ]
        layout = [
            *named("Tier", "Task", "Algorithm"),
            estimate("Return & more", "return", mark=lambda row: " !" if row["algorithm"] == "ppo" else ""),
            number("Novelty", "novelty", ".3f", bold=lambda row: True),
            number("Twice", "_twice"),
        ]
        return Table("Novelty", pd.DataFrame(rows), layout, ["As it was."])

    report = load_report(runs, out=tmp_path / "report")
    frame = report.tables["novelty"]
    assert list(frame) == ["tier", "task", "algorithm", "return", "return_low", "return_high", "novelty"]
    assert frame["novelty"].tolist() == pytest.approx([0.25, float("nan")], nan_ok=True)
    files = {path.name: path.read_text() for path in (tmp_path / "report").rglob("*.*") if path.suffix not in (".png",)}
    assert "| lite | CartPole-v1 | eggroll   |   50.500 [44.147, 56.853] | **0.250** |     4 |" in files["novelty.md"]
    assert r"lite & CartPole-v1 & ppo & 50.500 {[}44.147, 56.853{]} ! & - & 4 \\" in files["novelty.tex"]
    assert (
        files["novelty.csv"].splitlines()[2].startswith("lite,CartPole-v1,ppo,50.5,44.14")
        and "!" not in files["novelty.csv"]
    )
    for shown in ('<h2 id="novelty-heading">Novelty</h2>', "Return &amp; more", "<strong>0.250</strong>", "As it was."):
        assert shown in files["report.html"]
    assert files["report.md"].index("## Novelty") > files["report.md"].index("## Runs")


def test_a_figure_is_in_every_format(runs, tmp_path):
    @registry.figure(
        "novelty",
        of=lambda section: [cell for _, cell, _ in every_cell(section.tiers)],
        caption="Novelty against useful {say.unit}.",
    )
    def draw_novelty(cells):
        figure = Figure()
        for run in cells[0].runs:
            figure.subplots().plot(run.column("useful_steps"), run.column("novelty"))
        return figure

    report = load_report(runs, out=tmp_path / "report")
    (line,) = report.figures["novelty"]().axes[0].lines
    assert line.get_ydata()[-1] == 0.25
    assert all((tmp_path / "report" / "figures" / f"novelty.{ending}").exists() for ending in ("png", "svg"))
    for file in ("report.md", "report.html"):
        assert "Novelty against useful steps." in (tmp_path / "report" / file).read_text()


def test_a_figure_of_nothing_is_not_there(runs):
    registry.figure("novelty", of=lambda section: [], caption="None.")(lambda nothing: Figure())
    assert "novelty" not in read_contents([runs]).figures


def test_a_metric_has_its_name_everywhere(runs):
    """In what users load and in what tables and figures read: the number itself, whoever computed it."""
    (loaded,) = set(esbench.load_results(runs).query("final and algorithm == 'eggroll'")["novelty"])
    cell = read_contents([runs]).tiers[0].cell("CartPole-v1", "eggroll")
    assert loaded == cell.mean_of("novelty") == cell.runs[1].column("novelty")[-1] == 0.25
    assert cell.mean_of("return_mean_greedy") == 21.0


def test_the_table_of_the_docs_is_in_a_report(runs):
    exec(block("registry.table"), {})
    assert load_report(runs).tables["widths"]["sigma"].tolist() == pytest.approx([0.5, float("nan")], nan_ok=True)
