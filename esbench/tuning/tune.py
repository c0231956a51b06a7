"""The tuning of several algorithms on several tasks: what is to be done, how far it is, and doing it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from esbench.errors import InputError, unknown
from esbench.experiment.many_runs.jobs import Job, SweepOutcome, check_settings, check_start
from esbench.experiment.many_runs.sweep import sweep
from esbench.experiment.options.config import default_name
from esbench.experiment.terminal.estimate import measured
from esbench.experiment.terminal.progress import duration
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.tasks import registry
from esbench.tasks.tiers import TIERS
from esbench.tuning.for_all import finalists_of, for_all, results_of
from esbench.tuning.halving import Search, told_apart
from esbench.tuning.record import RUNS
from esbench.tuning.space import Space

_RETRIES = 1  # a trial that diverges does so again
_LITE_SECONDS = 60.0  # what a lite budget is made for
_COMPILE_SECONDS = 30.0  # on two cores the mean over the catalogue's tasks


def plan(
    tasks: Sequence[str],
    spaces: Sequence[Space],
    trials: int,
    tier: str,
    out: Path,
    policy: str | None = None,
    start: str | None = None,
    first_only: bool = False,
    steps: int | None = None,
) -> list[Search]:
    """One search per task and algorithm, the same trials on every task, of one network, all from the policy file
    `start` or from fresh parameters, with a budget of `steps` or the tier's. InputError, before anything is run, for
    what cannot be."""
    if tier not in TIERS:
        raise unknown("tier", tier, TIERS)
    names = [default_name(space.algorithm) for space in spaces]
    if len(set(names)) < len(names):
        raise InputError(f"algorithms {', '.join(names)}: expected different names, their runs share a directory")
    found = {task: registry.task(task) for task in tasks}
    ids = [task.spec.id for task in found.values()]
    if len(set(ids)) < len(ids):
        raise InputError(f"tasks {', '.join(ids)}: expected different ids, their runs share a directory")
    tracks = sorted({task.spec.track for task in found.values()})
    if len(tracks) > 1:
        raise InputError(f"tasks of the tracks {', '.join(tracks)}: expected tasks of one track")
    drawn = [(space, space.trials(trials)) for space in spaces]
    searches = [
        Search(name, task, space.algorithm, settings, tier, out / RUNS, policy, start, first_only, steps)
        for name, task in found.items()
        for space, settings in drawn
    ]
    for search in searches:
        search.rungs()  # what is there was set as it is now, and what is not can be run
        check_start(next(run.job.config for run in search.first if run.job is not None))
    return searches


def tune(
    searches: Sequence[Search],
    table: SweepTable,
    record: Callable[[], object],
    processes: int = 1,
    environments: Sequence[dict[str, str]] = ({},),
    together: int | None = None,
) -> bool:
    """Runs what is not settled; a search's next rung begins when the one before is settled, and the finalists for all
    tasks when all first rungs are. `record` is called when a search is finished, and at the end. Whether all is done:
    not where it was stopped, another process runs a part, or an error could not be written; the same again goes on."""
    asked: set[Job] = set()
    parts = [*searches, *(shared := for_all(searches))]
    recorded = sum(part.finished for part in parts)

    def due(ended: SweepOutcome) -> list[Job]:
        """What can be run now and was not asked for before."""
        nonlocal recorded
        jobs = list(dict.fromkeys(job for part in parts for job in part.due() if job not in asked))
        asked.update(jobs)
        if (finished := sum(part.finished for part in parts)) > recorded:
            recorded = finished
            record()
        return jobs

    jobs = due(SweepOutcome())
    check_settings(jobs)
    most = sum(search.runs for search in searches) + sum(one.most(of) for one in shared for of in one.searches)
    table.expected = most - sum(len(results_of(search, shared)) for search in searches)
    sweep(jobs, table, processes, _RETRIES, environments, due, together)
    record()
    return all(part.finished for part in parts)


def dry_run(searches: Sequence[Search]) -> list[tuple[str, ...]]:
    """What it would take, a line for each search and one for all, under a heading."""
    units = sorted({search.task.spec.cost_word for search in searches})
    head = ("task", "algorithm", "trials", "runs", f"useful {' or '.join(units)}", "compilations")
    lines = [(*head, "training", "compiling", "together")]
    totals = [0, 0, 0, 0, 0.0, 0.0]
    later = {search: one.most(search) for one in for_all(searches) for search in one.searches}
    for search in searches:
        first = sum(run.budget for run in search.first)
        steps = first + (search.runs - len(search.trials) + later.get(search, 0)) * search.budget
        compilations = search.compilations(later.get(search, 0))
        numbers = [
            len(search.trials),
            search.runs + later.get(search, 0),
            steps,
            compilations,
            steps * _seconds_per_step(search),
            compilations * _seconds_per_compilation(search),
        ]
        lines.append((search.task.spec.id, default_name(search.algorithm), *_shown(numbers)))
        totals = [total + number for total, number in zip(totals, numbers, strict=True)]
    return [*lines, ("all", "", *_shown(totals))]


def _shown(numbers: Sequence[float]) -> list[str]:
    *counts, training, compiling = numbers
    seconds = (training, compiling, training + compiling)
    return [*(f"{count:,}" for count in counts), *map(duration, seconds)]


def _seconds_per_step(search: Search) -> float:
    """Of training: by the runs that are there, else as measured once, else what a lite budget was made for."""
    results = [result for result in search.results() if result.useful_steps]
    if steps := sum(result.useful_steps for result in results):
        return sum(result.train_seconds for result in results) / steps
    if known := measured().get((search.task.spec.id, search.algorithm)):
        return 1 / known.steps_per_second
    return _LITE_SECONDS / search.task.spec.budgets.lite


def _seconds_per_compilation(search: Search) -> float:
    """By the runs that are there, whether their process shared the programs or not; else as measured once, else the
    catalogue's."""
    seconds = [result.compile_seconds for result in search.results() if result.compile_seconds]
    if seconds:
        return fmean(seconds)
    known = measured().get((search.task.spec.id, search.algorithm))
    return known.compile_seconds if known else _COMPILE_SECONDS


