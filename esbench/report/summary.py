"""What a reader must know before the tables: what was run, and what is unlike what it seems."""

from collections.abc import Sequence

from esbench.report.grouping import run_name
from esbench.report.scored_runs import Tier
from esbench.report.table_cell import span
from esbench.results.load import Run
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.spec import RL

_BY_TASK = "one or the other, by task"


def summary(runs: Sequence[Run], tiers: Sequence[Tier], without: Sequence[tuple[Run, int]]) -> list[str]:
    """Whole sentences. runs: all, unfinished ones too. without: what `cells.left_out` of them gives."""
    sentences = [sentence for tier in tiers for sentence in (_contents(tier), *_unlike(tier))]
    for tier in tiers:
        sentences += [*_budgets(tier), *_lacking(tier)]
    finished = [run.manifest for run in runs if run.finished]
    sentences.append(
        f"Computed on {_listed(str(manifest.device) for manifest in finished)}, matrix products in "
        f"{_listed(str(manifest.options.model_dump().get('precision')) for manifest in finished)}, jax "
        f"{_listed(manifest.versions.get('jax', 'unknown') for manifest in finished)}; compilation cache "
        f"{_listed(manifest.compilation_cache for manifest in finished)}."
    )
    budgets = [(run_name(run), run.manifest.budget, at) for run, at in without]
    if short := [f"{name} ({own:,} of {at:,})" for name, own, at in budgets if own < at]:
        sentences.append(f"Left out as too short to compare: {', '.join(short)}.")
    if late := [f"{name} (none to {at:,})" for name, own, at in budgets if own > at]:
        sentences.append(f"Left out, as their first evaluation comes after the others' budget: {', '.join(late)}.")
    if unfinished := [run for run in runs if not run.finished]:
        names = ", ".join(f"{run_name(run)} ({len(run.rows)} rows)" for run in unfinished)
        sentences.append(f"Left out because unfinished: {names}.")
    if cut_off := [run for run in runs if run.cut_off]:
        names = ", ".join(map(run_name, cut_off))
        sentences.append(f"A last line that was cut off while being written was left out: {names}.")
    return sentences


def _contents(tier: Tier) -> str:
    seeds = sorted({len(cell.runs) for cell in tier.cells.values()})
    return (
        f"{_named(tier)}: {_tasks(tier)}, {_counted(len(tier.algorithms), 'algorithm')}, "
        f"{span(seeds)} seed{'s' if seeds[-1] > 1 else ''} each."
    )


def _named(tier: Tier) -> str:
    return f"Tier {tier.name}" if tier.track == RL else f"Track {tier.track}, tier {tier.name}"


def _within(tier: Tier) -> str:
    """The name inside a sentence."""
    name = _named(tier)
    return name[0].lower() + name[1:]


def _tasks(tier: Tier) -> str:
    if tier.track != RL:
        return _counted(len(tier.tasks), "task")
    known = sum(spec.id in tier.specs for spec in CATALOGUE)
    others = len(tier.tasks) - known
    return f"{known} of the {len(CATALOGUE)} tasks" + (f" and {_counted(others, 'other')}" if others else "")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"


def _unlike(tier: Tier) -> list[str]:
    """What the algorithms of a task differ in besides themselves."""
    return [
        f"{_named(tier)}: the algorithms differ in {what}{sentence}."
        for what, field in (("preset", "preset"), ("action mode", "action_mode"))
        if (sentence := _differing(tier, field))
    ]


def _differing(tier: Tier, field: str) -> str:
    """On which tasks the manifests of the algorithms differ in a field, and who has what there; empty for none."""
    found = {
        task: {
            name: _listed(getattr(run.manifest, field) for run in cell.runs)
            for name in tier.algorithms
            if (cell := tier.cell(task, name)) is not None
        }
        for task in tier.tasks
    }
    unlike = {task: values for task, values in found.items() if len(set(values.values())) > 1}
    if not unlike:
        return ""
    having: dict[str, list[str]] = {}
    for name in tier.algorithms:
        if own := {values[name] for values in unlike.values() if name in values}:
            having.setdefault(own.pop() if len(own) == 1 else _BY_TASK, []).append(name)
    values = sorted(having, key=lambda value: (value == _BY_TASK, value))
    told = "; ".join(f"{value}: {', '.join(having[value])}" for value in values)
    tasks = ", ".join(unlike) if len(unlike) <= 3 else f"{len(unlike)} of the {len(found)} tasks"
    where = f" on {tasks}" if len(unlike) < len(found) else ""
    return f"{where} ({told})"


def _budgets(tier: Tier) -> list[str]:
    """Budgets that are not the tier's, and budgets that differ within a task."""
    sentences = []
    changed = [
        f"{task} {budget:,} (tier: {usual:,})"
        for task, budget in tier.budgets.items()
        if (usual := getattr(tier.specs[task].budgets, tier.name, budget)) != budget
    ]
    if changed:
        sentences.append(
            f"Compare these results with each other only: budgets differ from {_within(tier)}'s, {', '.join(changed)}."
        )
    for task in tier.tasks:
        longer = [
            f"{algorithm} ({cell.manifest.budget:,})"
            for algorithm in tier.algorithms
            if (cell := tier.cell(task, algorithm)) and cell.manifest.budget > tier.budgets[task]
        ]
        if longer:
            sentences.append(
                f"{task} ({tier.name}) is read at {tier.budgets[task]:,} {tier.specs[task].cost_word}, the smallest "
                f"budget; longer runs: {', '.join(longer)}."
            )
    return sentences


def _lacking(tier: Tier) -> list[str]:
    sentences = []
    for algorithm in tier.algorithms:
        if lacking := [task for task in tier.tasks if tier.cell(task, algorithm) is None]:
            sentences.append(f"Missing in {_within(tier)}: {algorithm} on {', '.join(lacking)}.")
    return sentences


def _listed(values) -> str:
    return " or ".join(sorted(set(values)))
