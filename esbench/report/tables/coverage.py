"""How far the intervals of the other tables can be trusted: the committed simulation."""

from esbench.report.statistics.coverage import TASKS, measured
from esbench.report.table import Shown, Table, words


def coverage_table() -> Table:
    """One row per quantity: the lowest and highest coverage over the simulated laws, per number of seeds."""
    study = measured()
    seeds = sorted(study["n"].unique())
    rows = []
    for quantity, of_quantity in study.groupby("quantity"):
        cells = [of_quantity.loc[of_quantity["n"] == n, "coverage"] for n in seeds]
        shown = [Shown(f"{values.min():.1%} to {values.max():.1%}", float(values.min())) for values in cells]
        rows.append([*words(str(quantity)), *shown])
    notes = [
        f"Simulated: how often a nominal 95% interval holds the truth, {study['simulations'].iloc[0]:,} times {TASKS} "
        f"tasks; lowest and highest over scores that are {', '.join(sorted(study['scores'].unique()))}.",
        "cell: Student's t of one algorithm on one task; the others: the widened bootstrap over all tasks; probability "
        "of improvement: of two algorithms of one law. A cell's interval is too narrow for few seeds whose scores are "
        "far from normal.",
    ]
    columns = ("Interval of", *(f"{n} seeds" for n in seeds))
    return Table("coverage", "Coverage of the intervals", columns, 1, rows, study, notes)
