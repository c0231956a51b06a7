"""Objects out of files: `path/to/file.py:NAME`, in place of the name of a task or an algorithm.

A file imports from its folder as a script does. What it imports from there are modules of a package for this folder.
They can share their names with other modules of the process. When a file or one that it imports has changed, all of the
folder's are loaded again, into another package. What runs is the text that was read then, and `sources` gives it.
"""

import ast
import builtins
import functools
import importlib.util
import inspect
import itertools
import sys
import sysconfig
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from esbench.errors import InputError, unknown
from esbench.jax_switches import pinned

Texts = dict[Path, bytes]
"""Contents of files as they were read, by path."""

_HOME = "esbench"


def names_a_file(name: str) -> bool:
    """Whether `name` is written as `path/to/file.py:NAME`."""
    return ".py:" in name


def load_object(name: str) -> Any:
    """The object NAME of the file in `path/to/file.py:NAME`, the very one as long as no file behind it changes.

    InputError where there is none, or where it cannot be loaded.
    """
    path_text, _, attribute = name.rpartition(":")
    path = Path(path_text).expanduser().resolve()
    if not path.is_file():
        raise InputError(f"no file {path_text!r} (from {name!r}): expected path/to/file.py:NAME")
    with _lock:
        try:
            edition = _edition(path)
            module = edition.load(path, path_text)
        except OSError as error:
            raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error
        if not hasattr(module, attribute):
            public = [n for n, v in vars(module).items() if not n.startswith("_") and _written_in(module.__name__, v)]
            raise unknown(f"name in {path_text}", attribute, public)
        value = getattr(module, attribute)
        if _module_of(value).startswith(f"{edition.package}.") or _is_an_object(value):
            _named[id(value)] = value, edition.plugins[path]
    return value


def sources(value: Any, installed: bool = False) -> Texts:
    """The user's files behind `value`, a class, a function or an object. First its own file, then all of the user's
    that are imported, directly or not, ordered by their modules' names.

    They are as they were when they were loaded, or first seen. A class that is from no file, such as a notebook's cell,
    has its own text, under an empty path. Empty for a value of esbench, Python or an installed package. installed: of
    the latter, give the file that `value` is from.
    """
    if id(value) in _named:
        return _named[id(value)][1].texts
    if not _has_a_module(value):
        return sources(type(value), installed)
    package, _, name = _module_of(value).partition(".")
    if (edition := _packages.get(package)) is not None:
        return edition.sources(name)
    file = getattr(sys.modules.get(_module_of(value)), "__file__", None)
    if file is None:
        return _own_text(value)
    start = Path(file).resolve()
    if _is_the_users(start):
        return _read(None, _module_of(value), start)
    return {start: start.read_bytes()} if installed and _is_text(start) else {}


@dataclass
class _Plugin:
    """A file that objects are loaded from. name: of its module. static: it and what its text and theirs import;
    dynamic: what of its folder was imported by other means while it ran."""

    name: str
    static: Texts
    dynamic: Texts = field(default_factory=dict)

    @property
    def texts(self) -> Texts:
        return {**self.static, **self.dynamic}


