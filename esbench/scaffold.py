"""`esbench new`: files to start from."""

import ast
import importlib.machinery
import keyword
import re
import sys
from pathlib import Path

from esbench.errors import InputError

_TEMPLATES = Path(__file__).parent / "templates"


def new_strategy(name: str, directory: Path) -> tuple[Path, Path, str]:
    """Writes NAME.py, a small evolution strategy, and test_NAME.py into `directory`.

    Returns both paths and the name of the class. InputError, before anything is written, unless `name` is a Python name
    in snake case and the files are new.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise InputError(f"name {name!r}: expected a Python name in snake case, such as my_strategy")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    names, modules = _names_of(_TEMPLATES / "my_strategy.py")
    # The class needs a name of its own in the file, and the file one that differs from the modules it imports.
    if class_name in names - {"MyStrategy"} or name in modules:
        raise InputError(
            f"name {name!r}: the file would need {name} or {class_name} for something else; expected another"
        )
    if name in sys.stdlib_module_names or _is_installed(name):
        raise InputError(f"name {name!r}: the file would be found instead of the module {name}; expected another")
    paths = directory / f"{name}.py", directory / f"test_{name}.py"
    for path in paths:
        if path.exists():
            raise InputError(f"{path} exists already: expected another name, or move it away")
    for path, template in zip(paths, ("my_strategy.py", "test_my_strategy.py"), strict=True):
        text = (_TEMPLATES / template).read_text(encoding="utf-8")
        try:
            path.write_text(text.replace("MyStrategy", class_name).replace("my_strategy", name), encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error
    return *paths, class_name


def _names_of(template: Path) -> tuple[set[str], set[str]]:
    """The names that a template reads and the classes that it defines; the modules that it imports from."""
    names: set[str] = set()
    modules: set[str] = set()
    for node in ast.walk(ast.parse(template.read_text(encoding="utf-8"))):
        match node:
            case ast.Name():
                names.add(node.id)
            case ast.ClassDef():
                names.add(node.name)
            case ast.Import():
                modules.update(alias.name.partition(".")[0] for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                modules.add(module.partition(".")[0])
    return names, modules


def _is_installed(name: str) -> bool:
    """Whether Python finds a module of this name elsewhere than in the working directory."""
    paths = [path for path in sys.path if Path(path).resolve() != Path().resolve()]
    return importlib.machinery.PathFinder.find_spec(name, paths) is not None
