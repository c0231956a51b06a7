"""The command line: names and options are a contract, and bad input is one line on standard error with status 2.

Everything heavy is imported by the command that needs it, so that `--help` and `tasks` answer at once.
"""

import argparse
import functools
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esbench.errors import InputError, StorageError, StrategyError, TaskError, unknown

if TYPE_CHECKING:
    from esbench.experiment.many_runs.jobs import Job
    from esbench.experiment.one_run.run import RunResult
    from esbench.experiment.options.config import RunConfig
    from esbench.leaderboard.check import CheckedEntry
    from esbench.results.records import Row
    from esbench.tasks.spec import TaskSpec

FORMATS = ("table", "json")
ENGINES = ("local", "ray")

_EXAMPLES = """\
examples:
  esbench tasks                                              the 16 tasks
  esbench run --task CartPole-v1 --algorithm eggroll         solve CartPole in under a minute
  esbench run --task CartPole-v1 --algorithm ppo --steps 200000 --set learning_rate=0.001 --name quick
  esbench run --task Ant-v0 --algorithm path/to/mine.py:MyStrategy --tier smoke
  esbench sweep --tasks CartPole-v1,Knapsack-v1 --algorithms eggroll,open_es,ppo --seeds 0:3
  esbench tune --tasks CartPole-v1 --algorithms eggroll,ppo  find settings, with the same trials for each
  esbench report runs --out report                           tables, figures and a page of all runs below runs/
  esbench play runs/lite/CartPole-v1/eggroll/seed-0 --out cartpole.gif
  esbench speed --task CartPole-v1 --population 2048         steps a second on this machine
  esbench doctor                                             what a bug report needs
"""
_RUN_EXAMPLES = """\
examples:
  esbench run --task CartPole-v1 --algorithm eggroll
  esbench run --task Pendulum-v1 --algorithm open_es --steps 10000000 --set sigma=0.1 pop_size=512 --name wide
  esbench run --task Ant-v0 --algorithm eggroll --tier paper --dry-run

tiers: smoke (seconds, proves that it runs), lite (about a minute of training on two CPU cores),
standard (5e7 steps), paper (5e8 steps).
"""
_POLICY = "the policy's network: mlp, gru, cnn or path/to/file.py:NAME (default: mlp)"
_PRESET = "smoke, lite, fixed, tuned, paper, defaults or FILE.toml (default: the tier's)"
_SET = """settings of the algorithm (esbench algorithms), of the policy (layer_size, n_layers, activation) and of
the machine (lanes, narrow, block)"""
_DEVICES = """devices that share each generation's episodes and update, of all processes that Slurm or Open MPI
started; PPO shares its evaluations only (default: 1)"""
_MAX_SECONDS = "stop after the first step past it, to be resumed; status 75"
_CHECKPOINT_SECONDS = "between two checkpoints (default: 60)"
_JOBS = "runs at a time, each in a process of its own (default: one for each GPU, or one)"
_RETRIES = "further tries of a run that crashed without coming further (default: 3)"
_VERBOSE = "say how each parameter of the policy is perturbed, and show where a strategy's error came from"
_SWEEP_EXAMPLES = """\
examples:
  esbench sweep --tasks CartPole-v1,Pendulum-v1 --algorithms eggroll,open_es,ppo --seeds 0:5
  esbench sweep --tasks all --algorithms eggroll --seeds 0 --tier smoke

  esbench sweep --tasks all --algorithms eggroll,ppo --seeds 0:10 --jobs 2 --shard 1/4
  esbench sweep --tasks all --algorithms eggroll,ppo --seeds 0:10 --status

Finished runs are skipped and unfinished ones resumed, so the same command continues where it stopped. A run that fails
does not stop the others; its directory has the error. Status 1: runs failed; 75: stopped, or another process has some.
"""
_TUNE_EXAMPLES = """\
examples:
  esbench tune --tasks all --algorithms eggroll,open_es,ppo --dry-run    what it would take
  esbench tune --tasks all --algorithms eggroll,open_es,ppo              hours; the same command goes on
  esbench tune --tasks CartPole-v1,Snake-v1 --algorithms mine.py:Mine --trials 8 --ranges mine.toml
  esbench run --task CartPole-v1 --algorithm eggroll --preset tuning/chosen/eggroll.toml --name eggroll-tuned

Ranges: baselines/search/ALGORITHM.toml, beside path/to/mine.py its path/to/mine.toml, or --ranges:

  [constants]
  pop_size = 128
  [ranges]
  sigma = { low = 0.02, high = 0.5, scale = "log" }      or linear, the default
  normalize_observations = { choices = [false, true] }

Every algorithm gets the same number of trials, quasi-random points of its ranges, the same on every task. What is in
neither table has the algorithm's own default. Numbers (settings with a point) share one compilation; each combination
of the others is compiled anew.
Rungs: 1. all trials at an eighth of the budget, tuning seed 1000; 2. the best quarter of them, at least two, at all of
it; 3. the best two of those again on seeds 1001 and 1002. The better mean over the three seeds is chosen. A trial that
fails is the worst; to try it again, delete its directory. untrained: runs whose budget holds no generation, so that
their score is the first policy's and says nothing: fixed/ leaves such a task out, and where all of rung 1 is so
nothing is chosen.
Left in --out: trials.csv and .jsonl (every run), chosen/ALGORITHM.toml (per task) and fixed/ALGORITHM.toml (one setting
for all tasks, by the first rung), presets whose runs carry the cost of tuning; best_of_k.* (what fewer trials would
have found), ranges/ and runs/. They are of the tasks and algorithms that the last command named; presets of other
algorithms stay.
Status 1: a task has no choice, since trials failed; 75: stopped, the same command goes on.
"""
_RANGES = "of the one algorithm (default: baselines/search/ALGORITHM.toml, or beside its file)"
_NEW_EXAMPLES = """\
examples:
  esbench new strategy my_strategy       writes my_strategy.py (class MyStrategy) and test_my_strategy.py here
"""
_PLAY_EXAMPLES = """\
examples:
  esbench play runs/lite/CartPole-v1/eggroll/seed-0 --out cartpole.gif
  esbench play runs/lite/Knapsack-v1/eggroll/seed-0 --out knapsack.mp4 --episodes 5 --fps 2

Episode k has seed SEED + k. The last frame of each stays for a second.
"""
_FPS = "frames a second (default: 30, fewer where an episode would last less than 3 seconds)"
_LEADERBOARD_EXAMPLES = """\
examples:
  esbench leaderboard submit runs --entry entry.toml         pack runs as an entry of leaderboards/, checked
  esbench leaderboard check leaderboards/lite-v1/eggroll     every problem on a line, status 1
  esbench leaderboard verify leaderboards/lite-v1/eggroll --mode replay --policies runs --public-number 4211
  esbench leaderboard verify leaderboards/lite-v1/eggroll --mode rerun --public-number 4211
  esbench leaderboard build                                  leaderboards/README.md and index.html

Rules, the form of entry.toml and what each state means: leaderboards/README.md.
"""
_PUBLIC_NUMBER = "one that nobody knew when the entry was made; fresh seeds come from it (default: drawn)"
_TWINS = "of rerun: also on each task's twin, as is always done with code of the entry's own"
_CODE_SECONDS = "of rerun: on the clock, for what is trained on one task (default: 21600)"
_CODE_MEMORY = "of rerun: of all processes of the entry's code (default: 8192)"
_SPEED_EXAMPLES = """\
examples:
  esbench speed                                              the policy alone: 3 x 256, 1024 rows, rank 1
  esbench speed --width 1024 --rank 4 --format json
  esbench speed --task CartPole-v1 --population 2048

Without a task: the policy applied to one observation of 32 numbers a row, every row with its own member's parameters,
which are there before the clock starts. OpenES gets as many rows as fit 1 GiB.
With a task: `population` episodes through the lanes of training. environment: random actions, no network; inference:
the unperturbed policy, the limit; eggroll and open_es: a whole generation, update included.

steps/s: useful steps over the median of repeats that take turns (A B C, A B C, ...), compilation apart. occupancy:
useful steps over all that the lanes computed. memory: what XLA plans for the program's inputs, outputs and temporaries
together, on every device; the process itself comes on top. compilation_cache in the json says whether compile seconds
are a compilation's (cold, off) or were read from JAX's cache (warm).
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are InputErrors of one line."""

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str):
        raise InputError(message)

    def options(self) -> list[str]:
        return list(self._option_string_actions)


