"""A report: the table and the learning curves of all runs below some directories."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esbench.errors import InputError
from esbench.report.curves import draw_curves, render
from esbench.report.grouping import check_comparable, run_name
from esbench.report.tables import score_table, to_csv, to_markdown
from esbench.results.load import load_runs, results_of
from esbench.results.run_directory import RunDirectory
from esbench.tasks.spec import TaskSpec


@dataclass(frozen=True)
class Report:
    """What was written. text: the content of table.md. table, figure: the files to name to a reader."""

    text: str
    table: Path
    figure: Path


def write_report(directories: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Report:
    """Writes table.md, table.csv, curves.png and curves.svg into `out`, replacing older ones.

    The same rows give the same bytes. Unfinished runs are named and left out. InputError, and nothing is written,
    where there is no finished run, where runs are mixed that cannot be compared, or where `out` cannot be written.
    """
    runs = load_runs(*directories)
    finished = [run for run in runs if run.finished]
    if not finished:
        raise InputError(f"nothing to report below {', '.join(map(str, directories))}: no run is finished")
    check_comparable(finished)
    table = score_table(results_of(runs))
    text = to_markdown(table) + "\n" + _notes(finished, [run for run in runs if not run.finished])
    figure = draw_curves(results_of(finished), _specs(finished))
    contents = {
        "table.md": text.encode(),
        "table.csv": to_csv(table).encode(),
        "curves.png": render(figure, "png"),
        "curves.svg": render(figure, "svg"),
    }
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (out / name).write_bytes(content)
    except OSError as error:
        raise InputError(f"cannot write a report to {out}: {error.strerror}") from error
    return Report(text, out / "table.md", out / "curves.png")


def _specs(runs: list[RunDirectory]) -> dict[tuple[str, str], TaskSpec]:
    """Per tier and task the newest spec, whose anchors are the best known."""
    newest_last = sorted(runs, key=lambda run: run.manifest.started)
    return {(run.manifest.tier, run.manifest.task["id"]): TaskSpec.from_json(run.manifest.task) for run in newest_last}


def _notes(finished: list[RunDirectory], unfinished: list[RunDirectory]) -> str:
    episodes = sorted({row.episodes for run in finished for row in run.rows if row.final})
    devices = sorted({f"{d.count} x {d.kind} ({d.platform})" for d in (run.manifest.device for run in finished)})
    precisions = sorted({run.manifest.precision for run in finished})
    caches = sorted({run.manifest.compilation_cache for run in finished})
    notes = [
        f"Return: mean over seeds of the deployed policy's mean return over {_listed(episodes)} fresh episodes, in the "
        "mode it acts in; 95% Student-t interval over seeds.",
        "Budget: useful environment steps of training. Useful steps and seconds are those of the score row, means "
        "over seeds; training seconds are without compilation and evaluation. Overshoot: how far a run went past its "
        "budget.",
        f"Computed on {_listed(devices)}, matrix products in {_listed(precisions)}; compilation cache "
        f"{_listed(caches)}.",
    ]
    if unfinished:
        names = ", ".join(f"{run_name(run)} ({len(run.rows)} rows)" for run in unfinished)
        notes.append(f"Left out because unfinished: {names}.")
    return "".join(f"- {note}\n" for note in notes)


def _listed(values: list) -> str:
    return " or ".join(map(str, values))
