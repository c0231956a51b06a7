"""Whatever the package imports is declared, and in the extra that needs it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Extras of files; a suite's folder has the extra of its name. All other files import what is always there.
EXTRAS_OF = {
    "algorithms/evosax_adapter.py": ["evosax"],
    "experiment/many_runs/ray_engine.py": ["ray"],
    "experiment/one_run/play.py": ["video"],
    "experiment/one_run/sinks.py": ["tensorboard", "wandb"],
}
DISTRIBUTIONS = packages_distributions()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(texts: list[str]) -> set[str]:
    """Names of what is required, without versions."""
    return {canonical(re.split(r"[^\w.-]", text)[0]) for text in texts}


def declared(file: Path) -> set[str]:
    """Names of the distributions that a file of the package may import."""
    inside = file.relative_to(ROOT / "esbench")
    extras = EXTRAS_OF.get(inside.as_posix(), [])
    if inside.match("tasks/suites/*/*.py") and inside.parts[2] in EXTRAS:
        extras = [inside.parts[2]]
    return requirements([*PROJECT["dependencies"], *(one for extra in extras for one in EXTRAS[extra])])


def imported(text: str) -> set[str]:
    """Top-level names of the modules that a text imports, with `import_module("NAME")` too."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module)
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(module)), *_]):
                found.add(module)
    return {name.partition(".")[0] for name in found}


def undeclared(file: Path) -> set[str]:
    """What a file imports of others without their being declared. What is not installed is taken by its own name."""
    beside = {other.stem for other in file.parent.glob("*.py")}
    others = imported(file.read_text()) - set(sys.stdlib_module_names) - {"esbench"} - beside
    return {name for name in others if not declared(file) & set(map(canonical, DISTRIBUTIONS.get(name, [name])))}


def test_all_that_is_imported_is_declared():
    files = sorted((ROOT / "esbench").rglob("*.py"))
    assert {str(file): names for file in files if (names := undeclared(file))} == {}


def test_all_that_is_always_installed_is_imported():
    names = {name for file in (ROOT / "esbench").rglob("*.py") for name in imported(file.read_text())}
    used = {canonical(one) for name in names for one in DISTRIBUTIONS.get(name, [])}
    assert requirements(PROJECT["dependencies"]) <= used


def test_the_files_with_extras_are_there():
    for file, extras in EXTRAS_OF.items():
        assert (ROOT / "esbench" / file).is_file() and set(extras) <= EXTRAS.keys()


def test_an_import_that_is_not_declared_is_found(tmp_path):
    text = (
        'import jax.numpy\nfrom yaml import load\nimport_module = 1\nimportlib.import_module("mujoco.egl")\nimport os'
    )
    assert imported(text) == {"jax", "yaml", "mujoco", "os"}
    assert "mujoco" not in declared(ROOT / "esbench/tasks/suites/navix/render.py")
    assert "mujoco" in declared(ROOT / "esbench/tasks/suites/brax/render.py")
