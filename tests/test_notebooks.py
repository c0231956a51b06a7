"""The notebooks of the tutorials are executed, in an empty folder, as a reader does."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import esbench
from esbench.results.run_directory import RunDirectory
from tests.documents import ROOT, block
from tests.tasks import partial_cart_pole

TUTORIALS = ROOT / "docs" / "tutorials"
NOTEBOOK = TUTORIALS / "02_your_own_strategy.ipynb"
# Of the others: what lies in the folder after the run.
LEFT = {
    "01_first_comparison.ipynb": [],
    "03_read_results_and_plot.ipynb": ["runs-to-read"],
    "04_a_policy_with_memory.ipynb": [],
}
CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}


def code_cells(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def execute(notebook, folder):
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()


def drawn(notebook):
    """The pictures that its cells show."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return [output for output in outputs if "image/png" in output.get("data", {})]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook after its run, the folder it ran in, and that folder's contents before the last cell."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    *in_memory, on_disk = notebook.cells
    last = "import os, json; print(json.dumps(sorted(os.listdir())))"
    notebook.cells = [*in_memory, nbformat.v4.new_code_cell(last), on_disk]
    execute(notebook, folder)
    return notebook, folder


def test_the_cell_has_the_strategy_of_the_docs():
    assert code_cells(NOTEBOOK)[0] + "\n" == block("class Signed")


@pytest.mark.slow
def test_training_in_cells_writes_nothing_and_draws_curves(executed):
    notebook, _ = executed
    (listing,) = notebook.cells[-2].outputs
    assert json.loads(listing.text) == []
    assert len(drawn(notebook)) == 2


@pytest.mark.slow
def test_its_run_has_the_rows_of_the_strategy_in_a_file(executed, tmp_path):
    _, folder = executed
    file = tmp_path / "signed.py"
    file.write_text(code_cells(NOTEBOOK)[0])
    of_file = esbench.run(
        "CartPole-v1", f"{file}:Signed", steps=60_000, settings={"pop_size": 128}, out=tmp_path / "runs"
    )
    of_cell = RunDirectory.open(folder / "runs" / "lite" / "CartPole-v1" / "Signed" / "seed-0")
    one, other = ([row.model_dump(exclude=CLOCKS) for row in run.rows] for run in (of_file, of_cell))
    assert one == other
    assert of_cell.manifest.algorithm == "Signed"


def test_every_notebook_is_executed():
    assert {path.name for path in TUTORIALS.glob("*.ipynb")} == {NOTEBOOK.name, *LEFT}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEFT)
def test_a_notebook_runs_in_an_empty_folder_and_draws_a_figure(name, tmp_path):
    notebook = nbformat.read(TUTORIALS / name, as_version=4)
    execute(notebook, tmp_path)
    assert len(drawn(notebook)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == LEFT[name]


def test_the_task_without_velocities_is_the_one_that_is_tested():
    _, task = Path(partial_cart_pole.__file__).read_text().split("\n\n", 1)
    assert code_cells(TUTORIALS / "04_a_policy_with_memory.ipynb")[0] + "\n" == task


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
