"""How far the intervals of the other tables can be trusted. `baselines/studies/coverage.py` simulated it, and wrote
`coverage.csv` next to this file."""

from pathlib import Path

import pandas as pd

from esbench.report import registry
from esbench.report.digits import written
from esbench.report.section import Section
from esbench.report.table import Column, Table, number, words
from esbench.report.table_cell import Shown

FILE = Path(__file__).with_name("coverage.csv")


def measured() -> pd.DataFrame:
    """The committed study: columns quantity, scores, tasks, n, coverage, simulations."""
    return pd.read_csv(FILE)


@registry.table("coverage", once=True)
def coverage_table(_: Section) -> Table:
    """One row per quantity and number of tasks: the lowest and highest coverage over the laws, per number of seeds."""
    study = measured()
    over_laws = study.groupby(["tasks", "quantity", "n"])["coverage"]
    data = pd.concat({"low": over_laws.min().unstack(), "high": over_laws.max().unstack()}, axis=1)
    data.columns = [f"{end}_{n}" for end, n in data.columns]

    def seeds(n: int) -> Column:
        ends = ("low", "high")
        return Column(
            f"{n} seeds",
            lambda row: Shown(" to ".join(written(row[f"{end}_{n}"], ".1%") for end in ends), row[f"low_{n}"]),
        )

    layout = [words("Interval of", "quantity"), number("Tasks", "tasks"), *map(seeds, sorted(study["n"].unique()))]
    notes = [
        f"How often a nominal 95% interval holds the truth, in {study['simulations'].iloc[0]:,} simulations each.",
        f"Shown: the lowest and the highest over scores that are {', '.join(sorted(study['scores'].unique()))}.",
        "cell: Student's t of one algorithm on one task. The others: the widened bootstrap over all tasks. Probability "
        "of improvement: of two algorithms of one law.",
        "A cell's interval is too narrow for few seeds whose scores are far from normal.",
        "An aggregate's is too narrow for few tasks, one of which nearly every seed solves.",
    ]
    return Table(
        "Coverage of the intervals",
        data.reset_index(),
        layout,
        notes,
        asks="How far can the intervals be trusted?",
        numbers=study,
    )
