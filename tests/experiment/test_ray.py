"""A sweep on a Ray cluster of three nodes on this machine: `pytest -m ray`, where the extra ray is installed."""

import os
import sys
from pathlib import Path

import pytest

import esbench
from esbench.experiment.many_runs.jobs import product, status
from esbench.experiment.many_runs.ray_engine import sweep_on_ray
from esbench.experiment.terminal.sweep_table import SweepTable
from esbench.results.run_directory import RunDirectory

pytestmark = pytest.mark.ray
CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}


@pytest.fixture
def cluster(monkeypatch):
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(Path(esbench.__file__).parents[1]), prepend=os.pathsep)
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        started.add_node(num_cpus=1)
    ray.init(address=started.address, log_to_driver=False)
    yield started
    ray.shutdown()
    started.shutdown()


def jobs(echo, tiny, out, seeds, *algorithms):
    settings = {**echo["settings"], "slow": 300}
    return product(
        [tiny("ECHO")], algorithms, seeds, tier="smoke", settings=settings, out=str(out), steps=None, preset=None
    )


def test_a_node_is_lost_and_all_runs_are_complete(cluster, echo, tiny, tmp_path):
    everything = jobs(echo, tiny, tmp_path, range(8), echo["algorithm"])
    lost = []

    class Losing(SweepTable):
        def message(self, text):
            super().message(text)
            if "finished" in text and not lost:
                lost.append(next(iter(cluster.worker_nodes)))
                cluster.remove_node(lost[0], allow_graceful=False)

    outcome = sweep_on_ray(everything, Losing(sys.stderr), tmp_path, 3, 1)
    assert lost and outcome.complete and len(outcome.done) == 8
    esbench.run(**{**echo, "settings": {**echo["settings"], "slow": 300}}, seed=7, out=tmp_path / "alone")
    path = everything[7].path
    one, other = (RunDirectory.open(p).rows for p in (path, tmp_path / "alone" / path.relative_to(tmp_path)))
    assert [row.model_dump(exclude=CLOCKS) for row in one] == [row.model_dump(exclude=CLOCKS) for row in other]


def test_files_are_copied_back_and_a_run_that_always_dies_is_recorded(cluster, echo, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "touch", lambda self: None)  # as if no node saw what is written here
    good, dying, failing = jobs(echo, tiny, tmp_path, [0], echo["algorithm"], tiny("Dying"), tiny("Failing"))
    outcome = sweep_on_ray([good, dying, failing], SweepTable(sys.stderr), tmp_path, 1, 1)
    assert outcome.done == [good] and dict.fromkeys(outcome.failed, 0) == {dying: 0, failing: 0}
    assert {file.name for file in good.path.iterdir()} == {"run.jsonl", "policy.npz"}
    assert "nothing to learn here" in (failing.path / "error.txt").read_text()
    assert [status(job) for job in (good, dying, failing)] == ["finished", "failed", "failed"]


def test_files_are_named_as_they_were_given(cluster, echo, tmp_path, monkeypatch):
    """A run's manifest is that of the same run elsewhere, so that reports compare the two."""
    monkeypatch.chdir(Path(__file__).parent)
    own = {"tier": "smoke", "settings": echo["settings"], "out": str(tmp_path)}
    (job,) = product(["tiny.py:Echo"], ["tiny.py:RandomSearch"], [0], **own)
    assert sweep_on_ray([job], SweepTable(sys.stderr), tmp_path, 0, 1).done == [job]
    assert RunDirectory.open(job.path).manifest.task["source_id"] == "tiny.py:Echo"