def _whole(text: str) -> int:
    """A whole number, also as 1_000_000 or 2e6."""
    try:
        number = float(text) if "e" in text.lower() else int(text)
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number")


def _seconds(text: str) -> float:
    try:
        if (seconds := float(text)) > 0:
            return seconds
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, more than 0")


def _rate(text: str) -> float:
    try:
        if 0.1 <= (rate := float(text)) <= 100:
            return rate
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r}: expected frames a second, 0.1 to 100")


def _positive(text: str) -> int:
    if (number := _whole(text)) >= 1:
        return number
    raise argparse.ArgumentTypeError(f"{text!r}: expected 1 or more")


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return int(number), int(of)
    raise argparse.ArgumentTypeError(f"{text!r}: expected I/N, such as 1/4, 2/4, 3/4, 4/4")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r}: expected names with commas between them")
    return list(dict.fromkeys(names))


def _seeds(text: str) -> list[int]:
    """`0:5` is 0, 1, 2, 3, 4; `0,3` is 0 and 3; both together too."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, colon, last = part.partition(":")
            seeds += range(int(first), int(last)) if colon else [int(first)]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seeds such as 0:5 (0 to 4) or 0,3")
    return list(dict.fromkeys(seeds))


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="esbench",
        description="Evolution strategies, low-rank evolution strategies and PPO on the same 16 RL tasks.",
        epilog=_EXAMPLES,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    made: dict[str, _Parser] = {}

    def command(
        name: str, function: Callable[[argparse.Namespace], int] | None, help: str, epilog: str = ""
    ) -> _Parser:
        made[name] = commands.add_parser(name, help=help, description=help, epilog=epilog)
        made[name].set_defaults(function=function)
        return made[name]

    def add_format(sub: _Parser) -> None:
        sub.add_argument("--format", default="table", metavar="|".join(FORMATS), help="default: table")

    def add_settings(sub: _Parser) -> None:
        sub.add_argument("--tier", default="lite", help="smoke, lite, standard or paper (default: lite)")
        sub.add_argument("--steps", type=_whole, metavar="N", help="budget in environment steps (default: the tier's)")
        sub.add_argument("--policy", metavar="P", help=_POLICY)
        sub.add_argument("--preset", metavar="P", help=_PRESET)
        sub.add_argument("--set", action="extend", nargs="+", default=[], metavar="NAME=VALUE", help=_SET)
        sub.add_argument("--devices", type=_whole, metavar="N", help=_DEVICES)
        sub.add_argument("--precision", default="float32", help="of matrix products (default: float32)")
        sub.add_argument("--name", metavar="LABEL", help="directory of the runs (default: the algorithm's name)")
        sub.add_argument("--out", default="runs", metavar="DIR", help="results root (default: runs)")
        sub.add_argument("--log", metavar="tensorboard|wandb", help="send rows there too, off the training clock")
        sub.add_argument("--checkpoint-seconds", type=_seconds, default=60.0, metavar="S", help=_CHECKPOINT_SECONDS)

    tasks = command("tasks", _tasks, "list the tasks, or show one")
    tasks.add_argument("show", nargs="*", metavar="show TASK", help="everything about one task")
    tasks.add_argument("--gallery", metavar="DIR", help="draw the tasks, or the one shown, as DIR/<task>.png")
    add_format(tasks)

    algorithms = command("algorithms", _algorithms, "list the algorithms and their settings, or explain those of one")
    algorithms.add_argument("name", nargs="?", metavar="NAME", help="a name, evosax:NAME, or path/to/file.py:Class")
    add_format(algorithms)

    run = command("run", _run, "train one algorithm on one task and record its scores", _RUN_EXAMPLES)
    run.add_argument("--task", required=True, metavar="T", help="a task's id, or path/to/file.py:NAME")
    run.add_argument("--algorithm", required=True, metavar="A", help="a name, evosax:NAME, or path/to/file.py:Class")
    run.add_argument("--seed", type=_whole, default=0, metavar="N", help="default: 0")
    add_settings(run)
    run.add_argument("--resume", action="store_true", help="go on with the run that is there and unfinished")
    run.add_argument("--max-seconds", type=_seconds, metavar="S", help=_MAX_SECONDS)
    run.add_argument("-v", "--verbose", action="store_true", help=_VERBOSE)
    run.add_argument("--dry-run", action="store_true", help="show what would run, and run nothing")

    sweep = command("sweep", _sweep, "run tasks x algorithms x seeds", _SWEEP_EXAMPLES)
    sweep.add_argument("--tasks", required=True, type=_names, metavar="T,T|all", help="ids, or all")
    sweep.add_argument("--algorithms", required=True, type=_names, metavar="A,A", help="names")
    sweep.add_argument("--seeds", required=True, type=_seeds, metavar="0:5", help="0:5 (0 to 4) or 0,3")
    add_settings(sweep)
    sweep.add_argument("--engine", default="local", metavar="local|ray", help="where runs are run (default: local)")
    sweep.add_argument("--jobs", type=_positive, metavar="N", help=_JOBS)
    sweep.add_argument("--shard", type=_shard, metavar="I/N", help="the share I of N, 1/N to N/N, of the runs")
    sweep.add_argument("--retries", type=_whole, default=3, metavar="N", help=_RETRIES)
    sweep.add_argument("--status", action="store_true", help="show how the runs stand, and run nothing")

    tune = command("tune", _tune, "find settings: the same number of trials for every algorithm", _TUNE_EXAMPLES)
    tune.add_argument("--tasks", required=True, type=_names, metavar="T,T|all", help="ids, or all")
    tune.add_argument("--algorithms", required=True, type=_names, metavar="A,A", help="names")
    tune.add_argument("--trials", type=_positive, default=16, metavar="N", help="of each algorithm (default: 16)")
    tune.add_argument("--tier", default="lite", help="smoke, lite, standard or paper (default: lite)")
    tune.add_argument("--ranges", metavar="FILE", help=_RANGES)
    tune.add_argument("--jobs", type=_positive, metavar="N", help=_JOBS)
    tune.add_argument("--out", default="tuning", metavar="DIR", help="where to write (default: tuning)")
    tune.add_argument("--status", action="store_true", help="show how far it is, and run nothing")
    tune.add_argument("--dry-run", action="store_true", help="show what it would take, and run nothing")

    speed = command("speed", _speed, "measure inference, EGGROLL and OpenES on this machine", _SPEED_EXAMPLES)
    speed.add_argument("--task", metavar="T", help="a task's id, or path/to/file.py:NAME (default: the policy alone)")
    speed.add_argument("--width", type=_whole, default=256, metavar="N", help="of the three layers (default: 256)")
    speed.add_argument("--population", type=_whole, default=1024, metavar="N", help="members (default: 1024)")
    speed.add_argument("--rank", type=_whole, default=1, metavar="N", help="of EGGROLL's noise (default: 1)")
    add_format(speed)

    report = command("report", _report, "write tables, figures and a page of all runs below directories")
    report.add_argument("directories", nargs="+", metavar="DIR")
    report.add_argument("--out", default="report", metavar="DIR", help="where to write (default: report)")

    play = command("play", _play, "film episodes of a run's deployed policy", _PLAY_EXAMPLES)
    play.add_argument("run", metavar="RUN", help="the directory of a run")
    play.add_argument("--out", required=True, metavar="FILE", help="FILE.gif or FILE.mp4")
    play.add_argument("--seed", type=_whole, default=0, metavar="N", help="of the first episode (default: 0)")
    play.add_argument("--episodes", type=_positive, default=1, metavar="N", help="one after another (default: 1)")
    play.add_argument("--fps", type=_rate, metavar="N", help=_FPS)
    play.add_argument("--task", metavar="TASK", help="path/to/file.py:NAME, where the run's task is a Task of a file")

    board = command("leaderboard", None, "check, submit, verify and rank entries", _LEADERBOARD_EXAMPLES)
    actions = board.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, function: Callable[[argparse.Namespace], int], help: str) -> _Parser:
        made[f"leaderboard {name}"] = actions.add_parser(name, help=help, description=help)
        made[f"leaderboard {name}"].set_defaults(function=function)
        return made[f"leaderboard {name}"]

    check = action("check", _leaderboard_check, "check an entry without executing any of it")
    check.add_argument("entry", metavar="DIR", help="the entry's directory, in its board's")
    check.add_argument("--base", metavar="REF", help="also that nothing else was changed since this git commit")
    submit = action("submit", _leaderboard_submit, "pack finished runs as an entry, and check it")
    submit.add_argument("runs", nargs="+", metavar="RUNS", help="directories with the runs")
    submit.add_argument("--entry", required=True, metavar="FILE", help="entry.toml: what the entry is")
    submit.add_argument("--boards", default="leaderboards", metavar="DIR", help="default: leaderboards")
    verify = action("verify", _leaderboard_verify, "try an entry's policies, or its method, on this machine")
    verify.add_argument("entry", metavar="DIR", help="the entry's directory, in its board's")
    verify.add_argument("--mode", required=True, metavar="replay|rerun", help="evaluate its policies, or train anew")
    verify.add_argument("--public-number", type=_whole, metavar="N", help=_PUBLIC_NUMBER)
    verify.add_argument("--policies", metavar="DIR", help="of replay: a results root with the policies that it lacks")
    verify.add_argument("--tasks", type=_names, metavar="T,T", help="of rerun: four or more (default: four are drawn)")
    verify.add_argument("--fresh-seeds", type=_positive, default=3, metavar="N", help="of rerun, a task (default: 3)")
    verify.add_argument("--twins", action="store_true", help=_TWINS)
    verify.add_argument("--max-seconds", type=_seconds, default=6 * 3600.0, metavar="S", help=_CODE_SECONDS)
    verify.add_argument("--max-memory", type=_positive, default=8192, metavar="MIB", help=_CODE_MEMORY)
    build = action("build", _leaderboard_build, "write the ranking and the page of all boards")
    build.add_argument("--check", action="store_true", help="only say what is out of date; status 1")
    build.add_argument("--boards", default="leaderboards", metavar="DIR", help="default: leaderboards")

    command("doctor", _doctor, "versions, devices, suites and a smoke run: what a bug report needs")

    new = command("new", _new, "write a file to start from, with its own test", _NEW_EXAMPLES)
    new.add_argument("kind", metavar="strategy", help="strategy: an evolution strategy of your own")
    new.add_argument("name", metavar="NAME", help="of the file, in snake case; the class is named after it")
    return parser, made


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser, commands = _parser()
    argv = argv or ["--help"]
    name = argv[0]
    if not name.startswith("-"):
        if name not in commands:
            raise unknown("command", name, _first_words(commands))
        actions = [action.partition(" ")[2] for action in commands if action.startswith(f"{name} ")]
        if actions and argv[1:] and not argv[1].startswith("-"):
            if argv[1] not in actions:
                raise unknown(f"action of esbench {name}", argv[1], actions)
            name = f"{name} {argv[1]}"
        # Before argparse, which would name a missing option first and give no nearest one.
        for argument in argv[1:]:
            option = argument.partition("=")[0]
            if option.startswith("--") and option not in commands[name].options():
                raise unknown(f"option of esbench {name}", option, commands[name].options())
    return parser.parse_args(argv)


def _first_words(commands: dict[str, _Parser]) -> list[str]:
    """The commands without their actions."""
    return [name for name in commands if " " not in name]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv`, the process's by default. The exit status: 0 done, 1 failed, 2 bad input, 75
    stopped before the end (run it again with --resume)."""
    arguments = None
    try:
        arguments = _parse(sys.argv[1:] if argv is None else argv)
        return arguments.function(arguments)
    except InputError as error:
        print(f"esbench: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except (StrategyError, StorageError, TaskError) as error:
        if getattr(arguments, "verbose", False):
            traceback.print_exception(error)
        print(f"esbench: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except SystemExit as error:  # argparse, after --help
        return error.code if isinstance(error.code, int) else 1


def _checked_format(arguments: argparse.Namespace) -> str:
    if arguments.format not in FORMATS:
        raise unknown("format", arguments.format, FORMATS)
    return arguments.format


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, allow_nan=False))


