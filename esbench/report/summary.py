"""What a reader must know before the tables: what was run, and what is unlike what it seems."""

from collections.abc import Sequence

from esbench.report.cells import Tier
from esbench.report.grouping import run_name
from esbench.report.table import span
from esbench.results.run_directory import RunDirectory
from esbench.tasks.catalogue import CATALOGUE


def summary(runs: Sequence[RunDirectory], tiers: Sequence[Tier]) -> list[str]:
    """Whole sentences. runs: all, unfinished ones too."""
    sentences = [_contents(tier) for tier in tiers]
    for tier in tiers:
        sentences += [*_budgets(tier), *_lacking(tier)]
    finished = [run.manifest for run in runs if run.finished]
    sentences.append(
        f"Computed on {_listed(str(manifest.device) for manifest in finished)}, matrix products in "
        f"{_listed(manifest.precision for manifest in finished)}, jax "
        f"{_listed(manifest.versions.get('jax', 'unknown') for manifest in finished)}; compilation cache "
        f"{_listed(manifest.compilation_cache for manifest in finished)}."
    )
    if unfinished := [run for run in runs if not run.finished]:
        names = ", ".join(f"{run_name(run)} ({len(run.rows)} rows)" for run in unfinished)
        sentences.append(f"Left out because unfinished: {names}.")
    if cut_off := [run for run in runs if run.cut_off]:
        names = ", ".join(map(run_name, cut_off))
        sentences.append(f"A last line that was cut off while being written was left out: {names}.")
    return sentences


def _contents(tier: Tier) -> str:
    seeds = sorted({len(cell.runs) for cell in tier.cells.values()})
    known = sum(spec.id in tier.specs for spec in CATALOGUE)
    others = len(tier.tasks) - known
    return (
        f"Tier {tier.name}: {known} of the {len(CATALOGUE)} tasks"
        + (f" and {others} other{'s' if others > 1 else ''}" if others else "")
        + f", {len(tier.algorithms)} algorithm{'s' if len(tier.algorithms) > 1 else ''}, "
        f"{span(seeds)} seed{'s' if seeds[-1] > 1 else ''} each."
    )


def _budgets(tier: Tier) -> list[str]:
    """Budgets that are not the tier's, and budgets that differ within a task."""
    sentences = []
    changed = [
        f"{task} {budget:,} (tier: {usual:,})"
        for task, budget in tier.budgets.items()
        if (usual := getattr(tier.specs[task].budgets, tier.name, budget)) != budget
    ]
    if changed:
        sentences.append(f"Not the budgets of tier {tier.name}, and not comparable with it: {', '.join(changed)}.")
    for task in tier.tasks:
        longer = [
            f"{algorithm} ({cell.manifest.budget:,})"
            for algorithm in tier.algorithms
            if (cell := tier.cell(task, algorithm)) and cell.manifest.budget > tier.budgets[task]
        ]
        if longer:
            sentences.append(
                f"{task} ({tier.name}) is read at {tier.budgets[task]:,} steps, the smallest budget; longer runs: "
                f"{', '.join(longer)}."
            )
    return sentences


def _lacking(tier: Tier) -> list[str]:
    sentences = []
    for algorithm in tier.algorithms:
        if lacking := [task for task in tier.tasks if tier.cell(task, algorithm) is None]:
            sentences.append(f"Missing in tier {tier.name}: {algorithm} on {', '.join(lacking)}.")
    return sentences


def _listed(values) -> str:
    return " or ".join(sorted(set(values)))