def progress(searches: Sequence[Search]) -> list[tuple[str, ...]]:
    """How far each search is, under a heading: settled runs of those that each rung has, and what was chosen."""
    lines = [("task", "algorithm", "rung 1", "rung 2", "rung 3", "failed", "untrained", "chosen", "mean")]
    shared = for_all(searches)
    for search in searches:
        first, second, third = (*search.rungs(), [], [])[:3]
        rungs = (first, dict.fromkeys([*second, *finalists_of(search, shared)]), third)
        counts = [
            f"{sum(search.result(run) is not None for run in rung)}/{len(rung)}" if rung else "-" for rung in rungs
        ]
        results = results_of(search, shared)
        trial = search.chosen()
        lines.append(
            (
                search.task.spec.id,
                default_name(search.algorithm),
                *counts,
                str(sum(result.error is not None for result in results)),
                str(sum(result.score_steps == 0 for result in results)),
                "-" if trial is None else f"trial {trial}",
                "-" if trial is None else f"{search.told(search.full_budget()[trial]):.4g}",
            )
        )
    return lines


def for_all_tasks(searches: Sequence[Search]) -> list[str]:
    """A line for each algorithm: its setting for all tasks, or why there is none. None where none is looked for."""
    lines = []
    for one in for_all(searches):
        of = f"for all tasks: {default_name(one.algorithm)}"
        if means := one.means():
            trial, mean = next(iter(means.items()))
            lines.append(f"{of}: trial {trial}, mean score {mean:.4g}")
        elif one.finished:
            lines.append(f"{of}: nothing chosen: no trial was trained on every task on which trials differ")
        else:
            lines.append(f"{of}: not found yet")
    return lines


def untold(searches: Sequence[Search]) -> list[str]:
    """A line for each search that says nothing, so that nothing is chosen."""
    lines = []
    for search in searches:
        if search.untrained:
            took = [r.useful_steps for r in search.results() if r.rung == 1 and r.error is None]
            lines.append(
                f"nothing chosen: {search.task.spec.id} {default_name(search.algorithm)}: every score of rung 1 is the "
                f"UNTRAINED policy's, since one generation took {min(took):,} {search.task.spec.cost_word} or more of "
                f"{search.first[0].budget:,}: use a larger --tier, or a smaller pop_size in the ranges"
            )
        elif search.finished and not told_apart(search.results()) and any(r.compared for r in search.results()):
            lines.append(
                f"nothing chosen: {search.task.spec.id} {default_name(search.algorithm)}: all trials have the same "
                f"{search.quantity}"
            )
    return lines


def errors(searches: Sequence[Search]) -> list[str]:
    """A line for each run that failed."""
    shared = for_all(searches)
    return [
        f"failed: {result.task} {result.algorithm} trial {result.trial}, rung {result.rung}, "
        f"seed {result.seed}: {result.error}"
        for search in searches
        for result in results_of(search, shared)
        if result.error is not None
    ]