def _print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _tasks(arguments: argparse.Namespace) -> int:
    from esbench.tasks.registry import environments, task, task_specs

    form = _checked_format(arguments)
    match arguments.show:
        case [] if arguments.gallery is not None:
            return _gallery(environments(), arguments.gallery)
        case ["show", name] if arguments.gallery is not None:
            return _gallery([task(name).spec.id], arguments.gallery)
        case []:
            specs = task_specs()
            if form == "json":
                _print_json([spec.to_json() for spec in specs])
            else:
                _print_columns(
                    [("task", "suite", "actions", "cap", "lite steps", "description")]
                    + [
                        (
                            spec.id,
                            spec.suite,
                            spec.action_kind or spec.track,
                            "-" if spec.max_episode_steps is None else f"{spec.cap:,}",
                            f"{spec.budgets.lite:,}",
                            spec.description,
                        )
                        for spec in specs
                    ]
                )
        case ["show", name]:
            spec = task(name).spec
            _print_json(spec.to_json()) if form == "json" else _print_card(spec)
        case _:
            raise InputError(
                f"tasks {' '.join(arguments.show)!r}: expected `esbench tasks` or `esbench tasks show TASK`"
            )
    return 0


def _gallery(tasks: Sequence[str], directory: str) -> int:
    """A picture of each task, and of all together; a task that cannot be drawn is named, and the status is 1."""
    from gymnasium.error import Error

    from esbench.experiment.one_run import compilation_cache
    from esbench.tasks import gallery

    compilation_cache.enable()
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write pictures to {directory}: {error.strerror}") from error
    pictures = []
    for name in tasks:
        try:
            pictures.append((name, gallery.snapshot(name)))
        except Error as error:
            print(f"esbench: no picture of {name}: {' '.join(str(error).split())}", file=sys.stderr)
            continue
        print(gallery.save(folder, *pictures[-1]), flush=True)
    if len(tasks) > 1 and pictures:
        print(gallery.save(folder, gallery.SHEET, gallery.contact_sheet(pictures)))
    return 0 if len(pictures) == len(tasks) else 1


