"""Objects out of files: `path/to/file.py:NAME`, wherever a task or an algorithm is named."""

import ast
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from esbench.errors import InputError, unknown

_loaded: dict[Path, bytes] = {}


def names_a_file(name: str) -> bool:
    """Whether `name` is written as `path/to/file.py:NAME`."""
    return ".py:" in name


def load_object(name: str) -> Any:
    """The object NAME of the file in `path/to/file.py:NAME`; InputError where there is none."""
    path_text, _, attribute = name.rpartition(":")
    path = Path(path_text).expanduser().resolve()
    if not path.is_file():
        raise InputError(f"no file {path_text!r} (from {name!r}): expected path/to/file.py:NAME")
    module_name = f"esbench_plugin_{path.stem}_{abs(hash(path)):x}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None and spec.loader is not None
        _loaded[path] = path.read_bytes()
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # dataclasses look their module up while the file runs
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            raise InputError(f"{path_text} cannot be loaded: {type(error).__name__}: {error}") from error
    module = sys.modules[module_name]
    if not hasattr(module, attribute):
        public = [n for n, v in vars(module).items() if not n.startswith("_") and _written_in(module_name, v)]
        raise unknown(f"name in {path_text}", attribute, public)
    return getattr(module, attribute)


def source(path: Path) -> bytes:
    """A file's content: as it was when `load_object` loaded it, which is what runs; as it is now where it never did."""
    path = path.resolve()
    return _loaded[path] if path in _loaded else path.read_bytes()


def _written_in(module: str, value: Any) -> bool:
    """Whether a module's `value` is its own and not something it imported; of values that are neither a class nor a
    function, only modules can be told to be imported."""
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__module__ == module
    return not inspect.ismodule(value)


def unnamed(kind: str, file: str, classes_only: bool = False) -> InputError:
    """The error for a file given without `:NAME`, with what it defines; nothing of it is executed."""
    path = Path(file).expanduser()
    if not path.is_file():
        return InputError(f"no file {file!r}: expected path/to/file.py:NAME")
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError) as error:
        return InputError(f"{file} cannot be loaded: {type(error).__name__}: {error}")
    names = [node.name for node in body if isinstance(node, ast.ClassDef)]
    if not classes_only:
        targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    found = ", ".join(name for name in names if not name.startswith("_")) or "and it has none"
    return InputError(f"{kind} {file!r}: expected {file}:NAME with one of its names: {found}")
