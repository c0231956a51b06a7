"""Services that a run's rows are also sent to. The run directory has everything without them."""

import importlib.util
from collections.abc import Callable
from typing import Any, Protocol

from esbench.errors import InputError, unknown
from esbench.results.load import CLOCKS, COUNTS, scores
from esbench.results.records import Row
from esbench.results.run_directory import RunDirectory
from esbench.tasks.spec import TaskSpec


class Sink(Protocol):
    """Told every row once it is on disk."""

    def row(self, row: Row) -> None: ...
    def close(self) -> None: ...


def scalars(row: Row, spec: TaskSpec) -> dict[str, float]:
    """The numbers of a row, by the names of `load_results`; training metrics as `training/<name>`, absent ones left
    out."""
    values = row.model_dump(include={*COUNTS, *CLOCKS})
    training = {f"training/{name}": value for name, value in row.training.items() if value is not None}
    return values | scores(row, spec) | training


class TensorBoard:
    """Event files in the run's own directory, under `tensorboard`; the step is the number of useful steps."""

    def __init__(self, directory: RunDirectory):
        from tensorboardX import SummaryWriter

        self._spec = TaskSpec.from_json(directory.manifest.task)
        self._writer = SummaryWriter(str(directory.path / "tensorboard"))
        self._writer.add_text("manifest", directory.manifest.model_dump_json(indent=2))

    def row(self, row: Row) -> None:
        for name, value in scalars(row, self._spec).items():
            self._writer.add_scalar(name, value, row.useful_steps)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """One run of the project `esbench`, with the manifest as its configuration. WANDB_* variables mean what they do
    elsewhere, such as WANDB_MODE=offline; local files are in the run's own directory."""

    def __init__(self, directory: RunDirectory):
        import wandb

        manifest = directory.manifest
        self._spec = TaskSpec.from_json(manifest.task)
        self._run = wandb.init(
            project="esbench",
            dir=str(directory.path),
            name=f"{manifest.task['id']} {manifest.name} seed {manifest.seed}",
            group=f"{manifest.tier}/{manifest.task['id']}/{manifest.name}",
            config=manifest.model_dump(),
            settings=wandb.Settings(silent=True),
        )

    def row(self, row: Row) -> None:
        self._run.log(scalars(row, self._spec), step=row.useful_steps)

    def close(self) -> None:
        self._run.finish()


_SINKS: dict[str, tuple[str, Callable[[RunDirectory], Sink]]] = {
    "tensorboard": ("tensorboardX", TensorBoard),
    "wandb": ("wandb", WeightsAndBiases),
}


def check(name: str | None) -> None:
    """InputError for an unknown sink, or one whose package is missing; None is no sink."""
    if name is None:
        return
    if name not in _SINKS:
        raise unknown("sink", name, _SINKS)
    package, _ = _SINKS[name]
    if importlib.util.find_spec(package) is None:
        raise InputError(f"--log {name} needs {package}, which is not installed: pip install 'esbench[{name}]'")


class Guarded:
    """A sink that cannot end a run: its first error is said, and then it is silent."""

    def __init__(self, name: str | None, directory: RunDirectory, message: Callable[[str], None]):
        self._name, self._message = name, message
        self._sink: Sink | None = None
        if name is not None:
            self._sink = self._attempt(lambda: _SINKS[name][1](directory))

    def row(self, row: Row) -> None:
        if (sink := self._sink) is not None:
            self._attempt(lambda: sink.row(row))

    def close(self) -> None:
        if (sink := self._sink) is not None:
            self._attempt(sink.close)

    def _attempt(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:  # any error of a service: training continues
            self._sink = None
            self._message(f"--log {self._name} stopped: {type(error).__name__}: {' '.join(str(error).split())}")
            return None
