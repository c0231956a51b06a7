"""`esbench sweep`.

examples:
  esbench sweep --tasks CartPole-v1,Pendulum-v1 --algorithms eggroll,open_es,ppo --seeds 0:5
  esbench sweep --tasks all --algorithms eggroll --seeds 0 --tier smoke

  esbench sweep --tasks all --algorithms eggroll,ppo --seeds 0:10 --jobs 2 --shard 1/4
  esbench sweep --tasks all --algorithms eggroll,ppo --seeds 0:10 --status
  esbench sweep --tasks all --algorithms eggroll,ppo --seeds 0:10 --dry-run

"all" are the tier's own tasks: lite leaves out those that nothing learns with its budgets.
Finished runs are skipped and unfinished ones resumed, so the same command continues where it stopped. A run that fails
does not stop the others; its directory has the error. Status 1: runs failed; 75: stopped, or another process has some.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from esbench.cli.output import print_columns
from esbench.cli.values import DEFAULTS, Algorithms, Given, Jobs, Seeds, Shard, Tasks, Together, option
from esbench.errors import InputError

if TYPE_CHECKING:
    from esbench.experiment.many_runs.jobs import Job, SweepOutcome
    from esbench.results.records import Row

_STATUS = "show which runs there are and how they stand, and run nothing"
_PLAN = "show the budget and an estimate of time of what is left, on two CPU cores, and run nothing"


def sweep(
    *,
    tasks: Tasks,
    algorithms: Algorithms,
    seeds: Seeds,
    options: Given = DEFAULTS,
    engine: Annotated[Literal["local", "ray"], option("where runs are run", metavar="local|ray")] = "local",
    jobs: Jobs | None = None,
    together: Together | None = None,
    shard: Shard | None = None,
    retries: Annotated[int, option("further tries of a run that crashed without coming further")] = 3,
    status: Annotated[bool, option(_STATUS)] = False,
    dry_run: Annotated[bool, option(_PLAN)] = False,
) -> int:
    """Status 1 for runs that failed, 75 for a sweep that was stopped."""
    import jax

    from esbench.experiment.many_runs import jobs as many
    from esbench.experiment.one_run import sinks
    from esbench.experiment.terminal.sweep_table import table
    from esbench.tasks.registry import tasks_of

    for name, given in (("--jobs", jobs), ("--together", together)):
        if engine == "ray" and given is not None:
            raise InputError(f"{name} {given}: Ray decides how many runs there are at a time; expected no {name}")
    sinks.check(options.log)
    # The runs are other processes'; this one must not take a GPU from them.
    jax.config.update("jax_platforms", "cpu")
    runs = many.product(tasks_of(options.tier) if tasks == ["all"] else tasks, algorithms, seeds, **vars(options))
    if shard is not None:
        runs = many.shard(runs, *shard)
    if status:
        return _print_status(runs)
    if dry_run:
        return _print_plan(runs)
    many.check_settings(runs)
    if engine == "ray":
        from esbench.experiment.many_runs.ray_engine import sweep_on_ray

        outcome = sweep_on_ray(runs, table(sys.stderr), Path(options.out), retries, options.devices or 1)
    else:
        from esbench.experiment.many_runs import sweep as local

        processes, variables = local.device_environments(jobs, options.devices or 1)
        outcome = local.sweep(runs, table(sys.stderr), processes, retries, variables, together=together)
    return _print_outcome(runs, outcome, options.out)


def _print_outcome(runs: "Sequence[Job]", outcome: "SweepOutcome", out: str | Path) -> int:
    from esbench.experiment.one_run import interrupt

    said = f"{len(outcome.done)} done, {len(outcome.before)} finished before, {len(outcome.failed)} failed"
    if outcome.elsewhere:
        said += f", {len(outcome.elsewhere)} run by another process"
    print(f"{len(runs)} runs: {said}; they are in {out}")
    for job, error in outcome.failed.items():
        print(f"failed: {job.path}: {error}")
    if finished := [*outcome.before, *outcome.done]:
        _print_scores(finished)
        print(f"next: esbench report {out}")
    if outcome.stopped:
        print("interrupted: repeat the command to continue", file=sys.stderr)
    return 1 if outcome.failed else 0 if outcome.complete else interrupt.STATUS


def _print_scores(jobs: "Sequence[Job]") -> None:
    """By task and algorithm the mean of the scores of finished runs, next to the task's anchors; first, where some are
    the untrained policy's."""
    from collections import defaultdict
    from statistics import fmean

    from esbench.results.run_directory import RunDirectory
    from esbench.results.untrained import is_untrained, untrained

    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    anchors: dict[str, list[str]] = {}
    spoilt: dict[str, list[Row]] = {}  # of the untrained runs of each, the one with the longest generation
    for job in jobs:
        spec, rows = job.config.task.spec, RunDirectory.open(job.path).rows
        (score,) = [row for row in rows if row.final]
        label = f"{spec.id} ({score.measure})"
        scores[label][job.config.name].append(score.value)
        known = (spec.random, spec.reference)
        anchors[label] = ["-" if anchor is None else f"{anchor.value:.4g}" for anchor in known]
        if is_untrained(score):
            others = spoilt.get(job.config.label, rows)
            spoilt[job.config.label] = max(rows, others, key=lambda of: of[-1].useful_steps)
    for label, rows in spoilt.items():
        print(f"{label}: {untrained(rows)}")

    def cell(task: str, name: str) -> str:
        if not (found := scores[task][name]):
            return "-"
        mark = " UNTRAINED" if f"{task.partition(' ')[0]} {name}" in spoilt else ""
        return f"{fmean(found):.4g} (n={len(found)}){mark}"

    names = list(dict.fromkeys(job.config.name for job in jobs))
    head = ("mean score", "random", "reference", *names)
    print_columns([head, *((task, *anchors[task], *(cell(task, name) for name in names)) for task in scores)])


def _print_plan(jobs: "Sequence[Job]") -> int:
    from esbench.experiment.terminal.estimate import plan

    print_columns(plan(jobs))
    print("one process, one run after the other, as on two cores of an AMD EPYC: training, evaluation and compilation")
    return 0


def _print_status(jobs: "Sequence[Job]") -> int:
    from collections import Counter

    from esbench.experiment.many_runs.jobs import STATUSES, status
    from esbench.results.error_file import last_error

    now = {job: status(job) for job in jobs}
    counts = Counter((label, state) for job, state in now.items() for label in (job.config.label, "all"))
    labels = [*dict.fromkeys(job.config.label for job in jobs), "all"]
    print_columns([("", *STATUSES), *((label, *(str(counts[label, of]) for of in STATUSES)) for label in labels)])
    for job, state in now.items():
        if state == "failed":
            print(f"failed: {job.path}: {last_error(job.path)}")
    return 0
