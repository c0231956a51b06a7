"""Speed, and what a policy and its settings cost: one row per tier, task and algorithm."""

from statistics import fmean

import numpy as np
import pandas as pd

from esbench.report import registry
from esbench.report.scored_runs import Cell, every_cell
from esbench.report.section import Section
from esbench.report.table import Table, named, number, unless
from esbench.report.wording import UNIT
from esbench.results.load import CLOCKS


@registry.table("speed")
def speed_table(section: Section) -> Table:
    """Split by hardware: seconds of unlike machines are not averaged."""
    say = section.say
    rows = [
        {**names, "hardware": hardware, **_numbers(cell.on(hardware))}
        for _, cell, names in every_cell(section.tiers)
        for hardware in cell.hardware
    ]
    layout = [
        *named("Tier", "Task", "Algorithm", "Hardware"),
        *section.differing(UNIT),
        number("Seeds", "n"),
        number(f"Useful {say.unit}/s", "useful_steps_per_second", ",.0f"),
        number("Useful share", "useful_share", ".2f"),
        *(number(f"{clock.split('_')[0].capitalize()} s", clock, ".1f") for clock in CLOCKS),
    ]
    caches = {run.manifest.compilation_cache for _, cell, _ in every_cell(section.tiers) for run in cell.runs}
    notes = [
        f"Means over seeds, up to the score row. Useful {say.unit}/s: per second of training alone.",
        f"Useful share: of all {say.cost} that were {say.computed}.",
        "Compile s: the wait for compiled programs, which seeds may share. Compilation cache: "
        f"{' or '.join(sorted(caches))}.",
    ]
    asks = "How fast is training, and where does the time go?"
    return Table("Speed", pd.DataFrame(rows), layout, notes, asks=asks)


def _numbers(cell: Cell) -> dict:
    scored = [run.score_row for run in cell.runs]
    return {
        "n": len(cell.runs),
        "useful_steps_per_second": fmean(
            row.useful_steps / row.train_seconds if row.train_seconds else np.nan for row in scored
        ),
        "useful_share": cell.mean_of("useful_steps") / (cell.mean_of("computed_steps") or np.nan),
        **{clock: cell.mean_of(clock) for clock in CLOCKS},
    }


@registry.table("cost")
def cost_table(section: Section) -> Table:
    """Parameters, and what finding the settings cost."""
    say = section.say
    rows = [
        {
            **names,
            "preset": cell.manifest.preset,
            "parameters": cell.manifest.parameters,
            **_tuning(cell),
        }
        for _, cell, names in every_cell(section.tiers)
    ]
    trials = number("Tuning trials", "trials", ",d")
    layout = [
        *named("Tier", "Task", "Algorithm", "Preset"),
        *section.differing(UNIT),
        number("Parameters", "parameters", ",d"),
        *unless(lambda row: None if "trials" in row else "not recorded", trials),
        number("Most seeds", "tuning_seeds", ",d"),
        number(f"Tuning {say.unit}", "tuning_steps", ",d"),
    ]
    notes = [
        "Parameters: of the deployed policy, without a critic's.",
        f"Tuning: spent before these runs, in useful {say.unit}. A setting for several tasks counts over all of them.",
        "Most seeds: of any trial. Not recorded: absent from the manifests.",
    ]
    data = pd.DataFrame(rows).astype(dict.fromkeys(("trials", "tuning_seeds", "tuning_steps"), "Int64"))
    return Table(
        "Parameters and tuning", data, layout, notes, asks="How large is the policy, and what did tuning cost?"
    )


def _tuning(cell: Cell) -> dict[str, int | None]:
    cost = cell.manifest.tuning
    return {
        "trials": cost.trials if cost else None,
        "tuning_seeds": cost.seeds if cost else None,
        "tuning_steps": cost.useful_steps if cost else None,
    }
