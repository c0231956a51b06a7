"""What the lanes and the derived noise are for, measured: minutes each, on a quiet machine."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import esbench
from baselines.studies.lanes import CASES, asked, fresh, generation, measure
from esbench.algorithms.eggroll import EGGROLL
from esbench.population.members import MemberStore
from esbench.sizes import H100
from esbench.speed.timing import Steps, compiled, interleave

pytestmark = pytest.mark.slow
KEY = jax.random.key(0)


def cartpole(population):
    """The loop of EGGROLL on CartPole-v1, as in training, and its fresh state."""
    return fresh("CartPole-v1", population)


# On CraftaxClassic a fresh policy's longest of 1024 episodes is only three times as long as the mean.
@pytest.mark.parametrize(("case", "ratio", "busy"), list(zip(CASES, (3, 4, 2), (0.15, 0.2, 0.4), strict=True)), ids=str)
def test_refilled_lanes_are_faster_than_one_lane_a_member(case, ratio, busy):
    timings = measure(case, seconds=30)
    refilled, plain = timings["refilled"], timings["one lane a member"]
    assert refilled.useful / refilled.computed >= 0.65
    assert plain.useful / plain.computed <= busy
    assert np.median(plain.seconds) >= ratio * np.median(refilled.seconds)


def test_noise_shaping_and_update_are_a_small_part_of_a_generation():
    loop, state = cartpole(2048)
    members = asked(loop, state)
    store = MemberStore.of(members)

    def noise(members):
        """All members' noise, derived as many at a time as the lanes do."""

        def some(total, index):
            return jax.tree.map(jnp.add, total, store.derive(members, index)), None

        index = jnp.arange(members.size).reshape(-1, 8)
        blank = jax.tree.map(jnp.zeros_like, store.derive(members, index[0]))
        return Steps(jnp.int32(1), None), jax.lax.scan(some, blank, index)[0]

    def tell(strategy, members, fitness):
        return Steps(jnp.int32(1), None), loop.strategy.tell(KEY, strategy, members, fitness)

    fitness = jax.random.normal(KEY, (members.size,))
    programs = [
        generation(loop, state),
        compiled("noise", noise, members),
        compiled("tell", tell, state.strategy, members, fitness),
    ]
    timings = interleave(programs, seconds=30)
    median = {name: np.median(timing.seconds) for name, timing in timings.items()}
    assert median["noise"] + median["tell"] < 0.1 * median["refilled"]


def test_cost_of_a_member_does_not_grow_with_their_number():
    cost = {}
    for population in (1024, 65536):
        timing = interleave([generation(*cartpole(population))], seconds=20)["refilled"]
        cost[population] = np.median(timing.seconds) / population
    assert cost[65536] < 1.2 * cost[1024]


# VmHWM, since ru_maxrss begins at what the parent process had.
GIANT = """
import json, re, jax
from tests.speed.test_generation import cartpole
loop, state = cartpole(262_144)
state, metrics = jax.block_until_ready(jax.jit(loop.step, donate_argnums=0)(state))
kib = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(json.dumps({"bytes": 1024 * int(kib), "useful": int(metrics.useful_steps.sum())}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_quarter_million_members_fit_in_two_gigabytes():
    done = subprocess.run([sys.executable, "-c", GIANT], capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["useful"] > 262_144 * 8
    assert measured["bytes"] < 2e9


@pytest.mark.parametrize("population", [2048, 4096])
def test_an_accelerators_lanes_are_busy_from_the_first_generation_on(population):
    """Steps are counted, no clock is read: its sizes, simulated here."""
    learner = esbench.learner("CartPole-v1", EGGROLL(pop_size=population), settings={"layer_size": 64, **H100.sizes})
    state, step = jax.jit(learner.init)(0), jax.jit(learner.step)
    for _ in range(6):
        state, metrics = step(state)
        assert metrics.useful_steps.sum() >= 0.7 * metrics.computed_steps.sum()