class _Edition:
    """The files of a folder as they were at one time."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.package = f"esbench_plugin_{next(_numbers)}"
        self.plugins: dict[Path, _Plugin] = {}
        self.mains: dict[str, Path] = {}
        module = ModuleType(self.package)
        module.__path__ = []  # what is in it is found by `_Finder` alone
        sys.modules[self.package] = module
        _packages[self.package] = self

    def is_current(self) -> bool:
        """Whether every file that was read for it is as it was."""
        return all(
            path.is_file()
            and _read(self.folder, plugin.name, path) == plugin.static
            and all(file.is_file() and file.read_bytes() == text for file, text in plugin.dynamic.items())
            for path, plugin in self.plugins.items()
        )

    def load(self, path: Path, path_text: str) -> ModuleType:
        """The module of a plug-in's file. InputError, naming it as the user does, where it cannot be loaded."""
        if path not in self.plugins:
            name = path.stem.replace(".", "%2e")
            self.plugins[path], self.mains[name] = _Plugin(name, _read(self.folder, name, path)), path
        plugin = self.plugins[path]
        for file, text in plugin.static.items():
            if file.read_bytes() != text:  # none of this folder, whose edition is current
                raise InputError(
                    f"{file}, which {path_text} imports, has changed since this process imported it: start another"
                )
        before = set(sys.modules)
        try:
            with pinned(), _on_path(str(self.folder)):
                return importlib.import_module(f"{self.package}.{plugin.name}")
        except (Exception, SystemExit) as error:
            said = str(error).replace(f"{self.package}.", "")
            raise InputError(f"{path_text} cannot be loaded: {type(error).__name__}: {said}") from error
        finally:
            plugin.dynamic |= self._taken(set(sys.modules) - before)

    def _taken(self, names: set[str]) -> Texts:
        """The files of this folder among the modules of these names, which are free again: another folder's plug-in
        must not get them."""
        texts: Texts = {}
        for name in sorted(names):
            file = getattr(sys.modules[name], "__file__", None)
            found = None if file is None or name.partition(".")[0] == _HOME else Path(file).resolve()
            if found is not None and found == _locate([self.folder], name):
                texts[found] = found.read_bytes()
                del sys.modules[name]
        return texts

    def text(self, path: Path) -> bytes:
        """What was read of a file; what is there now, for one that no text imports."""
        read = (plugin.static[path] for plugin in self.plugins.values() if path in plugin.static)
        return next(read, None) or path.read_bytes()

    def sources(self, name: str) -> Texts:
        """What was read for the module `name` of this folder."""
        start = self.mains.get(name) or _locate([self.folder], name)
        return {} if start is None else _read(self.folder, name, start, self.text)

    def imported(self, name: str, globals=None, locals=None, fromlist: Sequence[str] = (), level: int = 0) -> Any:
        """`__import__` of the modules of this folder."""
        top = name.partition(".")[0]
        if level or not (f"{self.package}.{top}" in sys.modules or _is_from(self.folder, top)):
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist)
        return module if fromlist else sys.modules[f"{self.package}.{top}"]


_lock = threading.RLock()
_numbers = itertools.count()
_current: dict[Path, _Edition] = {}
_packages: dict[str, _Edition] = {}
_named: dict[int, tuple[Any, _Plugin]] = {}  # an object's number is its own for as long as it is held
_first_seen: dict[Path, tuple[ModuleSpec | None, bytes]] = {}


def _edition(path: Path) -> _Edition:
    """The folder's edition that is current."""
    folder = path.parent
    if folder not in _current or not _current[folder].is_current():
        _current[folder] = _Edition(folder)
    return _current[folder]


class _Finder:
    """Finds the modules of the folders' packages."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        edition = _packages.get(package)
        if edition is None:
            return None
        file = edition.mains.get(name) or _locate([edition.folder], name)
        if file is None:
            return None
        if file.is_dir():
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(file)]
            return spec
        return importlib.util.spec_from_file_location(fullname, file, loader=_Loader(fullname, str(file), edition))


sys.meta_path.insert(0, _Finder)


class _Loader(SourceFileLoader):
    """Runs the text that was read: never bytecode, which an edit within the same second would leave as it was."""

    def __init__(self, fullname: str, path: str, edition: _Edition):
        super().__init__(fullname, path)
        self._edition = edition

    def path_stats(self, path: Any) -> Any:
        raise OSError

    def get_data(self, path: Any) -> bytes:
        return self._edition.text(Path(path))

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._edition.imported}
        super().exec_module(module)


@contextmanager
def _on_path(folder: str) -> Generator[None]:
    """For what is imported by other means than a statement; last, so that it hides nothing from the others."""
    if folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _read(folder: Path | None, name: str, start: Path, text: Callable[[Path], bytes] = Path.read_bytes) -> Texts:
    """`start` and all of the user's files that it imports, directly or not, anywhere in the text.

    folder: of the plug-in, None for a module that was imported as any other. name: of its module, in the folder. text:
    of a file in it.
    """
    found = {start: (name, folder is not None)}
    texts: Texts = {}
    while left := [file for file in found if file not in texts]:
        for file in left:
            name, inside = found[file]
            texts[file] = text(file) if inside else _as_imported(name, file)
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            for imported in _imports(texts[file], package):
                own = folder if inside and folder is not None and _is_from(folder, imported.partition(".")[0]) else None
                at = _ordinary(imported) if own is None else _locate([own], imported)
                if at is not None and at.is_file():
                    found.setdefault(at, (imported, own is not None))
    others = sorted(set(texts) - {start}, key=lambda file: found[file])
    return {file: texts[file] for file in (start, *others)}


@functools.cache
def _imports(text: bytes, package: str) -> tuple[str, ...]:
    """The modules that a text imports, and what may be one: `from a import b` is a and a.b. Each once."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # running it reports the error
        return ()
    return tuple(dict.fromkeys(name for node in ast.walk(tree) for name in _imported_by(node, package)))


