"""The notebooks of the tutorials are executed, in an empty folder, as a reader does."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

import esbench
from esbench.results.run_directory import RunDirectory
from tests.documents import ROOT, block

NOTEBOOK = ROOT / "docs" / "tutorials" / "02_your_own_strategy.ipynb"
CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}


def code_cells(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook after its run, the folder it ran in, and that folder's contents before the last cell."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    *in_memory, on_disk = notebook.cells
    last = "import os, json; print(json.dumps(sorted(os.listdir())))"
    notebook.cells = [*in_memory, nbformat.v4.new_code_cell(last), on_disk]
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook, folder


def test_the_cell_has_the_strategy_of_the_docs():
    assert code_cells(NOTEBOOK)[0] + "\n" == block("class Signed")


@pytest.mark.slow
def test_training_in_cells_writes_nothing_and_draws_curves(executed):
    notebook, _ = executed
    (listing,) = notebook.cells[-2].outputs
    assert json.loads(listing.text) == []
    drawn = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(drawn) == 2


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


@pytest.mark.parametrize("path", sorted(NOTEBOOK.parent.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
