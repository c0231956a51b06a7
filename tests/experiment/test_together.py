"""How many runs share a program: lanes that fill a device, and its memory, before anything is compiled."""

import jax
import jax.numpy as jnp
import pytest

import esbench
from esbench.algorithms.eggroll import EGGROLL
from esbench.experiment.many_runs.together import Together, memory_of, planned_bytes, room
from esbench.sizes import CPU, H100

GIB = 2**30


@pytest.mark.parametrize(
    ("kind", "lanes", "run_bytes", "runs"),
    [
        (CPU, 64, 1000, 1),
        (H100, 1024 + 128, GIB, 8),
        (H100, 512 + 64, GIB, 16),
        (H100, 512, 8 * GIB, 8),
        (H100, 32_768, GIB, 1),
        (H100, 512, 100 * GIB, 1),
    ],
)
def test_runs_fill_a_device_and_fit_it(kind, lanes, run_bytes, runs):
    assert Together(kind, lanes, run_bytes, memory=80 * GIB).runs == runs


def test_what_does_not_fit_is_said_with_numbers():
    room = Together(H100, 512, run_bytes=8 * GIB, memory=80 * GIB)
    assert room.shortage(8) == ""
    said = room.shortage(9)
    assert said == "9 runs together need 72 GiB, 8 GiB each, of the 80 GiB of this device: 8 together"
    assert "1 together" in Together(H100, 512, run_bytes=90 * GIB, memory=80 * GIB).shortage(2)


def test_a_run_on_a_cpu_has_the_device_for_itself_and_room_for_more():
    options = {"n_layers": 1, "layer_size": 8}
    learner = esbench.learner("CartPole-v1", EGGROLL(pop_size=64), settings=options)
    found = room(learner.problem, learner.learner, learner.config)
    assert found.runs == 1 and found.lanes >= 64
    assert found.fitting > 100 and 2**10 < found.run_bytes < 2**28


def test_bytes_of_a_program_are_those_that_live_together():
    def chain(x):  # two values of 4 KiB at a time, however long it is
        for _ in range(5):
            x = jnp.sin(x)
        return x

    assert planned_bytes(jax.make_jaxpr(chain)(jnp.zeros(1024)).jaxpr) == 2 * 4096

    def loop(x):  # the product of the body lives beside the loop's values
        return jax.lax.fori_loop(0, 3, lambda _, x: (x[:, None] * x).sum(1), x)

    assert 4 * 256 * 256 <= planned_bytes(jax.make_jaxpr(loop)(jnp.zeros(256)).jaxpr) <= 4 * 256 * 256 + 5000


def test_a_key_has_its_bytes():
    assert planned_bytes(jax.make_jaxpr(lambda key: key)(jax.random.key(0)).jaxpr) == 8


@pytest.mark.slow
def test_the_plan_of_a_generation_is_more_than_xla_needs_and_grows_with_the_runs():
    learner = esbench.learner("CartPole-v1", EGGROLL(pop_size=256), settings={"layer_size": 32})
    states = jax.vmap(learner.init)(jnp.arange(4))
    traced = [
        jax.jit(learner.step).trace(jax.tree.map(lambda leaf: leaf[0], states)),
        jax.jit(jax.vmap(learner.step)).trace(states),
    ]
    one, four = (planned_bytes(program.jaxpr.jaxpr) for program in traced)
    memory = traced[0].lower().compile().memory_analysis()
    needed = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    assert needed < one < 20 * needed
    assert 2 * one < four < 5 * one


def test_a_device_has_memory():
    assert memory_of(jax.devices()[0]) > 2**28
