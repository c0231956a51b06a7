"""The tables of a report, one file each, which register themselves: a new file is a new table."""

from esbench.report.registry import TABLES, RegisteredTable, collect

ORDER = (
    *("overview", "scores", "aggregates", "anchors", "pairs", "tasks", "non_inferiority", "equal_seconds", "targets"),
    *("speed", "cost", "coverage", "runs"),
)
"""How they follow each other in a report; others come last."""


def all_tables() -> list[RegisteredTable]:
    return collect(__name__, __path__, TABLES, ORDER)
