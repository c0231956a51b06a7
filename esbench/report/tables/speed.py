"""Speed, and what a policy and its settings cost: one row per tier, task and algorithm."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pandas as pd

from esbench.report.cells import Tier
from esbench.report.table import Shown, Table, number, words
from esbench.report.wording import UNIT, wording

_CLOCKS = ("compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds")


def speed_table(tiers: Sequence[Tier]) -> Table:
    """Split by hardware: seconds of unlike machines are not averaged."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier in tiers:
        for (task, algorithm), cell in _in_order(tier):
            for hardware in cell.hardware:
                here = cell.on(hardware)
                clocks = {clock: here.mean_of(clock) for clock in _CLOCKS}
                scored = [run.score_row for run in here.runs]
                speed = fmean(row.useful_steps / row.train_seconds if row.train_seconds else np.nan for row in scored)
                share = here.mean_of("useful_steps") / (here.mean_of("computed_steps") or np.nan)
                rows.append(
                    [
                        *words(tier.name, task, algorithm, hardware, *say.told(tier.specs[task], UNIT)),
                        Shown(str(len(here.runs)), len(here.runs)),
                        number(speed, ",.0f"),
                        number(share, ".2f"),
                        *(number(seconds, ".1f") for seconds in clocks.values()),
                    ]
                )
                numbers.append(
                    {
                        "tier": tier.name,
                        "task": task,
                        "algorithm": algorithm,
                        "hardware": hardware,
                        "n": len(here.runs),
                        "useful_steps_per_second": speed,
                        "useful_share": share,
                        **clocks,
                    }
                )
    own = say.columns(UNIT)
    columns = (
        *("Tier", "Task", "Algorithm", "Hardware", *own, "Seeds", f"Useful {say.unit}/s"),
        *("Useful share", "Compile s", "Train s", "Evaluate s", "Log s"),
    )
    caches = {run.manifest.compilation_cache for tier in tiers for cell in tier.cells.values() for run in cell.runs}
    notes = [
        f"Means over seeds, up to the score row; {say.unit}/s is useful {say.unit} over training seconds alone. Useful "
        f"share: of all {say.cost} that were {say.computed}.",
        "Compile s: what the process waited for the programs, which seeds may share; the compilation cache was "
        f"{' or '.join(sorted(caches))}.",
    ]
    return Table("speed", "Speed", columns, 4 + len(own), rows, pd.DataFrame(numbers), notes)


def cost_table(tiers: Sequence[Tier]) -> Table:
    """Parameters, and what finding the settings cost."""
    say = wording(tiers)
    rows, numbers = [], []
    for tier in tiers:
        for (task, algorithm), cell in _in_order(tier):
            manifest = cell.manifest
            tuning = manifest.tuning
            costs = [tuning.trials, tuning.seeds, tuning.useful_steps] if tuning else None
            rows.append(
                [
                    *words(tier.name, task, algorithm, manifest.preset, *say.told(tier.specs[task], UNIT)),
                    number(manifest.parameters, ",d"),
                    *(
                        [number(cost, ",d") for cost in costs]
                        if costs
                        else [Shown("not recorded"), Shown("-"), Shown("-")]
                    ),
                ]
            )
            numbers.append(
                {
                    "tier": tier.name,
                    "task": task,
                    "algorithm": algorithm,
                    "preset": manifest.preset,
                    "parameters": manifest.parameters,
                    **dict(zip(("trials", "tuning_seeds", "tuning_steps"), costs or [None] * 3, strict=True)),
                }
            )
    own = say.columns(UNIT)
    columns = (
        *("Tier", "Task", "Algorithm", "Preset", *own, "Parameters"),
        *("Tuning trials", "Most seeds", f"Tuning {say.unit}"),
    )
    frame = pd.DataFrame(numbers).astype(dict.fromkeys(("trials", "tuning_seeds", "tuning_steps"), "Int64"))
    notes = [
        "Parameters: of the deployed policy; a critic's are not counted. Tuning: what was spent before these runs, in "
        f"useful {say.unit}, for a setting of several tasks over all of them; most seeds: of any trial; not recorded: "
        "the manifests say nothing about it."
    ]
    return Table("cost", "Parameters and tuning", columns, 4 + len(own), rows, frame, notes)


def _in_order(tier: Tier):
    return (
        ((task, algorithm), cell)
        for task in tier.tasks
        for algorithm in tier.algorithms
        if (cell := tier.cell(task, algorithm)) is not None
    )