def _print_card(spec: "TaskSpec") -> None:
    import textwrap

    from esbench.tasks import cards

    lines = cards.lines(spec)
    width = max(len(name) for name, _ in lines) + 2
    for name, text in lines:
        print(textwrap.fill(text, 110, initial_indent=name.ljust(width), subsequent_indent=" " * width))


def _algorithms(arguments: argparse.Namespace) -> int:
    from esbench.algorithms.registry import algorithm_names, describe

    form = _checked_format(arguments)
    if arguments.name is not None:
        return _algorithm(arguments.name, form)
    described = [(name, *describe(name)) for name in algorithm_names()]
    if form == "json":
        _print_json([{"name": name, "description": text, "settings": values} for name, text, values in described])
        return 0
    for name, text, values in described:
        print(f"{name}: {text}")
        print(f"  {', '.join(f'{setting}={value}' for setting, value in values.items())}")
    print("evosax:NAME: a strategy of evosax, such as evosax:SNES (pip install 'esbench[evosax]')")
    print("path/to/file.py:ClassName: one of your own (esbench new strategy NAME)")
    return 0


def _algorithm(name: str, form: str) -> int:
    """One algorithm: its settings with their meaning, and what runs of tier lite use."""
    from esbench.algorithms.registry import describe, meanings
    from esbench.experiment.options.presets import lite_values

    text, defaults = describe(name)
    said, (preset, by_task) = meanings(name), lite_values(name)
    used = {
        setting: list(dict.fromkeys(values.get(setting, value) for values in by_task.values()))
        for setting, value in defaults.items()
    }
    if form == "json":
        settings = {
            setting: {"default": value, "lite": used[setting], "meaning": said.get(setting, "")}
            for setting, value in defaults.items()
        }
        _print_json({"name": name, "description": text, "preset": preset, "settings": settings, "tasks": by_task})
        return 0
    print(f"{name}: {text}")
    _print_columns(
        [("setting", "default", "lite", "meaning")]
        + [(s, str(value), " | ".join(map(str, used[s])), said.get(s, "")) for s, value in defaults.items()]
    )
    print(f"lite: what runs of tier lite use, by task where there are several (preset {preset}); change it with --set")
    return 0


