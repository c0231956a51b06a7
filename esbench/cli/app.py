"""The commands and `main`: bad input is one line on standard error with status 2."""

import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, Parameter

from esbench.cli.help import Reflowed, page
from esbench.cli.refusal import refusal
from esbench.cli.values import convert, shown
from esbench.errors import InputError, StorageError, StrategyError, TaskError

_EVERY_DAY = {
    "tasks": "list the tasks, or show one",
    "run": "train one algorithm on one task and record its scores",
    "sweep": "run tasks x algorithms x seeds",
    "report": "write tables, figures and a page of all runs below directories",
    "play": "film episodes of a run's deployed policy",
}
_MORE = {
    "algorithms": "list the algorithms and their settings, or explain those of one",
    "new": "write a file to start from, with its own test",
    "tune": "find settings: the same number of trials for every algorithm",
    "speed": "measure inference, EGGROLL and OpenES on this machine",
    "leaderboard": "check, submit, verify and rank entries",
    "doctor": "versions, devices, suites and a smoke run: what a bug report needs",
}
app = App(
    name="esbench",
    help="Evolution strategies, low-rank evolution strategies and PPO on the same 16 RL tasks.",
    help_format="plaintext",
    help_formatter=Reflowed(),
    version_flags=(),
    exit_on_error=False,
    print_error=False,
    default_parameter=Parameter(converter=convert, show_default=shown, negative=(), allow_repeating=True),
)
_more = Group("More", sort_key=1)
app["--help"].group = _more
for _group, _commands in (Group("Every day", sort_key=0), _EVERY_DAY), (_more, _MORE):
    for _place, (_name, _help) in enumerate(_commands.items()):
        # By its name: `--help` and `tasks` answer at once, since nothing else is imported.
        app.command(f"esbench.cli.{_name}:{_name}", name=_name, help=_help, group=_group, sort_key=_place)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv`, the process's by default. The exit status: 0 done, 1 failed, 2 bad input, 75
    stopped before the end (run it again with --resume)."""
    tokens = sys.argv[1:] if argv is None else list(argv)
    verbose = False
    try:
        command, bound, _ = app.parse_args(tokens)
        if command == app.help_print:
            print(page(app, bound.arguments["tokens"]))
            return 0
        verbose = bound.arguments.get("verbose", False)
        return command(*bound.args, **bound.kwargs)
    except CycloptsError as error:
        said, status = refusal(app, tokens, error), 2
    except InputError as error:
        said, status = error, 2
    except (StrategyError, StorageError, TaskError) as error:
        if verbose:
            traceback.print_exception(error)
        said, status = error, 1
    print(f"esbench: {' '.join(str(said).split())}", file=sys.stderr)
    return status
