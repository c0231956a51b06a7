"""What fewer trials would have found: the expected best of k trials, for every k."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from esbench.report.style import appearance, drawing, legend_above, legend_line
from esbench.tuning.halving import Result

_COLUMNS = 4


def expected_best(values: Sequence[float]) -> np.ndarray:
    """The expected maximum of k of the n `values`, drawn without replacement, for k = 1 to n: float64 (n,).

    The i-th smallest value is the maximum of C(i - 1, k - 1) of the C(n, k) subsets of size k. `fsum` rounds once, so
    the sum is the same on every processor.
    """
    ordered, n = np.sort(np.asarray(values, np.float64)).tolist(), len(values)
    subsets = [math.comb(n, k) for k in range(1, n + 1)]
    return np.asarray(
        [math.fsum(math.comb(i, k) / of * value for i, value in enumerate(ordered)) for k, of in enumerate(subsets)]
    )


def curves(first_rungs: Iterable[Sequence[Result]]) -> pd.DataFrame:
    """The curves of first rungs, each all trials of one algorithm on one task. Columns: task, algorithm, k, quantity
    ("score", or the measure on a task without scores) and expected_best, of a measure that less is better of the
    expected least."""
    frames = []
    for results in first_rungs:
        best = expected_best(finite_values(results))
        scored = any(result.score is not None for result in results)
        measure = results[0].measure
        frames.append(
            pd.DataFrame(
                {
                    "task": results[0].task,
                    "algorithm": results[0].algorithm,
                    "k": np.arange(1, len(best) + 1),
                    "quantity": "score" if scored else measure.title,
                    "expected_best": best if scored else measure.sign * best,
                }
            )
        )
    return pd.concat(frames) if frames else pd.DataFrame()


def finite_values(results: Sequence[Result]) -> list[float]:
    """The results' values; a failed one has the worst of the others, and with scores no more than the random
    policy's, 0. NaN where there is nothing to go by."""
    known = [result.value for result in results if result.error is None]
    zero = [0.0] if any(result.score is not None for result in results) else []
    worst = min([*known, *zero], default=math.nan)
    return [result.value if result.error is None else worst for result in results]


def draw(table: pd.DataFrame) -> Figure:
    """A panel per task, a line per algorithm."""
    tasks = list(dict.fromkeys(table["task"]))
    looks = appearance(table["algorithm"].unique())
    columns = min(len(tasks), _COLUMNS)
    rows = math.ceil(len(tasks) / columns)
    with drawing():
        figure = Figure(figsize=(max(4.0, 3.0 * columns), 2.2 * rows + 0.5), layout="constrained")
        panels = iter(figure.subplots(rows, columns, squeeze=False).flat)
        for task, axes in zip(tasks, panels, strict=False):
            of_task = table[table["task"] == task]
            for name, line in of_task.groupby("algorithm", sort=False):
                axes.plot(line["k"], line["expected_best"], **looks[str(name)].line)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_title(task)
            axes.set(xlabel="trials k", ylabel=f"expected best {of_task['quantity'].iloc[0]}")
            axes.grid(True)
        for axes in panels:  # those that are left over
            axes.set_visible(False)
        drawn = [legend_line(name, look) for name, look in looks.items() if name in set(table["algorithm"])]
        legend_above(figure, drawn)
    return figure
