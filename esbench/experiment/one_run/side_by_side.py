"""Runs side by side in the slots of one program: a step of each, or the rows that are due.

What goes wrong with one of them is its own: the others go on.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from esbench.counts import total
from esbench.experiment.one_run.training import Training
from esbench.tasks.suites.gymnasium.adapter import faults

Failures = dict[Training, Exception]
_Program = Callable[[Sequence[Training], np.ndarray], Sequence[tuple[Any, Any]]]


def step(trainings: Sequence[Training]) -> Failures:
    """One step of each run, by one program, whose seconds are shared out by useful steps. Those that failed stay where
    they were."""
    program = trainings[0].prepared.step
    results, failures, seconds = _run(trainings, lambda all_, active: program(_states(all_), active))
    found = {training: (state, jax.device_get(metrics)) for training, (state, metrics) in results.items()}
    useful = {training: max(total(metrics.useful_steps), 0) for training, (_, metrics) in found.items()}
    everything = sum(useful.values())
    for training, (state, metrics) in found.items():
        training.clocks.train += seconds * (useful[training] / everything if everything else 1 / len(found))
        attempt(failures, training, training.stepped, state, metrics)
    return failures


def write_rows(trainings: Sequence[Training]) -> Failures:
    """Writes the row that is due in each run, evaluated by one program, whose seconds are shared out evenly; those that
    failed."""
    program = trainings[0].prepared.evaluate

    def evaluate(all_: Sequence[Training], active: np.ndarray) -> Any:
        return program(_states(all_), jnp.stack([training.due_key for training in all_]), active)

    results, failures, seconds = _run(trainings, evaluate)
    for training, (deployed, scores) in results.items():
        training.clocks.evaluate += seconds / len(results)
        attempt(failures, training, training.evaluated, deployed, scores)
    return failures


def raise_first(failures: Mapping[Any, Exception]) -> None:
    """For a run alone: its failure is the caller's."""
    for error in failures.values():
        raise error


def _states(trainings: Sequence[Training]) -> tuple[Any, ...]:
    return tuple(training.state for training in trainings)


def _run(trainings: Sequence[Training], program: _Program) -> tuple[dict[Training, tuple[Any, Any]], Failures, float]:
    """What the program gives each run, the error of each that it gives nothing, and its seconds.

    Where the program as a whole fails, each run is tried alone, to know whose fault it is.
    """
    slots = trainings[0].prepared.together
    filled = [*trainings, *[trainings[0]] * (slots - len(trainings))]
    start = time.perf_counter()
    try:
        with faults():
            results = jax.block_until_ready(program(filled, np.arange(slots) < len(trainings)))
        return dict(zip(trainings, results, strict=False)), {}, time.perf_counter() - start
    except Exception as error:
        if len(trainings) == 1:
            return {}, {trainings[0]: error}, time.perf_counter() - start
    results, failures = {}, {}
    for training in trainings:
        found, failed, _ = _run([training], program)
        results |= found
        failures |= failed
    return results, failures, time.perf_counter() - start


def attempt(failures: dict[Any, Exception], owner: Any, call: Callable[..., None], *arguments: Any) -> None:
    """Calls; what it raises becomes the owner's failure, and nobody else's."""
    try:
        call(*arguments)
    except Exception as error:
        failures[owner] = error