def _imported_by(node: ast.AST, package: str) -> Iterator[str]:
    named = []
    if isinstance(node, ast.Import):
        named = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".") if package else []
        if node.level > len(parents) + 1:
            return
        above = parents[: len(parents) - node.level + 1] if node.level else []
        base = [*above, *(node.module or "").split(".")]
        named = [".".join(part for part in [*base, alias.name] if part) for alias in node.names]
    for name in named:
        parts = name.split(".")
        yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _locate(roots: Sequence[str | Path], name: str) -> Path | None:
    """The file of a module below the first root that has one, the directory of a package without `__init__.py`."""
    bases = [Path(root, *name.split(".")) for root in roots]
    for base in bases:
        for file in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if file.is_file():
                return file.resolve()
    return next((base.resolve() for base in bases if base.is_dir()), None)


def _is_from(folder: Path, top: str) -> bool:
    """Whether a plug-in of `folder` that imports the module `top` means one of its folder, as a script would."""
    at = _locate([folder], top)
    if at is None or top == _HOME or BuiltinImporter.find_spec(top) or FrozenImporter.find_spec(top):
        return False
    module = sys.modules.get(top)
    if at.is_dir():
        spec = importlib.util.find_spec(top) if module is None else getattr(module, "__spec__", None)
        return spec is None or spec.origin is None  # a package with a file goes before one without, in any folder
    file = getattr(module, "__file__", None)
    return file is None or Path(file).resolve() != at  # one that the process has already is not loaded twice


def _ordinary(name: str) -> Path | None:
    """The user's file that `import name` gives outside a plug-in; None for other files."""
    top = name.partition(".")[0]
    if top == _HOME or top in sys.stdlib_module_names:
        return None
    if (module := sys.modules.get(name)) is not None:
        file = getattr(module, "__file__", None)
        found = None if file is None else Path(file).resolve()
    else:
        found = _locate(sys.path, name)
    return found if found is not None and _is_the_users(found) else None


def _is_the_users(file: Path) -> bool:
    """Whether a file is text of the user's: not esbench's, Python's or an installed package's."""
    return _is_text(file) and not _INSTALLED & set(file.parts)


def _is_text(file: Path) -> bool:
    """Whether a file is Python source outside esbench and the standard library."""
    if file.suffix != ".py" or file.is_relative_to(_HOME_FOLDER):
        return False
    return bool(_INSTALLED & set(file.parts)) or not file.is_relative_to(_STANDARD_LIBRARY)


_INSTALLED = {"site-packages", "dist-packages"}  # folders that mostly lie in that of the standard library
_HOME_FOLDER = Path(__file__).resolve().parent
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()


def _as_imported(name: str, file: Path) -> bytes:
    """A file's content when its module was first seen, or was reloaded: an edit does not change what is imported."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    before, text = _first_seen.get(file, (None, None))
    if text is None or (before is not None and before is not spec):
        text = file.read_bytes()
    _first_seen[file] = spec, text
    return text


def _own_text(value: Any) -> Texts:
    try:
        return {Path(): inspect.getsource(value).encode()}
    except (OSError, TypeError):
        return {}


def _has_a_module(value: Any) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value)


def _module_of(value: Any) -> str:
    """The name of the module that a class or function is from; empty for others."""
    return getattr(value, "__module__", None) or "" if _has_a_module(value) else ""


def _is_an_object(value: Any) -> bool:
    """Whether a value is one of its kind, not a number or a text that is the same one everywhere."""
    return not _has_a_module(value) and type(value).__module__ != "builtins"


def _written_in(module: str, value: Any) -> bool:
    """Whether a module's `value` is defined in it, and not imported. Of values other than classes and functions, only
    modules are recognised as imported."""
    if _has_a_module(value):
        return value.__module__ == module
    return not inspect.ismodule(value)


def unnamed(kind: str, file: str, classes_only: bool = False) -> InputError:
    """The error for a file given without `:NAME`, with what it defines; the file is only parsed."""
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
