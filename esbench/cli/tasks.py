"""`esbench tasks`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from esbench.cli.output import print_columns, print_json
from esbench.cli.values import Format, option
from esbench.errors import InputError

if TYPE_CHECKING:
    from esbench.tasks.spec import TaskSpec

_GALLERY = "draw the tasks, or the one shown, as DIR/<task>.png"


def tasks(
    *show: Annotated[str, option("everything about one task", name="show TASK")],
    gallery: Annotated[Path | None, option(_GALLERY, metavar="DIR")] = None,
    form: Format = "table",
) -> int:
    """Status 1 where a task cannot be drawn."""
    from esbench.tasks.registry import environments, task, task_specs

    match show:
        case () if gallery is not None:
            return _gallery(environments(), gallery)
        case ("show", name) if gallery is not None:
            return _gallery([task(name).spec.id], gallery)
        case ():
            specs = task_specs()
            print_json([spec.to_json() for spec in specs]) if form == "json" else _print_tasks(specs)
        case ("show", name):
            spec = task(name).spec
            print_json(spec.to_json()) if form == "json" else _print_card(spec)
        case _:
            raise InputError(f"tasks {' '.join(show)!r}: expected `esbench tasks` or `esbench tasks show TASK`")
    return 0


def _gallery(names: Sequence[str], folder: Path) -> int:
    """A picture of each task, and of all together; a task that cannot be drawn is named, and the status is 1."""
    from gymnasium.error import Error

    from esbench.experiment.one_run import compilation_cache
    from esbench.tasks import gallery

    compilation_cache.enable()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write pictures to {folder}: {error.strerror}") from error
    pictures = []
    for name in names:
        try:
            pictures.append((name, gallery.snapshot(name)))
        except Error as error:
            print(f"esbench: no picture of {name}: {' '.join(str(error).split())}", file=sys.stderr)
            continue
        print(gallery.save(folder, *pictures[-1]), flush=True)
    if len(names) > 1 and pictures:
        print(gallery.save(folder, gallery.SHEET, gallery.contact_sheet(pictures)))
    return 0 if len(pictures) == len(names) else 1


def _print_tasks(specs: "Sequence[TaskSpec]") -> None:
    def cells(spec: "TaskSpec") -> tuple[str, ...]:
        cap = "-" if spec.max_episode_steps is None else f"{spec.cap:,}"
        lite = "-" if "lite" in spec.beyond else f"{spec.budgets.lite:,}"
        return (spec.id, spec.suite, spec.action_kind or spec.track, cap, lite, spec.description)

    print_columns([("task", "suite", "actions", "cap", "lite steps", "description"), *map(cells, specs)])


def _print_card(spec: "TaskSpec") -> None:
    import textwrap

    from esbench.tasks import card
    from esbench.tasks.catalogue import CARDS, LIBRARIES

    lines = card.lines(spec, CARDS.get(spec.id), LIBRARIES.get(spec.suite))
    width = max(len(name) for name, _ in lines) + 2
    for name, text in lines:
        print(textwrap.fill(text, 110, initial_indent=name.ljust(width), subsequent_indent=" " * width))
