"""The figures of a report, one file each, which register themselves: a new file is a new figure.

All that they show can be distinguished without colours, too.
"""

from esbench.report.registry import FIGURES, RegisteredFigure, collect

ORDER = ("scores", "curves", "reading", "aggregates", "profile", "improvement", "runtimes", "wins")
"""How they follow each other in a report; others come last."""


def all_figures() -> list[RegisteredFigure]:
    return collect(__name__, __path__, FIGURES, ORDER)
