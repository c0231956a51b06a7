"""`esbench speed`: what it prints is the contract, and its counts are exact."""

import json
from dataclasses import asdict
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.sizes import Sizes
from esbench.speed.policy_alone import open_es_rows
from esbench.speed.report import measure
from esbench.speed.timing import MIN_ROUNDS, Program, Steps, compiled, interleave
from tests import environments

FIELDS = {
    "name",
    "steps_per_second",
    "ratio_to_inference",
    "compile_seconds",
    "lane_occupancy",
    "peak_memory_bytes",
}


def test_json_of_the_policy_alone_is_the_contract(capsys):
    assert main(["speed", "--width", "8", "--population", "64", "--rank", "2", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    measurements = {m["name"]: m for m in document["measurements"]}
    assert list(measurements) == ["inference", "eggroll", "open_es"]
    for measurement in measurements.values():
        assert measurement.keys() == FIELDS
        assert measurement["steps_per_second"] > 0 and measurement["compile_seconds"] > 0
        assert measurement["lane_occupancy"] is None
    assert measurements["inference"]["ratio_to_inference"] == 1
    # A member of OpenES is a network of its own: 3 x 8 with 32 inputs and 8 outputs.
    parameters = (32 + 1) * 8 + 3 * (8 + 1) * 8
    assert measurements["open_es"]["peak_memory_bytes"] >= 64 * 4 * parameters
    assert document["task"] is None
    assert document["device"]["platform"] == jax.default_backend()
    assert document["versions"]["jax"] == jax.__version__
    assert {"width": 8, "population": 64, "rank": 2, "open_es_rows": 64}.items() <= document["settings"].items()


def test_table_has_a_line_a_measurement(capsys):
    assert main(["speed", "--width", "8", "--population", "64"]) == 0
    first, settings, header, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("the policy alone on ") and "population 64" in settings
    assert header.split() == ["steps/s", "ratio", "compile", "s", "occupancy", "memory", "MiB"]
    assert [row.split()[0] for row in rows] == ["inference", "eggroll", "open_es"]


def test_a_task_is_measured_through_its_lanes(capsys):
    task = f"{Path(environments.__file__)}:Delay"
    assert main(["speed", "--task", task, "--width", "8", "--population", "128", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["task"] == "Delay-v0"
    assert document["settings"].items() >= asdict(Sizes()).items()
    measurements = document["measurements"]
    assert [m["name"] for m in measurements] == ["environment", "inference", "eggroll", "open_es"]
    # What happens in Delay does not depend on actions: 128 episodes of 1 to 20 steps, 10.5 on average.
    for measurement in measurements:
        assert measurement.keys() == FIELDS
        assert 0.3 < measurement["lane_occupancy"] < 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--width", "0"], "width 0: expected at least 1"),
        (["--population", "7"], "population 7: expected an even number"),
        (["--rank", "0"], "rank 0: expected at least 1"),
        (["--rank", "one"], "argument --rank: 'one': expected a whole number"),
        (["--task", "CartPol-v1"], "did you mean 'CartPole-v1'?"),
        (["--format", "jsn"], "did you mean 'json'?"),
    ],
)
def test_bad_input_is_one_line_and_status_2(options, message, capsys):
    assert main(["speed", *options]) == 2
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert message in line and not output.out


def test_seconds_must_be_positive():
    with pytest.raises(InputError, match="seconds 0: expected more than 0"):
        measure(seconds=0)


def test_programs_take_turns_and_the_median_counts():
    calls = []

    def program(name):
        def call():
            calls.append(name)
            return Steps(jnp.array([2, 3]), jnp.array([8, 2])), None

        return Program(name, call, compile_seconds=1.0, peak_memory_bytes=1)

    timings = interleave([program("a"), program("b")], seconds=1e-9)
    assert calls == ["a", "b"] * (1 + MIN_ROUNDS)
    assert (timings["a"].useful, timings["a"].computed) == (5, 10)
    assert timings["b"].steps_per_second == 5 / np.median(timings["b"].seconds)


def test_memory_is_inputs_outputs_and_temporaries():
    x = jnp.zeros((256, 256))
    program = compiled("double", lambda x: (Steps(jnp.int32(1), None), 2 * x), x)
    assert 2 * x.nbytes <= program.peak_memory_bytes <= 2 * x.nbytes + 1024


def test_members_with_a_network_of_their_own_fit_a_gigabyte():
    assert open_es_rows(width=256, population=1024) == 1024
    assert 2 <= open_es_rows(width=2048, population=1024) < 64
