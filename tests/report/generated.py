"""Runs of all 16 tasks as a sweep would leave them, drawn from simple laws: for tests of a whole report."""

from pathlib import Path

import numpy as np

from esbench.results.run_directory import ROWS_FILE, run_path
from esbench.tasks.catalogue import CATALOGUE

ALGORITHMS = ("eggroll", "open_es", "ppo")
SECONDS = {"eggroll": 40.0, "open_es": 160.0, "ppo": 25.0}


def generate(out, make_manifest, make_row, seeds=10, evaluations=20, specs=CATALOGUE, algorithms=ALGORITHMS) -> None:
    """Writes tasks x algorithms x seeds finished runs below `out`; returns rise from random towards the reference."""
    generator = np.random.default_rng(0)
    for spec in specs:
        skill = dict(zip(algorithms, generator.uniform(0.1, 0.9, len(algorithms)), strict=True))
        budget = spec.budgets.lite
        for algorithm in algorithms:
            for seed in range(seeds):
                end = np.clip(skill[algorithm] + generator.normal(0, 0.08), 0, 1.1)
                lines = [
                    make_manifest(task=spec.to_json(), algorithm=algorithm, name=algorithm, seed=seed, budget=budget)
                ]
                for i in range(evaluations + 1):
                    share = i / evaluations
                    score = end * (1 - np.exp(-4 * share)) + generator.normal(0, 0.01)
                    value = float(spec.random.value + score * (spec.reference.value - spec.random.value))
                    lines.append(
                        make_row(
                            generation=10 * i,
                            useful_steps=round(budget * share),
                            computed_steps=round(1.3 * budget * share),
                            sequential_steps=round(0.01 * budget * share),
                            return_mean=value,
                            return_mean_sample=value,
                            train_seconds=SECONDS.get(algorithm, 30.0) * share,
                            evaluate_seconds=2.0 * share,
                            final=i == evaluations,
                        )
                    )
                path = run_path(out, "lite", spec.id, algorithm, seed)
                path.mkdir(parents=True)
                text = "".join(line.model_dump_json() + "\n" for line in lines)
                Path(path / ROWS_FILE).write_text(text)
