"""Factories of manifests and rows: small, valid, and with any field replaced."""

import dataclasses
import os
from pathlib import Path

import pytest

from esbench.results.records import Device, Row
from esbench.results.run_directory import RunDirectory, run_path
from esbench.tasks.spec import Anchor, TaskSpec
from tests.manifests import manifest_from

# Sizes that somebody kept for this machine are not those that tests know; processes that tests start read it too.
os.environ["ESBENCH_SIZES"] = str(Path(__file__).with_name("no-sizes.json"))


def pytest_configure() -> None:
    """Each of xdist's workers has a core of its own: with a thread for every core, all of them wait for each other."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if worker and hasattr(os, "sched_setaffinity"):  # not on macOS
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker) % len(cores)]})


SPEC = TaskSpec(
    id="CartPole-v1",
    suite="gymnax",
    source_id="CartPole-v1",
    max_episode_steps=500,
    action_kind="discrete",
    description="Balance a pole on a cart.",
    random=Anchor(22.9, "measured"),
    reference=Anchor(500.0, "rules"),
)


@pytest.fixture(scope="session")
def make_spec():
    """A task's spec with the given fields replaced."""
    return lambda **changes: dataclasses.replace(SPEC, **changes)


@pytest.fixture(scope="session")
def make_manifest():
    """A valid manifest with the given fields replaced."""
    default = {
        "task": SPEC.to_json(),
        "algorithm": "eggroll",
        "name": "eggroll",
        "preset": "lite",
        "settings": {"pop_size": 64, "sigma": 0.1},
        "policy": {"name": "mlp", "n_layers": 3},
        "parameters": 133_890,
        "tier": "lite",
        "seed": 0,
        "budget": 1000,
        "sizes": {"lanes": 64, "narrow": 8, "block": 8},
        "action_mode": "sample",
        "precision": "float32",
        "device": Device(platform="cpu", kind="a processor", count=1),
        "versions": {"jax": "0.9.0"},
        "commit": None,
        "dirty": None,
        "compilation_cache": "cold",
        "config_hash": "0" * 64,
        "started": "2026-01-01T00:00:00+00:00",
    }
    return lambda **changes: manifest_from({**default, **changes})


@pytest.fixture(scope="session")
def make_row():
    """A valid row of returns, with the given columns (as `load_results` names them) or fields replaced."""
    default = {
        "generation": 0,
        "useful_steps": 0,
        "computed_steps": 0,
        "sequential_steps": 0,
        "return_mean": 20.0,
        "return_std": 5.0,
        "return_mean_greedy": 21.0,
        "return_mean_sample": 20.0,
        "episodes": 128,
        "distinct_episodes": 100,
        "compile_seconds": 1.5,
        "train_seconds": 0.0,
        "evaluate_seconds": 0.25,
        "log_seconds": 0.0,
        "final": False,
        "training": {},
    }

    def make(**changes):
        values = {**default, **changes}
        named = {
            "return": values.pop("return_mean"),
            "return_greedy": values.pop("return_mean_greedy"),
            "return_sample": values.pop("return_mean_sample"),
        }
        return Row(
            measure="return",
            scores={**named, **values.pop("scores", {})},
            std=values.pop("return_std"),
            samples=values.pop("episodes"),
            distinct_samples=values.pop("distinct_episodes"),
            **values,
        )

    return make


@pytest.fixture(scope="session")
def add_run(make_manifest):
    """Writes a run with the given rows below `out`; the keywords replace fields of its manifest."""

    def add(out, *rows, **changes):
        manifest = make_manifest(**changes)
        path = run_path(out, manifest.tier, manifest.task["id"], manifest.name, manifest.seed)
        run = RunDirectory.create(path, manifest)
        for row in rows:
            run.append(row)
        return run

    return add
