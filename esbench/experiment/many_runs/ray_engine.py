"""Many runs on a Ray cluster: one task a run; Ray finds the machines, tries again and survives the loss of a node."""

import importlib
import os
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from esbench.errors import InputError
from esbench.experiment.many_runs.jobs import Job, SweepOutcome, forget_errors, record_error, status
from esbench.experiment.one_run import interrupt
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.results.files import replacing
from esbench.results.run_directory import POLICY_FILE, ROWS_FILE

_RELEASE_SECONDS = 60.0


def sweep_on_ray(jobs: Sequence[Job], table: SweepTable, out: Path, retries: int, devices: int) -> SweepOutcome:
    """Runs `jobs` on the cluster that RAY_ADDRESS names, or on this machine.

    Where the nodes share the results root `out`, runs are written to it and go on from their checkpoints on another
    node; else a run's files are copied back when it is finished, and a lost one begins again. esbench, and files that
    tasks or algorithms are named by, must be at the same place on every node. devices: GPUs of a run, where there are
    any.
    InputError where Ray is not installed.
    """
    try:
        ray: Any = importlib.import_module("ray")  # an extra: types must agree where it is installed and where not
    except ModuleNotFoundError as error:
        raise InputError("--engine ray: ray is not installed: pip install 'esbench[ray]'") from error
    outcome = SweepOutcome(before=[job for job in jobs if status(job) == "finished"])
    table.begin(jobs, outcome)
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    out.mkdir(parents=True, exist_ok=True)
    marker = out.absolute() / f".shared-{uuid.uuid4().hex}"
    marker.touch()
    gpus = devices if ray.cluster_resources().get("GPU") else 0
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=retries, retry_exceptions=[_Crash])(_run)
    pending = {
        remote.remote({**job.options, "out": str(out.absolute())}, job.seed, str(marker), str(Path.cwd())): job
        for job in jobs
        if job not in outcome.before
    }
    try:
        with interrupt.rescuing(ray.shutdown):
            while pending and not interrupt.requested():
                ended, _ = ray.wait(list(pending), timeout=0.5)
                table.tick()
                for reference in ended:
                    job = pending.pop(reference)
                    try:
                        answer, files = ray.get(reference)
                    except Exception as error:  # all tries are used up: a crash of ours, or Ray's own word for a death
                        cause = getattr(error, "cause", None)
                        answer = {"outcome": "failed", "error": str(cause or error).strip(), "details": ""}
                        files = {}
                    _finish(job, answer, files, outcome, table)
                    table.settled()
            outcome.stopped = bool(pending)
    finally:
        marker.unlink(missing_ok=True)
        table.end()
    return outcome


class _Crash(RuntimeError):
    """An error that another try may not meet."""


def _run(config: dict[str, Any], seed: int, marker: str, cwd: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """On a node: what came of the run, and its files where the node does not see the results root. cwd: in which the
    sweep was begun; names of files mean the same there, and stand in the manifest as they were given."""
    from esbench.experiment.many_runs.worker import Runner
    from esbench.experiment.terminal.progress import Lines

    with suppress(OSError):  # where the node does not have it, files are named by their whole paths
        os.chdir(cwd)
    with tempfile.TemporaryDirectory() as scratch, open("/dev/null", "w") as silence:
        shared = Path(marker).exists()
        runner = Runner(lambda _: Lines(silence))
        if not shared:
            config = {**config, "out": scratch}
        answer = runner.run(config, seed)
        deadline = time.monotonic() + _RELEASE_SECONDS
        while answer["outcome"] == "in use" and time.monotonic() < deadline:
            time.sleep(1)  # a node that is given up may take a moment to be gone
            answer = runner.run(config, seed)
        if answer["outcome"] == "failed" and not answer["final"]:
            raise _Crash(answer["error"])
        (folder, *_) = [*Path(scratch).rglob(ROWS_FILE), None]
        left = [folder.with_name(name) for name in (ROWS_FILE, POLICY_FILE)] if folder is not None else []
        files = {file.name: file.read_bytes() for file in left if file.exists()}
    return answer, files


def _finish(
    job: Job, answer: dict[str, Any], files: dict[str, bytes], outcome: SweepOutcome, table: SweepTable
) -> None:
    match answer["outcome"]:
        case "finished" | "finished before":
            job.path.mkdir(parents=True, exist_ok=True)
            for name in sorted(files):  # the policy first: with its rows the run is finished
                with replacing(job.path / name) as file:
                    file.write(files[name])
            forget_errors(job)
            table.message(f"{job.label}: finished")
            outcome.done.append(job)
        case "failed":
            record_error(job, f"{answer['error']}\n{answer['details']}")
            table.message(f"{job.label} failed: {answer['error']}")
            outcome.failed[job] = answer["error"].splitlines()[0]
        case _:
            outcome.elsewhere.append(job)
