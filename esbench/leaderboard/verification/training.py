"""An entry's method, trained here: in the sandbox, and what it left is taken for a stranger's."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import esbench
from esbench.errors import InputError, StrategyError
from esbench.leaderboard.entry import ALGORITHM_FILE
from esbench.leaderboard.evidence import Evidence
from esbench.leaderboard.safe_files import read_json_lines
from esbench.leaderboard.verification import sandbox
from esbench.leaderboard.verification.rerun_worker import RESULTS
from esbench.results.records import Manifest, Row
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE, RunDirectory

_MOST_BYTES = {ROWS_FILE: 2**22, POLICY_FILE: 2**28}

Trained = dict[int, tuple[list[Row], bytes]]
"""By seed, the rows and the policy's archive."""


def train(
    evidence: Evidence,
    manifest: Manifest,
    seeds: Sequence[int],
    twin: int | None,
    limits: sandbox.Limits,
    say: Callable[[str], None],
) -> Trained:
    """What the entry's code leaves of `seeds`, trained on the task and with the settings of `manifest`.

    twin: the seed of the task's twin, None for the task itself. limits: of the sandbox; without one, esbench's own code
    has the limit of seconds only. InputError for code of the entry's own without a sandbox. StrategyError where it
    fails, is stopped, or leaves no runs.
    """
    name = manifest.task["id"]
    what = f"{name}{'' if twin is None else ', twin'}"
    say(f"{what}: training seeds {', '.join(map(str, seeds))}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        if evidence.entry.own_code:
            (scratch / ALGORITHM_FILE).write_bytes(evidence.files[ALGORITHM_FILE])
        job = json.dumps({"config": _config(evidence, manifest), "seeds": list(seeds), "twin": twin}).encode()
        command = [sys.executable, "-P", "-m", "esbench.leaderboard.verification.rerun_worker"]
        if evidence.entry.own_code or sandbox.missing() is None:
            outcome = sandbox.run(command, scratch, limits, lambda line: say(f"  {line}"), job)
            if not outcome.ok:
                raise StrategyError(f"{what}: the entry's code {outcome.reason}")
        else:
            _run_outside(command, scratch, limits.seconds, what, job)
        try:
            return {seed: _result(scratch, seed) for seed in seeds}
        except InputError as error:
            raise StrategyError(f"{what}: the entry's code left no run that can be read: {error}") from error


def _config(evidence: Evidence, manifest: Manifest) -> dict[str, Any]:
    """Options of `resolve`."""
    board, name = evidence.board, manifest.task["id"]
    return {
        "task": name,
        "algorithm": evidence.entry.algorithm,
        "tier": board.tier,
        "steps": board.tasks[name].budget,
        "policy": manifest.policy["name"],
        "settings": {**manifest.sizes, **manifest.policy, **manifest.settings, "devices": 1},
        "name": evidence.entry.slug,
        **board.protocol.numeric,
    }


def _result(scratch: Path, seed: int) -> tuple[list[Row], bytes]:
    rows = _take(scratch, f"{RESULTS}/seed-{seed}/{ROWS_FILE}")
    read_json_lines(rows, ROWS_FILE)
    with tempfile.TemporaryDirectory() as folder:  # what was read, not what lies there
        Path(folder, ROWS_FILE).write_bytes(rows)
        run = RunDirectory.open(folder)
    if not run.finished:
        raise InputError(f"seed {seed} has no score")
    return run.rows, _take(scratch, f"{RESULTS}/seed-{seed}/{POLICY_FILE}")


def _run_outside(command: Sequence[str], scratch: Path, seconds: float, what: str, job: bytes) -> None:
    """esbench's own algorithms, on a machine without a sandbox: in a plain process."""
    home = str(Path(esbench.__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": home}
    try:
        done = subprocess.run(command, cwd=scratch, env=environment, input=job, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise StrategyError(f"{what}: stopped: it ran for more than {seconds:g} seconds") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise StrategyError(f"{what}: ended with status {done.returncode}: {last[0][:300]}")


def _take(scratch: Path, name: str) -> bytes:
    """The content of a file that the entry's code left; InputError where it is no plain file of at most so many bytes.
    No process can replace it: the code and all it started has ended."""
    path = scratch.resolve() / name
    most = _MOST_BYTES[path.name]
    if path.resolve() != path or not path.is_file() or path.stat().st_size > most:
        raise InputError(f"{name}: expected a plain file of at most {most // 2**20} MiB")
    return path.read_bytes()
