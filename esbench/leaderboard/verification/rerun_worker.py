"""Trains what a job says, as `esbench run` does; run by `rerun` in the sandbox, in its scratch folder.

    python -m esbench.leaderboard.verification.rerun_worker < job.json

The job is read once and from standard input: it lies nowhere that the entry's code finds it. Leaves
`results/seed-<n>/run.jsonl` and `policy.npz` below the working directory.
"""

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from esbench.algorithms.registry import setting_names
from esbench.errors import InputError, StrategyError
from esbench.experiment.one_run.run import announce_and_prepare, run_seed
from esbench.experiment.options.config import resolve
from esbench.experiment.terminal.progress import Lines
from esbench.leaderboard.verification.twin import twin
from esbench.policies import registry as policies
from esbench.results.records import Row
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE
from esbench.settings import field_names
from esbench.sizes import Sizes

RESULTS = "results"
_SAY_SECONDS = 30.0


class _Sparse(Lines):
    """Rows that are final, and others now and then: many runs follow one another."""

    _said = -_SAY_SECONDS

    def row(self, row: Row) -> None:
        if row.final or time.monotonic() - self._said > _SAY_SECONDS:
            self._said = time.monotonic()
            super().row(row)


def work(job: dict[str, Any]) -> None:
    """job: `config`, options of `resolve`; `seeds`; `twin`, the seed of the task's twin, or None for the task."""
    options: dict[str, Any] = job["config"]
    # A manifest also has what cannot be set, such as what evosax deploys.
    known = {*setting_names(options["algorithm"]), *policies.setting_names(options["policy"]), *field_names(Sizes)}
    settings = {name: value for name, value in options["settings"].items() if name in known}
    options |= {"settings": settings, "out": "runs"}
    config = resolve(**options)
    if job["twin"] is not None:
        config = replace(config, task=twin(config.task, job["twin"]))
    reporter = _Sparse(sys.stderr)
    prepared = announce_and_prepare(config, reporter)
    for seed in job["seeds"]:
        result = run_seed(prepared, seed, reporter)
        place = Path(RESULTS) / f"seed-{seed}"
        place.mkdir(parents=True)
        for name in (ROWS_FILE, POLICY_FILE):
            shutil.copyfile(result.path / name, place / name)


if __name__ == "__main__":
    try:
        work(json.load(sys.stdin.buffer))
    except (InputError, StrategyError) as error:
        sys.exit(" ".join(str(error).split()))
