"""The runs of a sweep: which there are, and how each stands on disk."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from esbench.errors import InputError
from esbench.experiment.one_run.prepare import make_problem
from esbench.experiment.options.config import RunConfig, resolve
from esbench.problem import Evolution
from esbench.results.error_file import ERROR_FILE, has_failed
from esbench.results.lock import is_locked
from esbench.results.run_directory import ROWS_FILE, RunDirectory
from esbench.settings import field_names, number_names

Status = Literal["finished", "running", "failed", "unfinished", "waiting"]
STATUSES: tuple[Status, ...] = ("finished", "running", "failed", "unfinished", "waiting")


@dataclass(frozen=True, eq=False)
class Job:
    """One run of a sweep. options: what `resolve` made `config` of, as JSON values: another process makes it again."""

    options: Mapping[str, Any]
    config: RunConfig
    seed: int

    @property
    def label(self) -> str:
        return f"{self.config.label} seed {self.seed}"

    @cached_property
    def path(self) -> Path:
        return self.config.path(self.seed)

    @cached_property
    def programs(self) -> str:
        """The same for runs that share their compiled programs: they may differ in seed, budget and numbers."""
        config = self.config
        numbers = number_names(config.algorithm)
        if config.network is None:  # how a strategy meets it, a problem of the user's own may ask for in Python
            numbers -= set(field_names(Evolution))
        settings = {name: value for name, value in config.settings.items() if name not in numbers}
        named = [self.options["task"], config.algorithm_name, config.options.of_programs]
        return json.dumps([*named, settings, config.policy, config.problem, config.sizes], sort_keys=True)


@dataclass
class SweepOutcome:
    """How the jobs of a sweep ended. failed: the error by job."""

    before: list[Job] = field(default_factory=list)
    done: list[Job] = field(default_factory=list)
    failed: dict[Job, str] = field(default_factory=dict)
    elsewhere: list[Job] = field(default_factory=list)
    stopped: bool = False

    @property
    def complete(self) -> bool:
        return not (self.failed or self.elsewhere or self.stopped)


def product(tasks: Sequence[str], algorithms: Sequence[str], seeds: Sequence[int], **options: Any) -> list[Job]:
    """All runs, those that share their programs in a row; InputError, before anything starts, for what cannot be run.

    options: of `resolve`, the same for all.
    """
    jobs = []
    for task in tasks:
        for algorithm in algorithms:
            own: dict[str, Any] = {"task": task, "algorithm": algorithm, **options}
            config = resolve(**own)
            check_start(config)
            jobs += [Job(own, config, seed) for seed in seeds]
    paths: dict[Path, Job] = {}
    for job in jobs:
        if (other := paths.setdefault(job.path, job)) is not job:
            raise InputError(
                f"{other.config.algorithm_name} and {job.config.algorithm_name} would share the directory {job.path}: "
                + (
                    "--name goes with one algorithm"
                    if options.get("name")
                    else "expected algorithms of different names"
                )
            )
    return jobs


def check_start(config: RunConfig) -> None:
    """InputError where what is to be begun from is not of the configuration's network, or not of its task."""
    if config.options.start is not None:
        make_problem(replace(config, sizes={}))  # of any device


def check_settings(jobs: Sequence[Job]) -> None:
    """InputError where a directory holds a run that was set otherwise: it would pass for the one that is asked for."""
    from esbench.experiment.one_run.resume import other_settings

    for job in jobs:
        if not (job.path / ROWS_FILE).exists():
            continue
        try:
            manifest = RunDirectory.open(job.path).manifest
        except InputError:  # a damaged file: its own run says so, and the others go on
            continue
        if found := other_settings(manifest, job.config):
            raise InputError(
                f"{job.path} holds another run: {found[0]}; expected another --name or --out, or the same settings"
            )


def shard(jobs: Sequence[Job], number: int, of: int) -> Sequence[Job]:
    """The share `number`, 1 to `of`: neighbours, which share programs, and as many as in every other share, or one
    more."""
    return jobs[(number - 1) * len(jobs) // of : number * len(jobs) // of]


def status(job: Job) -> Status:
    """How the run stands, read off its directory."""
    if not job.path.is_dir():
        return "waiting"
    there = (job.path / ROWS_FILE).exists()
    try:
        if there and RunDirectory.open(job.path).finished:
            return "finished"
    except InputError:  # a damaged file: its own run says so, and the others go on
        return "failed"
    if is_locked(job.path):
        return "running"
    if has_failed(job.path):
        return "failed"
    return "unfinished" if there else "waiting"


def record_error(job: Job, text: str) -> None:
    """Adds an attempt's error to the run's directory, the first line being what is shown of it."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):  # a full disk may be the error
        job.path.mkdir(parents=True, exist_ok=True)
        with open(job.path / ERROR_FILE, "a", encoding="utf-8") as file:
            file.write(f"{moment} {text.rstrip()}\n\n")


def forget_errors(job: Job) -> None:
    """For a run that has finished after all."""
    (job.path / ERROR_FILE).unlink(missing_ok=True)
