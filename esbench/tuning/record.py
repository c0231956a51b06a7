"""What a tuning leaves: all trials as a table, the choices as presets, the expected best of k trials.

    python -m esbench.tuning.record results/tuning

makes the table and the curves anew from the trials there.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from esbench.errors import StorageError
from esbench.experiment.options.config import default_name
from esbench.report.digits import csv, written
from esbench.report.style import render
from esbench.results.records import TuningCost
from esbench.tasks.spec import RETURN, Measure
from esbench.tuning.best_of_k import curves, draw
from esbench.tuning.for_all import ForAll, for_all, results_of
from esbench.tuning.halving import SEEDS, SHARE, Result, Search
from esbench.tuning.space import Settings, Space

RUNS = "runs"
TRIALS = "trials.jsonl"


def write(searches: Sequence[Search], spaces: Sequence[Space], out: Path) -> list[Path]:
    """Everything that is known by now, the files that were there replaced. The files; StorageError where one cannot be
    written.

    trials.csv, trials.jsonl; ranges/<algorithm>.toml; best_of_k.csv, .png, .svg; chosen/<algorithm>.toml, a preset of
    the tasks whose search is finished; fixed/<algorithm>.toml, a preset for every task, once its finalists are.
    """
    files: dict[str, bytes] = {}
    shared = for_all(searches)
    results = [result for search in searches for result in results_of(search, shared)]
    files[TRIALS] = "".join(json.dumps(to_json(result)) + "\n" for result in results).encode()
    files |= _trials_table(results)
    first_rungs = [[search.result(run) for run in search.first] for search in searches]
    files |= _best_of_k([[result for result in rung if result] for rung in first_rungs if None not in rung])
    for space in spaces:
        name = f"{default_name(space.algorithm)}.toml"
        files[f"ranges/{name}"] = space.source.read_bytes()
        own = [search for search in searches if search.algorithm == space.algorithm]
        if chosen := [search for search in own if search.chosen() is not None]:
            files[f"chosen/{name}"] = chosen_preset(chosen).encode()
    for one in shared:
        if one.chosen() is not None:
            files[f"fixed/{default_name(one.algorithm)}.toml"] = fixed_preset(one).encode()
    return _write(out, files)


def redraw(out: Path) -> list[Path]:
    """trials.csv and the curves in `out` anew from trials.jsonl there, as `write` made them once all first rungs were
    settled."""
    lines = (out / TRIALS).read_text(encoding="utf-8").splitlines()
    results = [from_json(json.loads(line)) for line in lines]
    first_rungs: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.rung == 1:
            first_rungs.setdefault((result.task, result.algorithm), []).append(result)
    return _write(out, _trials_table(results) | _best_of_k(list(first_rungs.values())))


def to_json(result: Result) -> dict[str, Any]:
    """A line of trials.jsonl: the mean by the name of its measure, and what the measure is, where it is no return."""
    values = {_column(result.measure) if name == "mean" else name: value for name, value in asdict(result).items()}
    if (result.measure.name, result.measure.sign) == (RETURN.name, RETURN.sign):
        del values["measure"]
    return values


def from_json(line: dict[str, Any]) -> Result:
    """The result of a line of trials.jsonl."""
    values: dict[str, Any] = {"measure": asdict(RETURN), **line}
    measure = Measure(**values.pop("measure"))
    mean = values.pop(_column(measure))
    return Result(**values, mean=mean, measure=measure)


def _column(measure: Measure) -> str:
    return f"{measure.name}_mean"


def _trials_table(results: Sequence[Result]) -> dict[str, bytes]:
    records = [{**to_json(result), "settings": json.dumps(result.settings)} for result in results]
    means = list(dict.fromkeys(_column(result.measure) for result in results)) or [_column(RETURN)]
    names = [field.name for field in fields(Result) if field.name != "measure"]
    columns = [column for name in names for column in (means if name == "mean" else [name])]
    table = pd.DataFrame(records, columns=columns).astype({"score_steps": "Int64"})
    return {"trials.csv": csv(table).encode()}


def _best_of_k(first_rungs: Sequence[Sequence[Result]]) -> dict[str, bytes]:
    best = curves(first_rungs)
    if not len(best):
        return {}
    figure = draw(best)
    table = csv(best).encode()
    return {"best_of_k.csv": table} | {f"best_of_k.{kind}": render(figure, kind) for kind in ("png", "svg")}


def _write(out: Path, files: dict[str, bytes]) -> list[Path]:
    paths = {out / name: content for name, content in files.items()}
    for path, content in paths.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise StorageError.of(f"{path}", error) from error
    return list(paths)


def chosen_preset(searches: Sequence[Search]) -> str:
    """A preset of the tasks of one algorithm's finished searches, each with the trial that was chosen and its cost."""
    text = [f"# Chosen by `esbench tune`, for each task by itself: {_protocol(searches[0])}."]
    text.append("# What follows [tuning] is the cost; the manifests of runs with this preset carry it.")
    for search in searches:
        trial = search.chosen()
        assert trial is not None
        task = json.dumps(search.task.spec.id)
        mean = written(search.told(search.full_budget()[trial]), ".4g")
        text += ["", f"# trial {trial}: mean {search.quantity} {mean} over tuning seeds"]
        text += _table(f"tasks.{task}", search.trials[trial])
        text += ["", *_table(f"tuning.tasks.{task}", _cost(search.results()).model_dump())]
    return "\n".join(text) + "\n"


def fixed_preset(shared: ForAll) -> str:
    """A preset with the setting that was chosen for all tasks of an algorithm, and what finding it cost."""
    (trial, mean), *_ = shared.means().items()
    first, finalists = shared.searches[0], len(shared.means())
    best = f", the best {finalists} at all of it" if len(shared.searches) > 1 else ""
    text = [
        "# Chosen by `esbench tune`, one setting for all tasks, by the mean over tasks of scores, none above 1: of",
        f"# {len(first.trials)} trials at 1/{SHARE} of {_budget(first)}{best}: trial {trial},",
        f"# {written(mean, '.4g')} over {', '.join(search.task.spec.id for search in shared.searches)} (tuning seed "
        f"{SEEDS[0]}).",
    ]
    text += _table("default", first.trials[trial])
    cost = [result for rung in (shared.firsts() or [], shared.results()) for results in rung for result in results]
    text += ["", *_table("tuning.default", _cost(cost).model_dump())]
    return "\n".join(text) + "\n"


def _protocol(search: Search) -> str:
    return (
        f"of {len(search.trials)} trials at 1/{SHARE} of {_budget(search)} the best {search.promoted} at all\n"
        f"# of it (tuning seed {SEEDS[0]}), the best two of those again on seeds {SEEDS[1]} and {SEEDS[2]}, then the "
        "better mean"
    )


def _budget(search: Search) -> str:
    cost = search.task.spec.cost_word
    return f"the {search.tier} budget" if search.steps is None else f"{search.steps:,} {cost}"


def _cost(results: Sequence[Result]) -> TuningCost:
    return TuningCost(
        trials=len({result.trial for result in results}),
        seeds=len({result.seed for result in results}),
        useful_steps=sum(result.useful_steps for result in results),
    )


def _table(name: str, values: Settings) -> Iterable[str]:
    # JSON's text of a bool, a number and a string is also TOML's.
    return [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]


if __name__ == "__main__":
    redraw(Path(sys.argv[1]))
