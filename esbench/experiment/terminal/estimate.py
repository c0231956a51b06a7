"""How long runs take on two CPU cores, before there are any.

`two_cores.csv` is measured, on every task with the baselines of the board lite-v1: two cores of an AMD EPYC, at most
two runs at a time. A setting with other populations or more passes over its data takes other seconds.
"""

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esbench.experiment.many_runs.jobs import Job, status
from esbench.experiment.terminal.progress import duration

FILE = Path(__file__).with_name("two_cores.csv")


@dataclass(frozen=True)
class Measured:
    """Of one algorithm on one task. steps_per_second: useful steps of training. evaluate_seconds: of a run, all its
    evaluations. compile_seconds: once for all runs of a process."""

    steps_per_second: float
    evaluate_seconds: float
    compile_seconds: float

    def seconds(self, budget: int, runs: int, compilations: int = 1) -> float:
        """Of so many runs, one after the other."""
        each = budget / self.steps_per_second + self.evaluate_seconds
        return runs * each + compilations * self.compile_seconds


@functools.cache
def measured() -> dict[tuple[str, str], Measured]:
    """All that was measured, by task and algorithm."""
    with FILE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {
        (row["task"], row["algorithm"]): Measured(
            *(float(row[name]) for name in ("steps_per_second", "evaluate_seconds", "compile_seconds"))
        )
        for row in rows
    }


def plan(jobs: Sequence[Job]) -> list[tuple[str, ...]]:
    """What is left of a sweep, under a heading: a line for each task and algorithm, and one for all. A dash: an
    algorithm or a task that was not measured, which the sum leaves out."""
    left: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        if status(job) != "finished":
            left.setdefault((job.config.task.spec.id, job.config.name), []).append(job)
    lines = [("task", "algorithm", "runs", "budget", "estimate")]
    total = 0.0
    for (task, name), own in left.items():
        config = own[0].config
        found = measured().get((task, config.algorithm_name))
        seconds = None if found is None else found.seconds(config.budget, len(own))
        total += seconds or 0.0
        shown = "-" if seconds is None else duration(seconds)
        lines.append((task, name, str(len(own)), f"{config.budget:,}", shown))
    return [*lines, ("all", "", str(sum(map(len, left.values()))), "", duration(total))]
