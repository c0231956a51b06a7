"""`esbench tune`.

examples:
  esbench tune --tasks all --algorithms eggroll,open_es,ppo --dry-run    what it would take
  esbench tune --tasks all --algorithms eggroll,open_es,ppo              hours; repeat the command to continue
  esbench tune --tasks CartPole-v1,Snake-v1 --algorithms mine.py:Mine --trials 8 --ranges mine.toml
  esbench run --task CartPole-v1 --algorithm eggroll --preset tuning/chosen/eggroll.toml --name eggroll-tuned

Ranges: baselines/search/ALGORITHM.toml; for path/to/mine.py path/to/mine.toml; or --ranges:

  [constants]
  pop_size = 128
  [ranges]
  sigma = { low = 0.02, high = 0.5, scale = "log" }      or linear, the default
  normalize_observations = { choices = [false, true] }

Every algorithm gets the same number of trials: quasi-random points of its ranges, the same on every task. The trials
of each choice are spread over the whole of every range. A setting in neither table has the algorithm's own default.
Settings with a decimal point, and the baselines' switches, share one compilation. Each combination of the others needs
another one.

rung 1: all trials at an eighth of the budget, on tuning seed 1000
rung 2: the best quarter of them, two or more, at the whole budget
rung 3: the best two of those again, on seeds 1001 and 1002; the better mean over the three seeds is chosen
for all tasks: of several tasks, the best two of rung 1 by their mean score run at the whole budget on each of them, and
the better mean is chosen
--fixed-only: that and rung 1; the same command without it goes on from there

failed: such a trial goes no further; to try it again, delete its directory
untrained: the budget holds no generation, so the score is the first policy's: such a trial goes no further
equal: a task on which all trials score the same, or all are untrained, gets no choice

Left in --out: trials.csv and trials.jsonl (every run), chosen/ALGORITHM.toml (settings per task), fixed/ALGORITHM.toml
(one setting for all tasks; a score counts at most 1, and below 0 in full; it was trained on every task on which trials
differ), best_of_k.* (what fewer trials would have found), ranges/ and runs/. The presets
carry the cost of tuning. Each command writes these files for its own tasks and algorithms; presets of other algorithms
stay.

Status 1: a task has no choice, or with --fixed-only an algorithm no setting. Status 75: stopped; repeat the command to
continue.
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from esbench.cli.output import given, print_columns
from esbench.cli.values import Algorithms, Jobs, Positive, Tasks, Together, option
from esbench.errors import InputError

if TYPE_CHECKING:
    from esbench.tuning.halving import Search

_RANGES = "ranges of the one algorithm (default: baselines/search/ALGORITHM.toml, or next to its file)"

_POLICY = "network of all trials (default: mlp)"
_START = "policy file that all trials begin from (default: fresh parameters)"


def tune(
    *,
    tasks: Tasks,
    algorithms: Algorithms,
    trials: Annotated[Positive, option("of each algorithm")] = 16,
    tier: Annotated[str, option("smoke, lite, standard or paper")] = "lite",
    steps: Annotated[Positive | None, option("budget of a whole trial (default: the tier's)")] = None,
    ranges: Annotated[str | None, option(_RANGES, metavar="FILE")] = None,
    policy: Annotated[str | None, option(_POLICY, metavar="P")] = None,
    start: Annotated[str | None, option(_START, metavar="FILE")] = None,
    jobs: Jobs | None = None,
    together: Together | None = None,
    fixed_only: Annotated[bool, option("one setting for all tasks, none for each")] = False,
    out: Annotated[Path, option("where to write", metavar="DIR")] = Path("tuning"),
    status: Annotated[bool, option("show how far it is, and run nothing")] = False,
    dry_run: Annotated[bool, option("show what it would take, and run nothing")] = False,
) -> int:
    """Status 1 where a task has no choice, 75 for a search that was stopped."""
    import jax

    from esbench.experiment.many_runs.sweep import device_environments
    from esbench.experiment.terminal.sweep_table import table
    from esbench.tasks.registry import tasks_of
    from esbench.tuning import record, tune
    from esbench.tuning.space import ranges_file, read_space

    # The runs are other processes'; this one must not take a GPU from them.
    jax.config.update("jax_platforms", "cpu")
    if ranges is not None and len(algorithms) > 1:
        raise InputError(f"--ranges {ranges}: expected one algorithm, not {', '.join(algorithms)}")
    spaces = [read_space(Path(ranges) if ranges else ranges_file(name), name) for name in algorithms]
    names = tasks_of(tier) if tasks == ["all"] else tasks
    searches = tune.plan(names, spaces, trials, tier, out, policy, start, fixed_only, steps)
    if dry_run:
        print_columns(tune.dry_run(searches))
        print("one process, one run after the other: training and compiling as the runs that are there took, else as")
        print("the baselines did on two cores of an AMD EPYC; evaluation comes on top")
        return 0
    complete = True
    if not status:
        processes, variables = device_environments(jobs, 1)
        write = functools.partial(record.write, searches, spaces, out)
        complete = tune.tune(searches, table(sys.stderr), write, processes, variables, together)
    print_columns(tune.progress(searches))
    for line in [*tune.for_all_tasks(searches), *tune.untold(searches), *tune.errors(searches)]:
        print(line)
    return 0 if status else _print_found(searches, out, complete, fixed_only)


def _print_found(searches: "Sequence[Search]", out: Path, complete: bool, fixed_only: bool) -> int:
    from esbench.experiment.one_run import interrupt
    from esbench.tuning.for_all import for_all

    left = ("trials.csv", "best_of_k.png", "chosen", "fixed")
    print(f"{out}: {', '.join(name for name in left if (out / name).exists())}")
    shared = for_all(searches)
    if told := next((search for search in searches if search.chosen() is not None), None):
        print(_next("run", told, told.task_name, out / "chosen", "tuned", ""))
    elif found := next((one.searches for one in shared if one.chosen() is not None), None):
        print(_next("sweep", found[0], ",".join(of.task_name for of in found), out / "fixed", "fixed", " --seeds 0:5"))
    if not complete:
        print("interrupted, or in part run by another process: repeat the command to continue", file=sys.stderr)
        return interrupt.STATUS
    if fixed_only:
        return 0 if all(one.chosen() is not None for one in shared) else 1
    return 0 if all(search.chosen() is not None for search in searches) else 1


def _next(command: str, search: "Search", tasks: str, presets: Path, suffix: str, more: str) -> str:
    """What to run with the preset of a search's algorithm."""
    from esbench.experiment.options.config import default_name

    name, words = default_name(search.algorithm), ("task", "algorithm") if command == "run" else ("tasks", "algorithms")
    options = f"--{words[0]} {tasks} --{words[1]} {search.algorithm}{more}{given('--tier', search.tier, 'lite')}"
    for option_name in ("steps", "policy", "start"):
        options += given(f"--{option_name}", getattr(search, option_name), None)
    return f"next: esbench {command} {options} --preset {presets / name}.toml --name {name}-{suffix}"
