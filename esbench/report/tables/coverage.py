"""How far the intervals of the other tables can be trusted: the committed simulation."""

from esbench.report.digits import written
from esbench.report.table import Shown, Table, words
from esbench.statistics.coverage import measured


def coverage_table() -> Table:
    """One row per quantity and number of tasks: the lowest and highest coverage over the laws, per number of seeds."""
    study = measured()
    seeds = sorted(study["n"].unique())
    rows = []
    for tasks, quantity in sorted(set(zip(study["tasks"], study["quantity"], strict=True))):
        own = study[(study["tasks"] == tasks) & (study["quantity"] == quantity)]
        cells = [own.loc[own["n"] == n, "coverage"] for n in seeds]
        ends = [(float(values.min()), float(values.max())) for values in cells]
        shown = [Shown(f"{written(low, '.1%')} to {written(high, '.1%')}", low) for low, high in ends]
        rows.append([*words(str(quantity)), Shown(str(tasks), tasks), *shown])
    notes = [
        f"Simulated: how often a nominal 95% interval holds the truth, in {study['simulations'].iloc[0]:,} "
        f"simulations; lowest and highest over scores that are {', '.join(sorted(study['scores'].unique()))}.",
        "cell: Student's t of one algorithm on one task; the others: the widened bootstrap over all tasks; probability "
        "of improvement: of two algorithms of one law. A cell's interval is too narrow for few seeds whose scores are "
        "far from normal; over few tasks, one that nearly every seed solves does the same to an aggregate's.",
    ]
    columns = ("Interval of", "Tasks", *(f"{n} seeds" for n in seeds))
    return Table("coverage", "Coverage of the intervals", columns, 1, rows, study, notes)
