"""Runs of problems that are no environments, drawn from simple laws: a classifier's accuracy, a text's bits a byte."""

import dataclasses

import numpy as np

from esbench.results.records import Row
from esbench.tasks.spec import Anchor, Measure, TaskSpec
from esbench.tasks.tiers import Budgets

DIGITS = TaskSpec(
    id="Digits-v0",
    suite="user",
    source_id="digits.py:Digits",
    budgets=Budgets(lite=2000),
    random=Anchor(0.1, "rules: one of ten digits"),
    reference=Anchor(1.0, "rules: all right"),
    track="user",
    measure=Measure("accuracy", "example", lowest=0.0, highest=1.0),
    cost="examples",
)
TEXT = TaskSpec(
    id="Text-v0",
    suite="user",
    source_id="text.py:Text",
    budgets=Budgets(lite=1000),
    random=Anchor(8.0, "rules: every byte alike"),
    reference=Anchor(1.0, "frozen: about what is known"),
    track="text",
    measure=Measure("loss", "document", higher_is_better=False, unit="bits/byte", lowest=0.0),
    cost="training tokens",
)


def without_anchors(spec: TaskSpec) -> TaskSpec:
    return dataclasses.replace(spec, random=None, heuristic=None, reference=None)


def rows_of(make_row, spec: TaskSpec, values, seconds: float = 8.0, std: float = 0.01) -> list[Row]:
    """A run of the lite budget that was evaluated at these values, at equal distances; the last one is its score."""
    budget, last = spec.budgets.lite, len(values) - 1
    return [
        make_row(
            generation=number,
            useful_steps=budget * number // last,
            computed_steps=budget * number // last,
            sequential_steps=number,
            train_seconds=seconds * number / last,
            evaluate_seconds=0.1 * number,
            final=number == last,
        ).model_copy(
            update={"measure": spec.measure.name, "scores": {spec.measure.name: float(value), "other": 1.0}, "std": std}
        )
        for number, value in enumerate(values)
    ]


def add_runs(out, add_run, make_row, spec: TaskSpec, ends: dict[str, float], seeds: int = 3, **changes) -> None:
    """Per algorithm finished runs that go from the random anchor, or 1, to about their end."""
    generator = np.random.default_rng(0)
    start = spec.random.value if spec.random else 1.0
    for place, (name, end) in enumerate(ends.items()):
        for seed in range(seeds):
            last = end + 0.02 * (start - end) * generator.random()
            values = start + (last - start) * (1 - np.exp(-np.arange(6.0))) / (1 - np.exp(-5.0))
            rows = rows_of(make_row, spec, values, seconds=8.0 * (1 + place))
            add_run(out, *rows, task=spec.to_json(), name=name, seed=seed, budget=spec.budgets.lite, **changes)