def _settings(pairs: list[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise InputError(f"--set {pair!r}: expected NAME=VALUE")
        settings[name] = value
    return settings


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that `run` and `sweep` share, as `resolve` takes them."""
    return {
        "tier": arguments.tier,
        "steps": arguments.steps,
        "preset": arguments.preset,
        "settings": _settings(arguments.set),
        "name": arguments.name,
        "precision": arguments.precision,
        "devices": arguments.devices,
        "out": arguments.out,
        "policy": arguments.policy,
        "checkpoint_seconds": arguments.checkpoint_seconds,
        "log": arguments.log,
    }


def _run(arguments: argparse.Namespace) -> int:
    from esbench.experiment.options.config import resolve

    config = resolve(arguments.task, arguments.algorithm, **_options(arguments))
    if arguments.dry_run:
        from esbench.experiment.one_run import sinks
        from esbench.experiment.terminal.dry_run import plan
        from esbench.results.run_directory import RunDirectory

        sinks.check(arguments.log)
        if not arguments.resume:
            RunDirectory.check_new(config.path(arguments.seed))
        _print_columns(plan(config, arguments.seed))
        return 0
    from esbench.experiment.one_run import interrupt, mesh
    from esbench.experiment.one_run.run import run_config

    result = run_config(config, arguments.seed, arguments.max_seconds, arguments.resume, arguments.verbose)
    if interrupt.requested():
        print("interrupted: what was finished is on disk", file=sys.stderr)
    if mesh.is_first():
        print(_outcome(config, arguments.seed, result))
    return 0 if result.finished else interrupt.STATUS


def _outcome(config: "RunConfig", seed: int, result: "RunResult") -> str:
    from esbench.results.untrained import untrained

    row = result.score or result.rows[-1]
    said = "" if result.finished else "unfinished (go on with --resume), "
    said += f"{first}: " if (first := untrained(result.rows, config.task.spec.cost_word)) else ""
    said += f"{row.measure} {row.value:.6g} at {row.useful_steps:,} {config.task.spec.cost_word}"
    return f"{config.label} seed {seed}: {said}, {result.path}"


def _sweep(arguments: argparse.Namespace) -> int:
    import jax

    from esbench.experiment.many_runs.jobs import check_settings, product, shard
    from esbench.experiment.many_runs.sweep import device_environments, sweep
    from esbench.experiment.one_run import interrupt, sinks
    from esbench.experiment.terminal.sweep_table import table
    from esbench.tasks.registry import environments

    if arguments.engine not in ENGINES:
        raise unknown("engine", arguments.engine, ENGINES)
    if arguments.engine == "ray" and arguments.jobs is not None:
        raise InputError(f"--jobs {arguments.jobs}: Ray decides how many runs there are at a time; expected no --jobs")
    sinks.check(arguments.log)
    # The runs are other processes'; this one must not take a GPU from them.
    jax.config.update("jax_platforms", "cpu")
    tasks = environments() if arguments.tasks == ["all"] else arguments.tasks
    jobs = product(tasks, arguments.algorithms, arguments.seeds, **_options(arguments))
    if arguments.shard is not None:
        jobs = shard(jobs, *arguments.shard)
    if arguments.status:
        return _print_status(jobs)
    check_settings(jobs)
    if arguments.engine == "ray":
        from esbench.experiment.many_runs.ray_engine import sweep_on_ray

        gpus = arguments.devices or 1
        outcome = sweep_on_ray(jobs, table(sys.stderr), Path(arguments.out), arguments.retries, gpus)
    else:
        processes, environments = device_environments(arguments.jobs, arguments.devices or 1)
        outcome = sweep(jobs, table(sys.stderr), processes, arguments.retries, environments)
    said = f"{len(outcome.done)} done, {len(outcome.before)} finished before, {len(outcome.failed)} failed"
    if outcome.elsewhere:
        said += f", {len(outcome.elsewhere)} run by another process"
    print(f"{len(jobs)} runs: {said}; they are in {arguments.out}")
    for job, error in outcome.failed.items():
        print(f"failed: {job.path}: {error}")
    if finished := [*outcome.before, *outcome.done]:
        _print_scores(finished)
        print(f"next: esbench report {arguments.out}")
    if outcome.stopped:
        print("interrupted: the same command goes on", file=sys.stderr)
    return 1 if outcome.failed else 0 if outcome.complete else interrupt.STATUS


def _print_scores(jobs: "Sequence[Job]") -> None:
    """By task and algorithm the mean of the scores of finished runs; first, where some are the untrained policy's."""
    from statistics import fmean

    from esbench.results.run_directory import RunDirectory
    from esbench.results.untrained import is_untrained, untrained

    scores: dict[str, dict[str, list[float]]] = {}
    spoilt: dict[str, list[Row]] = {}  # of the untrained runs of each, the one with the longest generation
    for job in jobs:
        spec, rows = job.config.task.spec, RunDirectory.open(job.path).rows
        (score,) = [row for row in rows if row.final]
        scores.setdefault(f"{spec.id} ({score.measure})", {}).setdefault(job.config.name, []).append(score.value)
        if is_untrained(score):
            others = spoilt.get(job.config.label, rows)
            spoilt[job.config.label] = max(rows, others, key=lambda of: of[-1].useful_steps)
    for label, rows in spoilt.items():
        print(f"{label}: {untrained(rows)}")
    names = list(dict.fromkeys(job.config.name for job in jobs))
    lines = [("mean score", *names)]
    for task, of in scores.items():
        cells = [f"{fmean(of[name]):.4g} (n={len(of[name])})" if name in of else "-" for name in names]
        marks = [" UNTRAINED" if f"{task.partition(' ')[0]} {name}" in spoilt else "" for name in names]
        lines.append((task, *map("".join, zip(cells, marks, strict=True))))
    _print_columns(lines)


def _print_status(jobs: "Sequence[Job]") -> int:
    from esbench.experiment.many_runs.jobs import STATUSES, status
    from esbench.results.error_file import last_error

    counts: dict[str, dict[str, int]] = {}
    everything = dict.fromkeys(STATUSES, 0)
    errors = []
    for job in jobs:
        now = status(job)
        for of in (counts.setdefault(job.config.label, dict.fromkeys(STATUSES, 0)), everything):
            of[now] += 1
        if now == "failed":
            errors.append(f"failed: {job.path}: {last_error(job.path)}")
    rows = [(label, *map(str, of.values())) for label, of in [*counts.items(), ("all", everything)]]
    _print_columns([("", *STATUSES), *rows])
    for line in errors:
        print(line)
    return 0


def _tune(arguments: argparse.Namespace) -> int:
    import jax

    from esbench.experiment.many_runs.sweep import device_environments
    from esbench.experiment.one_run import interrupt
    from esbench.experiment.options.config import default_name
    from esbench.experiment.terminal.sweep_table import table
    from esbench.tasks.registry import environments
    from esbench.tuning import record
    from esbench.tuning.space import ranges_file, read_space
    from esbench.tuning.tune import dry_run, errors, plan, progress, tune, untold

    # The runs are other processes'; this one must not take a GPU from them.
    jax.config.update("jax_platforms", "cpu")
    if arguments.ranges is not None and len(arguments.algorithms) > 1:
        raise InputError(f"--ranges {arguments.ranges}: expected one algorithm, not {', '.join(arguments.algorithms)}")
    files = [Path(arguments.ranges) if arguments.ranges else ranges_file(name) for name in arguments.algorithms]
    spaces = [read_space(file, name) for file, name in zip(files, arguments.algorithms, strict=True)]
    tasks = environments() if arguments.tasks == ["all"] else arguments.tasks
    out = Path(arguments.out)
    searches = plan(tasks, spaces, arguments.trials, arguments.tier, out)
    if arguments.dry_run:
        _print_columns(dry_run(searches))
        print(
            "training: one run after the other, at the speed of the runs that are there, else a minute a lite budget;"
        )
        print("compilation and evaluation come on top")
        return 0
    complete = True
    if not arguments.status:
        processes, environments = device_environments(arguments.jobs, 1)
        write = functools.partial(record.write, searches, spaces, out)
        complete = tune(searches, table(sys.stderr), write, processes, environments)
    _print_columns(progress(searches))
    for line in [*untold(searches), *errors(searches)]:
        print(line)
    if arguments.status:
        return 0
    left = ("trials.csv", "best_of_k.png", "chosen", "fixed")
    print(f"{out}: {', '.join(name for name in left if (out / name).exists())}")
    if told := next((search for search in searches if search.chosen() is not None), None):
        name = default_name(told.algorithm)
        options = f"--task {told.task_name} --algorithm {told.algorithm}{_given('--tier', arguments.tier, 'lite')}"
        print(f"next: esbench run {options} --preset {out / 'chosen' / name}.toml --name {name}-tuned")
    if not complete:
        print("interrupted, or in part run by another process: the same command goes on", file=sys.stderr)
        return interrupt.STATUS
    return 0 if all(search.chosen() is not None for search in searches) else 1


def _doctor(_arguments: argparse.Namespace) -> int:
    from esbench.doctor import examine

    found = ""
    for name, found in examine():
        print(f"{name:18} {found}", flush=True)
    return 0 if found.startswith("ok") else 1


def _play(arguments: argparse.Namespace) -> int:
    from esbench.experiment.one_run import compilation_cache
    from esbench.experiment.one_run.play import play

    compilation_cache.enable()
    run, out = Path(arguments.run), Path(arguments.out)
    played = play(run, out, arguments.seed, arguments.task, arguments.fps, arguments.episodes)
    every = "" if played.stride == 1 else f", one frame every {played.stride} steps"
    said = f"{played.untrained}: " if played.untrained else ""
    said += "" if arguments.episodes == 1 else f"{arguments.episodes} episodes, mean "
    print(f"{out}: {said}return {played.episode_return:.6g} in {played.steps:,} steps{every}, {played.fps:g} frames/s")
    return 0


def _new(arguments: argparse.Namespace) -> int:
    from esbench.scaffold import new_strategy

    if arguments.kind != "strategy":
        raise unknown("kind of file", arguments.kind, ["strategy"])
    path, test, class_name = new_strategy(arguments.name, Path())
    print(f"wrote {path} and {test}; to try them:")
    print(f"  python -m pytest {test}")
    print(f"  esbench run --task CartPole-v1 --algorithm {path}:{class_name}")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from esbench.report.write import write_report

    report = write_report(arguments.directories, arguments.out)
    print(report.text)
    print(f"table:  {report.table}")
    print(f"figure: {report.figure}")
    print(f"page:   {report.page}")
    return 0


def _leaderboard_check(arguments: argparse.Namespace) -> int:
    from esbench.leaderboard.changes import changed_elsewhere
    from esbench.leaderboard.check import check

    path = Path(arguments.entry)
    checked = check(path)
    asked = arguments.base is not None and not checked.problems
    elsewhere = changed_elsewhere(path, arguments.base) if asked else []
    return _print_checked(path, checked, [f"{name}: changed, but not the entry's" for name in elsewhere])


def _leaderboard_submit(arguments: argparse.Namespace) -> int:
    from esbench.leaderboard.submit import submit, together

    say = functools.partial(print, file=sys.stderr, flush=True)
    submitted = submit([Path(run) for run in arguments.runs], Path(arguments.entry), Path(arguments.boards), say)
    for run in submitted.left_out:
        print(f"left out: {run}: not a task and seed of the board")
    for run in submitted.unfinished:
        print(f"unfinished: {run}: the command that started it goes on with it")
    if submitted.lacking:
        print(f"partial: {submitted.path} has no runs of {', '.join(submitted.lacking)}")
    checked = submitted.checked
    status = _print_checked(submitted.path, replace(checked, problems=together(checked.problems)), [])
    if status == 0:
        print(f"next: esbench leaderboard build{_given('--boards', arguments.boards, 'leaderboards')}")
    return status


def _given(option: str, value: str, default: str) -> str:
    """An option as the next command needs it: nothing where it is the default."""
    return "" if value == default else f" {option} {value}"


def _print_checked(path: Path, checked: "CheckedEntry", more: list[str]) -> int:
    """All problems, or what was found to be good."""
    from esbench.leaderboard.states import state_of

    problems = [*checked.problems, *more]
    _print_problems(path, problems)
    if problems or checked.evidence is None:
        print(f"esbench: {path}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)
        return 1
    entry = checked.evidence.entry
    aggregate = "partial" if entry.scores.aggregate is None else f"ranking score {entry.scores.aggregate:.3f}"
    print(
        f"{path}: {state_of(checked)}, {len(entry.tasks)} of {len(checked.evidence.board.tasks)} tasks, "
        f"{len(checked.evidence.finished)} runs, {len(entry.failures)} failed, {aggregate}"
    )
    print(f"tree hash {checked.evidence.directory.tree_hash}")
    return 0


def _print_problems(path: Path, problems: list[str]) -> None:
    """One line each; what strangers wrote must neither flood the terminal nor speak to it."""
    for problem in problems[:50]:
        cut = problem if len(problem) <= 300 else f"{problem[:297]}..."
        print(f"{path}: {''.join(letter if letter.isprintable() else '?' for letter in cut)}")
    if len(problems) > 50:
        print(f"{path}: and {len(problems) - 50} more")


def _leaderboard_verify(arguments: argparse.Namespace) -> int:
    from esbench.leaderboard.verification.rerun import Plan
    from esbench.leaderboard.verification.sandbox import Limits
    from esbench.leaderboard.verification.verify import verify

    path = Path(arguments.entry)
    policies = None if arguments.policies is None else Path(arguments.policies)
    limits = Limits.of(arguments.max_seconds, arguments.max_memory * 2**20)
    plan = Plan(arguments.tasks, arguments.fresh_seeds, arguments.twins, limits)
    say = functools.partial(print, flush=True)
    checked, found = verify(path, arguments.mode, arguments.public_number, policies, plan, say)
    problems = [*checked.problems, *(found.problems if found is not None else [])]
    _print_problems(path, problems)
    if problems or found is None:
        print(f"esbench: {path}: {len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)
        return 1
    partly = "" if getattr(found, "complete", True) else ", in part: the other policies are not here (--policies DIR)"
    print(f"{path}: passed its {arguments.mode}{partly}")
    return 0


def _leaderboard_build(arguments: argparse.Namespace) -> int:
    from esbench.leaderboard.build import build, differing

    boards = Path(arguments.boards)
    files = build(boards)
    changed = differing(boards, files)
    if arguments.check:
        for name in changed:
            print(f"{boards / name}: not what the entries give; run `esbench leaderboard build`")
        return 1 if changed else 0
    try:
        for name in changed:
            (boards / name).write_text(files[name], encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {error.filename}: {error.strerror}") from error
    print(f"{boards}: {', '.join(changed) or 'nothing'} written")
    return 0


def _speed(arguments: argparse.Namespace) -> int:
    form = _checked_format(arguments)
    from esbench.speed.report import measure

    report = measure(arguments.task, arguments.width, arguments.population, arguments.rank)
    if form == "json":
        _print_json(report.to_json())
        return 0
    print(f"{report.task or 'the policy alone'} on {report.device['kind']} ({report.device['platform']})")
    print(", ".join(f"{name} {value}" for name, value in report.settings.items()))
    _print_columns(
        [("", "steps/s", "ratio", "compile s", "occupancy", "memory MiB")]
        + [
            (
                m.name,
                f"{m.steps_per_second:,.0f}",
                f"{m.ratio_to_inference:.3f}",
                f"{m.compile_seconds:.1f}",
                "-" if m.lane_occupancy is None else f"{m.lane_occupancy:.2f}",
                f"{m.peak_memory_bytes / 2**20:.1f}",
            )
            for m in report.measurements
        ]
    )
    return 0
