"""How often the nominal 95 % intervals contain the truth, simulated for few seeds and scores that are not normal.

    python baselines/studies/coverage.py

writes `coverage.csv` beside the report's table of it. The scores of a run are drawn for 16 tasks, and for 3, from laws
with known means: normal of unlike spread; skewed (log-normal, cut at 1); bounded (beta, from U-shaped to leaning
against 1); solved or not (1 with the task's own chance, else little); and, for 16, a mixture of the four.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from esbench.report.tables.coverage import FILE
from esbench.statistics.aggregates import AGGREGATES, Scores, aggregate, probability_of_improvement
from esbench.statistics.intervals import student_t_interval

TASKS = (3, 16)
SEEDS = (3, 5, 7, 10)
SIMULATIONS = 2000
REPETITIONS = 500
_POPULATION = 100_000
_QUANTITIES = {"mean": "ranking score", "iqm": "IQM"}
_IMPROVEMENT = "probability of improvement"

Law = Callable[[np.random.Generator, int, float], np.ndarray]
"""(generator, seeds, position of the task in [0, 1]) -> scores (seeds,)."""


def normal(generator: np.random.Generator, seeds: int, task: float) -> np.ndarray:
    return generator.normal(0.2 + 0.6 * task, 0.02 + 0.08 * task, seeds)


def skewed(generator: np.random.Generator, seeds: int, task: float) -> np.ndarray:
    return (0.05 + 0.5 * task) * generator.lognormal(-0.3, 0.8, seeds)


def bounded(generator: np.random.Generator, seeds: int, task: float) -> np.ndarray:
    return generator.beta(0.3 + 1.5 * task, 0.5, seeds)


def solved_or_not(generator: np.random.Generator, seeds: int, task: float) -> np.ndarray:
    solved = generator.random(seeds) < 0.3 + 0.6 * task
    return np.where(solved, 1.0, 0.1 + 0.05 * generator.random(seeds))


def mixed(generator: np.random.Generator, seeds: int, task: float) -> np.ndarray:
    laws = (normal, skewed, bounded, solved_or_not)
    return laws[round(task * (max(TASKS) - 1)) % len(laws)](generator, seeds, task)


LAWS: dict[str, Law] = {
    "normal": normal,
    "skewed": skewed,
    "bounded": bounded,
    "solved or not": solved_or_not,
    "mixed": mixed,
}


def draw(law: Law, generator: np.random.Generator, tasks: int, seeds: int) -> list[np.ndarray]:
    """Scores of all tasks, each (seeds,), clipped to [0, 1]."""
    return [np.clip(law(generator, seeds, task / (tasks - 1)), 0.0, 1.0) for task in range(tasks)]


def simulate(
    law: str, tasks: int, seeds: int, simulations: int = SIMULATIONS, repetitions: int = REPETITIONS
) -> dict[str, float]:
    """Per quantity the share of `simulations` whose interval contains the truth; the same on every call.

    "cell" is Student's t of one task, over all tasks together. The truth of a cell and of the aggregates is that of
    a population of 100 000 runs a task; two algorithms of the same law improve on each other with probability 1/2.
    """
    generator = np.random.default_rng([list(LAWS).index(law), tasks, seeds])
    population = draw(LAWS[law], generator, tasks, _POPULATION)
    means = [values.mean() for values in population]
    truths = {name: float(_of_population(population, name)) for name in _QUANTITIES}
    hits = dict.fromkeys(["cell", *_QUANTITIES.values(), _IMPROVEMENT], 0.0)
    for _ in range(simulations):
        scores, others = (draw(LAWS[law], generator, tasks, seeds) for _ in range(2))
        intervals = [student_t_interval(values) or (np.nan, np.nan) for values in scores]
        hits["cell"] += np.mean([low <= mean <= high for (low, high), mean in zip(intervals, means, strict=True)])
        estimates = aggregate(scores, generator, repetitions)
        for name, quantity in _QUANTITIES.items():
            hits[quantity] += estimates[name].low <= truths[name] <= estimates[name].high
        improvement = probability_of_improvement(scores, others, generator, repetitions)
        hits[_IMPROVEMENT] += improvement.low <= 0.5 <= improvement.high
    return {quantity: float(count / simulations) for quantity, count in hits.items()}


def _of_population(population: Scores, name: str) -> np.ndarray:
    return AGGREGATES[name](population, [np.ones((1, len(values))) for values in population])[0]


def study() -> pd.DataFrame:
    """All laws, numbers of tasks and of seeds: columns quantity, scores, tasks, n, coverage, simulations.

    A cell is one task: its rows, with tasks = 1, are from the simulations of 16.
    """
    rows = [
        (quantity, law, 1 if quantity == "cell" else tasks, seeds, round(coverage, 4), SIMULATIONS)
        for law in LAWS
        for tasks in TASKS
        if law != "mixed" or tasks == max(TASKS)
        for seeds in SEEDS
        for quantity, coverage in simulate(law, tasks, seeds).items()
        if quantity != "cell" or tasks == max(TASKS)
    ]
    table = pd.DataFrame(rows, columns=["quantity", "scores", "tasks", "n", "coverage", "simulations"])
    return table.sort_values(["quantity", "scores", "tasks", "n"], kind="stable", ignore_index=True)


def main() -> None:
    study().to_csv(FILE, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
