"""Which files a run's rows come from: what stops a resume, and what does not."""

import ast
import shutil
from pathlib import Path

import pytest

import esbench
from esbench.algorithms.eggroll import EGGROLL
from esbench.experiment.one_run import row_code
from esbench.tasks import registry

PACKAGE = Path(esbench.__file__).parent
# What trains and evaluates, and every suite's adapter.
ROOTS = ("experiment/one_run/prepare.py", "experiment/one_run/training.py", "tasks/suites/*/adapter.py")
# Reached from there, and no row depends on them: they name, choose, tell, read or keep.
NO_ROWS = {
    "__init__.py",
    "errors.py",
    "plugins.py",
    "experiment/one_run/checkout.py",
    "experiment/one_run/compilation_cache.py",
    "experiment/one_run/provenance.py",
    "experiment/one_run/row_code.py",
    "experiment/options/assembly.py",
    "experiment/options/config.py",
    "experiment/options/presets.py",
    "experiment/options/run_options.py",
    "experiment/options/start.py",
    "experiment/terminal/progress.py",
    "results/checkpoints.py",
    "results/files.py",
    "results/fingerprints.py",
    "results/lock.py",
    "results/packed.py",
    "results/policy_file.py",
    "results/records.py",
    "results/run_directory.py",
    "results/versions.py",
    "tasks/anchors.py",
    "tasks/card.py",
    "tasks/catalogue.py",
    "tasks/spec.py",
    "tasks/user_file.py",
}
PICTURES = ("render.py", "pixels.py", "specs.py")


def imported(file):
    """The package's files that `file` imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("esbench."):
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                path = PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py")
                if path.exists():
                    yield path


def reached():
    pending, found = [path for root in ROOTS for path in PACKAGE.glob(root)], set()
    while pending:
        if (path := pending.pop()) not in found:
            found.add(path)
            pending += imported(path)
    return {path.relative_to(PACKAGE).as_posix() for path in found}


def test_every_file_that_training_reaches_is_told_to_make_rows_or_not():
    files = {name for name in reached() if not name.endswith(PICTURES)}
    told = {name for name in files if row_code.makes_rows(name)}
    assert len(told) > 25
    assert files - told <= NO_ROWS, "a new file: does a row depend on it? then add it to MAKES_ROWS, else here"
    assert not any(row_code.makes_rows(name) for name in NO_ROWS)


def test_every_pattern_names_a_file():
    for pattern in row_code.MAKES_ROWS:
        assert list(PACKAGE.glob(pattern)), pattern


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("rollout/episodes.py", True),
        ("algorithms/shaping.py", True),
        ("tasks/suites/gymnax/adapter.py", True),
        ("sizes.py", True),
        ("../README.md", False),
        ("tasks/catalogue.py", False),
        ("report/contents.py", False),
        ("tuning/tune.py", False),
        ("experiment/one_run/run.py", False),
    ],
)
def test_an_edit_of_what_makes_rows_changes_the_digest_and_no_other(name, matters, tmp_path, monkeypatch):
    shutil.copytree(PACKAGE, tmp_path / "esbench", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(esbench, "__file__", str(tmp_path / "esbench" / "__init__.py"))
    file = tmp_path / "esbench" / name
    file.touch()
    cartpole = registry.task("CartPole-v1")
    before = row_code.code(EGGROLL(), cartpole)
    file.write_text(file.read_text() + "\n# edited\n")
    assert (row_code.code(EGGROLL(), cartpole) != before) == matters
