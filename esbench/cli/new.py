"""`esbench new`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from esbench.errors import unknown

_EXAMPLES = """\
examples:
  esbench new strategy my_strategy       writes my_strategy.py (class MyStrategy) and test_my_strategy.py here
"""
app = App(name="new", help_epilogue=_EXAMPLES, version_flags=())


@app.default
def new(kind: Annotated[str, Parameter(name="strategy")], name: str, /) -> int:
    """A file to start from.

    Args:
        kind: strategy: an evolution strategy of your own
        name: of the file, in snake case; the class is named after it
    """
    from esbench.scaffold import new_strategy

    if kind != "strategy":
        raise unknown("kind of file", kind, ["strategy"])
    path, test, class_name = new_strategy(name, Path())
    print(f"wrote {path} and {test}; to try them:")
    print(f"  python -m pytest {test}")
    print(f"  esbench run --task CartPole-v1 --algorithm {path}:{class_name}")
    return 0
