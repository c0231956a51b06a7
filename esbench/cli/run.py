"""`esbench run`.

examples:
  esbench run --task CartPole-v1 --algorithm eggroll
  esbench run --task Pendulum-v1 --algorithm open_es --steps 10000000 --set sigma=0.1 pop_size=512 --name wide
  esbench run --task Ant-v0 --algorithm eggroll --tier paper --dry-run

tiers: smoke (seconds, proves that it runs), lite (seconds to a quarter of an hour on two CPU cores, by task),
standard (5e7 steps), paper (5e8 steps).
"""

import sys
from typing import TYPE_CHECKING, Annotated

from esbench.cli.output import print_columns
from esbench.cli.values import DEFAULTS, Given, Seconds, option

if TYPE_CHECKING:
    from esbench.experiment.one_run.run import RunResult
    from esbench.experiment.options.config import RunConfig

_MAX_SECONDS = "stop after the first step past it, to be resumed; status 75"
_VERBOSE = "say how each parameter of the policy is perturbed, and show where a strategy's error came from"


def run(
    *,
    task: Annotated[str, option("a task's id, or path/to/file.py:NAME", metavar="T")],
    algorithm: Annotated[str, option("a name, evosax:NAME, or path/to/file.py:Class", metavar="A")],
    seed: int = 0,
    options: Given = DEFAULTS,
    resume: Annotated[bool, option("continue the unfinished run that is there")] = False,
    max_seconds: Annotated[Seconds | None, option(_MAX_SECONDS)] = None,
    verbose: Annotated[bool, option(_VERBOSE, alias="-v")] = False,
    dry_run: Annotated[bool, option("show what would run, and run nothing")] = False,
) -> int:
    """Status 75 for a run that was stopped."""
    from esbench.experiment.options.config import resolve

    config = resolve(task, algorithm, **vars(options))
    if dry_run:
        from esbench.experiment.one_run import sinks
        from esbench.experiment.terminal.dry_run import plan
        from esbench.results.run_directory import RunDirectory

        sinks.check(options.log)
        if not resume:
            RunDirectory.check_new(config.path(seed))
        print_columns(plan(config, seed))
        return 0
    from esbench.experiment.one_run import interrupt, mesh
    from esbench.experiment.one_run.run import run_config

    result = run_config(config, seed, max_seconds, resume, verbose)
    if interrupt.requested():
        print("interrupted: what was finished is on disk", file=sys.stderr)
    if mesh.is_first():
        print(_outcome(config, seed, result))
    return 0 if result.finished else interrupt.STATUS


def _outcome(config: "RunConfig", seed: int, result: "RunResult") -> str:
    from esbench.results.untrained import untrained

    row = result.score or result.rows[-1]
    said = "" if result.finished else "unfinished (continue with --resume), "
    said += f"{first}: " if (first := untrained(result.rows, config.task.spec.cost_word)) else ""
    said += f"{row.measure} {row.value:.6g} at {row.useful_steps:,} {config.task.spec.cost_word}"
    if result.finished and row is not result.rows[-1]:
        said += ", the last evaluation that the budget allows"
    return f"{config.label} seed {seed}: {said}, {result.path}"
