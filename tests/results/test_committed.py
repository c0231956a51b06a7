"""The committed tables are what the committed rows give."""

import shutil
from pathlib import Path

import pytest

from esbench.report.contents import Contents
from esbench.report.write import read_contents
from esbench.results.load import load_runs
from esbench.results.packed import PACKED, packed
from esbench.results.run_directory import ROWS_FILE, unpacked
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.registry import task_specs

RESULTS = Path(__file__).parents[2] / "results"
# Studies of the other tracks have tables of their own: tests/studies/test_text_tables.py, test_reasoning_tables.py.
SETS = sorted(
    path.name
    for path in RESULTS.iterdir()
    if path.name not in ("text", "reasoning") and any(next(path.rglob(name), None) for name in (ROWS_FILE, PACKED))
)
# Rows that a set is reported with and that lie elsewhere: those of the baselines' entries on the board.
BOARD = RESULTS.parent / "leaderboards" / "lite-v2"
ENTRIES = [
    BOARD / path.stem
    for path in sorted(RESULTS.parent.glob("baselines/entries/*.toml"))
    if (BOARD / path.stem).is_dir()
]
ELSEWHERE = {"baselines": ENTRIES}
# Of the text tables: it has all of them.
KEPT = ("report.md",)


def differing(contents: Contents, report: Path) -> list[str]:
    """The names of the text tables in `report` that `contents` does not give, that it lacks, or that are not kept."""
    texts = {name: text for name, text in contents.texts().items() if name in KEPT}
    files = [*report.glob("report.md"), *report.glob("table.*"), *report.glob("tables/*")]
    committed = {str(path.relative_to(report)) for path in files}
    return sorted(
        name
        for name in texts.keys() | committed
        if name not in texts or name not in committed or (report / name).read_text() != texts[name]
    )


@pytest.mark.parametrize("name", SETS)
def test_committed_tables_are_made_from_committed_rows(name):
    wrong = differing(read_contents([RESULTS / name, *ELSEWHERE.get(name, [])]), RESULTS / name / "report")
    assert not wrong, f"results/{name}/report: {', '.join(wrong)} not what the rows give; run `make results`"


def test_no_committed_return_is_beyond_what_the_rules_allow():
    """Intervals are cut there."""
    bounds = {spec.id: spec.measure for spec in task_specs()}
    boards = sorted(path.parent for path in RESULTS.parent.glob("leaderboards/*/spec.json"))
    for run in (run for folder in (RESULTS, *boards) for run in load_runs(folder)):
        measure = bounds[run.manifest.task["id"]]
        returns = [value for row in run.rows for name, value in row.scores.items() if name.startswith(measure.name)]
        # Sums of 32-bit rewards.
        assert measure.lowest is None or min(returns) >= measure.lowest - 1e-6, run.path
        assert measure.highest is None or max(returns) <= measure.highest + 1e-6, run.path


def test_anchors_are_within_what_the_rules_allow():
    for spec in CATALOGUE:
        anchors = [anchor.value for anchor in (spec.random, spec.heuristic, spec.reference) if anchor is not None]
        assert spec.measure.lowest is None or min(anchors) >= spec.measure.lowest, spec.id
        assert spec.measure.highest is None or max(anchors) <= spec.measure.highest, spec.id


def test_there_are_committed_results():
    assert {"bench", "baselines"} <= set(SETS)


def edit(out: Path, run: str, line: int, old: str, new: str) -> None:
    """A copy in `out` of the rows of `bench`, with one line of one run changed."""
    shutil.copytree(RESULTS / "bench" / "lite", out / "lite")
    name, seed = run.rsplit("/", 1)
    file = out / "lite" / name / PACKED
    runs = {path.name: content.decode().splitlines(keepends=True) for path, content in unpacked(file)}
    assert old in runs[seed][line]
    runs[seed][line] = runs[seed][line].replace(old, new, 1)
    file.write_bytes(packed("".join(lines).encode() for lines in runs.values()))


def test_one_number_of_a_score_changes_the_tables_that_show_it(tmp_path):
    edit(tmp_path, "Knapsack-v1/ppo/seed-1", -1, '"return": ', '"return": 1')
    contents = read_contents([tmp_path])
    assert differing(contents, RESULTS / "bench" / "report") == ["report.md"]
    assert contents.texts()["tables/cost.csv"] == read_contents([RESULTS / "bench"]).texts()["tables/cost.csv"]


def test_a_number_that_no_other_table_shows_changes_that_of_the_runs(tmp_path):
    edit(tmp_path, "CartPole-v1/eggroll/seed-0", 2, '"samples": 128', '"samples": 129')
    wrong = differing(read_contents([tmp_path]), RESULTS / "bench" / "report")
    assert wrong == ["report.md"]
