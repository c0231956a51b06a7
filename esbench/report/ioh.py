"""An export for the tools of the evolutionary field: IOHanalyzer and others that read IOHprofiler's files.

A task is a function, its measure is what is optimised, useful steps are evaluations and a seed is an instance. Tracks
other than that of the environments have folders of their own. The dimension, by which its readers group, is always 1:
policies have more parameters than the 65 535 that fit their field. Format: https://iohprofiler.github.io, version 0.3.5
of the index file, with the attributes `evaluations` and `raw_y`.
"""

import json
from collections.abc import Sequence

from esbench.report.digits import agreed, written
from esbench.report.scored_runs import Cell, Tier
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.spec import RL

_VERSION = "0.3.5"
_DIMENSION = 1


def ioh_files(tiers: Sequence[Tier]) -> dict[str, str]:
    """Content by path: one folder a tier and algorithm, in it one index and one data file a task."""
    files = {}
    for tier in tiers:
        for task, number in _numbers(tier.tasks).items():
            for algorithm in tier.algorithms:
                cell = tier.cell(task, algorithm)
                if cell is None:
                    continue
                data = f"data_f{number}_{task}/IOHprofiler_f{number}_DIM{_DIMENSION}.dat"
                folder = f"{_group(tier)}/{algorithm}"
                index = _index(tier, number, task, algorithm, cell, data)
                files[f"{folder}/IOHprofiler_f{number}_{task}.json"] = json.dumps(index, indent=2) + "\n"
                files[f"{folder}/{data}"] = _data(cell)
    return files


def _group(tier: Tier) -> str:
    return tier.name if tier.track == RL else f"{tier.track}-{tier.name}"


def _numbers(tasks: Sequence[str]) -> dict[str, int]:
    """A task's number is its place in the catalogue, the same in every export; others follow from 101."""
    known = [spec.id for spec in CATALOGUE]
    others = [task for task in tasks if task not in known]
    return {task: known.index(task) + 1 if task in known else 101 + others.index(task) for task in tasks}


def _index(tier: Tier, number: int, task: str, algorithm: str, cell: Cell, data: str) -> dict:
    runs = []
    for run in cell.runs:
        best = int((cell.spec.measure.sign * run.values).argmax())
        steps = _evaluations(run.useful_steps)
        # Its Python reader wants the best point too; a policy's parameters are in the run's directory.
        solution = {"evals": steps[best], "y": agreed(run.values[best]), "x": []}
        runs.append({"instance": run.seed, "evals": steps[-1], "best": solution})
    return {
        "version": _VERSION,
        "suite": f"esbench-{_group(tier)}",
        "function_id": number,
        "function_name": task,
        "maximization": cell.spec.measure.higher_is_better,
        "algorithm": {"name": algorithm, "info": cell.manifest.algorithm},
        "attributes": ["evaluations", "raw_y"],
        "scenarios": [{"dimension": _DIMENSION, "path": data, "runs": runs}],
    }


def _data(cell: Cell) -> str:
    """One block a run, each under its heading."""
    lines = []
    for run in cell.runs:
        lines.append("evaluations raw_y")
        lines += [f"{s} {written(y)}" for s, y in zip(_evaluations(run.useful_steps), run.values, strict=True)]
    return "".join(line + "\n" for line in lines)


def _evaluations(useful_steps) -> list[int]:
    """Its readers count evaluations from 1: the untrained policy stands there."""
    return [max(int(steps), 1) for steps in useful_steps]
