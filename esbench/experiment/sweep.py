"""Many runs, one after another: tasks x algorithms x seeds, compiled once per task and algorithm."""

from collections.abc import Iterable

from esbench.errors import InputError, StrategyError
from esbench.experiment import sinks
from esbench.experiment.config import RunConfig
from esbench.experiment.progress import Progress
from esbench.experiment.run import RunResult, announce_and_prepare, run_seed
from esbench.results.run_directory import ROWS_FILE, RunDirectory


def sweep(
    configs: Iterable[RunConfig], seeds: Iterable[int], reporter: Progress, log: str | None = None
) -> list[RunResult | Exception]:
    """Runs every configuration with every seed; finished runs are left as they are. log: as for `run_config`.

    One result per run that was not finished: what it left, or the error that ended it; an error does not stop the
    others.
    """
    sinks.check(log)
    seeds = list(seeds)
    results: list[RunResult | Exception] = []
    for config in configs:
        pending = [seed for seed in seeds if not _finished(config, seed)]
        if len(pending) < len(seeds):
            reporter.message(f"{config.label}: {len(seeds) - len(pending)} of {len(seeds)} runs are finished already")
        if pending:
            results += _run_all(config, pending, reporter, log)
    return results


def _run_all(config: RunConfig, seeds: list[int], reporter: Progress, log: str | None) -> list[RunResult | Exception]:
    def failed(label: str, error: Exception) -> Exception:
        name = "" if isinstance(error, InputError | StrategyError) else f"{type(error).__name__}: "
        reporter.message(f"{label} failed: {name}{error}")
        return error

    try:
        prepared = announce_and_prepare(config, reporter)
    except Exception as error:
        return [failed(config.label, error)] * len(seeds)
    results: list[RunResult | Exception] = []
    for seed in seeds:
        try:
            results.append(run_seed(prepared, seed, reporter, log=log))
        except Exception as error:
            results.append(failed(f"{config.label} seed {seed}", error))
    return results


def _finished(config: RunConfig, seed: int) -> bool:
    path = config.path(seed)
    return (path / ROWS_FILE).exists() and RunDirectory.open(path).finished
