"""The table of scores: one row per tier, task and algorithm, numbers over seeds."""

import pandas as pd

from esbench.report.grouping import algorithm_order, tier_order
from esbench.report.statistics.intervals import student_t_interval

INTERVAL_LEVEL = 0.95


def score_table(results: pd.DataFrame) -> pd.DataFrame:
    """Summarises the score rows of `results` (as `load_results` gives them) over seeds.

    Columns: tier, task, algorithm, action_mode, n (seeds), budget, return_mean, return_low and return_high (Student-t
    95% interval; missing for one seed), useful_steps, overshoot (how far the run went past its budget, as a fraction
    of it), train_seconds, compile_seconds: means over seeds. An algorithm that has no score on a task, while it has
    one on another of that tier or unfinished runs, is a row with n = 0 and nothing else.
    """
    scores = results[results["final"]].set_index(["tier", "task", "algorithm"]).sort_index(kind="stable")
    steps_in_all = results.groupby("run")["useful_steps"].max()
    rows = []
    for tier in tier_order(results["tier"]):
        of_tier = results[results["tier"] == tier]
        for task in sorted(of_tier["task"].unique(), key=str.lower):
            for algorithm in algorithm_order(of_tier["algorithm"]):
                row: dict[str, object] = {"tier": tier, "task": task, "algorithm": algorithm, "n": 0}
                if (tier, task, algorithm) in scores.index:
                    row |= _summary(scores.loc[[(tier, task, algorithm)]], steps_in_all)
                rows.append(row)
    return pd.DataFrame(rows, columns=_COLUMNS).astype(_TYPES)


_COLUMNS = [
    *("tier", "task", "algorithm", "action_mode", "n", "budget", "return_mean", "return_low", "return_high"),
    *("useful_steps", "overshoot", "train_seconds", "compile_seconds"),
]
_TYPES = {"n": int, "budget": "Int64"} | dict.fromkeys(_COLUMNS[_COLUMNS.index("return_mean") :], float)


def _summary(scores: pd.DataFrame, steps_in_all: pd.Series) -> dict[str, object]:
    """The numbers of one algorithm on one task, from its score rows, one a seed."""
    low, high = student_t_interval(scores["return_mean"].tolist(), INTERVAL_LEVEL) or (None, None)
    budget = int(scores["budget"].iloc[0])
    return {
        "action_mode": scores["action_mode"].iloc[0],
        "n": len(scores),
        "budget": budget,
        "return_mean": scores["return_mean"].mean(),
        "return_low": low,
        "return_high": high,
        "useful_steps": scores["useful_steps"].mean(),
        "overshoot": steps_in_all[scores["run"]].mean() / budget - 1,
        "train_seconds": scores["train_seconds"].mean(),
        "compile_seconds": scores["compile_seconds"].mean(),
    }


def to_csv(table: pd.DataFrame) -> str:
    """The table with all digits; missing numbers are empty."""
    return table.to_csv(index=False, lineterminator="\n")


def to_markdown(table: pd.DataFrame) -> str:
    """The table rounded for reading, its columns padded so that it also reads well in a terminal."""
    header = [
        *("Tier", "Task", "Algorithm", "Acts", "Return", "95% interval", "Seeds"),
        *("Budget", "Useful steps", "Overshoot", "Train s", "Compile s"),
    ]
    lines = [header, *(_cells(row) for row in table.to_dict("records"))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    text_columns = 4
    rule = ["-" * width if i < text_columns else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    lines.insert(1, rule)
    return "".join(
        "| "
        + " | ".join(
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |\n"
        for line in lines
    )


def _cells(row: dict) -> list[str]:
    name = [row["tier"], row["task"], row["algorithm"]]
    if row["n"] == 0:
        return [*name, "", "missing", "", "0", "", "", "", "", ""]
    decimals = _decimals(row["return_mean"])
    interval = f"[{row['return_low']:.{decimals}f}, {row['return_high']:.{decimals}f}]"
    return [
        *name,
        row["action_mode"],
        f"{row['return_mean']:.{decimals}f}",
        interval if row["n"] > 1 else "none: one seed",
        str(row["n"]),
        f"{row['budget']:,}",
        f"{row['useful_steps']:,.0f}",
        f"{row['overshoot']:.1%}",
        f"{row['train_seconds']:.1f}",
        f"{row['compile_seconds']:.1f}",
    ]


def _decimals(value: float) -> int:
    """Decimals that leave about four significant digits of a return."""
    size = abs(value)
    return 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
