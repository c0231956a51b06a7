"""`esbench new`.

examples:
  esbench new strategy my_strategy       writes my_strategy.py (class MyStrategy) and test_my_strategy.py here
"""

from pathlib import Path
from typing import Annotated

from esbench.cli.values import option
from esbench.errors import unknown


def new(
    kind: Annotated[str, option("strategy: an evolution strategy of your own", name="strategy")],
    name: Annotated[str, option("of the file, in snake case; the class is named after it")],
    /,
) -> int:
    """Writes two files here."""
    from esbench.scaffold import new_strategy

    if kind != "strategy":
        raise unknown("kind of file", kind, ["strategy"])
    path, test, class_name = new_strategy(name, Path())
    print(f"wrote {path} and {test}; to try them:")
    print(f"  python -m pytest {test}")
    print(f"  esbench run --task CartPole-v1 --algorithm {path}:{class_name}")
    return 0
