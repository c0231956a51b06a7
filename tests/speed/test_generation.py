"""What the lanes and the derived noise are for, measured: minutes each, on a quiet machine."""

import json
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.evolution import EvolutionLoop
from esbench.keys import stream
from esbench.policies.networks import PolicySettings
from esbench.problem import Problem
from esbench.rollout.objective import EpisodicReturn
from esbench.rollout.policy_rows import MemberStore
from esbench.sizes import Sizes
from esbench.speed.timing import Steps, compiled, interleave
from esbench.tasks.registry import task

pytestmark = pytest.mark.slow
KEY = jax.random.key(0)


def cartpole(population):
    """The loop of EGGROLL on CartPole-v1, as in training, and its fresh state."""
    environment = task("CartPole-v1").make()
    problem = Problem(environment, PolicySettings().for_actions(environment.action_space), Sizes())
    objective = EpisodicReturn(problem, episodes=1, greedy=False, normalize_observations=False)
    loop = EvolutionLoop(EGGROLL(pop_size=population), objective)
    return loop, jax.jit(loop.init)(KEY)


def asked(loop, state):
    """The population that the loop's next step evaluates."""
    key = jax.random.fold_in(state.key, state.generation)
    population, _ = loop.strategy.ask(stream(key, "ask"), state.strategy)
    return replace(population, layout=loop.layout(population))


def generation(loop, state):
    def step(state):
        state, metrics = loop.step(state)
        return Steps(metrics.useful_steps, metrics.computed_steps), state

    return compiled("generation", step, state)


def scanned_to_the_cap(loop, state, cap):
    """The plain way: a lane for every member, all of them stepped `cap` times."""
    problem, members = loop.objective.problem, asked(loop, state)

    def run(members):
        index = jnp.arange(members.size)
        store = MemberStore.of(members)
        own = store.derive(members, index)
        keys = jax.vmap(lambda i: jax.random.fold_in(KEY, members.pair(i)))(index)
        environment_state, obs = jax.vmap(problem.environment.reset)(keys)

        def step(carry, t):
            environment_state, obs, total, length, running = carry
            _, distribution = store.apply(problem.policy, own, (), obs)
            step_keys = jax.vmap(lambda key: jax.random.fold_in(key, t))(keys)
            action = jax.vmap(lambda d, key: d.sample(key))(distribution, step_keys)
            environment_state, after = jax.vmap(problem.step)(step_keys, environment_state, action)
            total = total + jnp.where(running, after.reward, 0)
            length = length + running
            running = running & ~(after.terminated | after.truncated)
            return (environment_state, after.obs, total, length, running), None

        zeros = jnp.zeros(members.size)
        start = (environment_state, obs, zeros, zeros.astype(jnp.int32), zeros == 0)
        (_, _, total, length, _), _ = jax.lax.scan(step, start, jnp.arange(cap))
        return Steps(length, jnp.full(members.size, cap)), total

    return compiled("scanned", run, members)


def test_refilled_lanes_are_three_times_as_fast_as_one_lane_a_member():
    loop, state = cartpole(2048)
    timings = interleave([generation(loop, state), scanned_to_the_cap(loop, state, cap=500)], seconds=60)
    refilled, scanned = timings["generation"], timings["scanned"]
    assert refilled.useful / refilled.computed >= 0.65
    assert scanned.useful / scanned.computed <= 0.15
    assert np.median(scanned.seconds) >= 3 * np.median(refilled.seconds)


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
    assert median["noise"] + median["tell"] < 0.1 * median["generation"]


def test_cost_of_a_member_does_not_grow_with_their_number():
    cost = {}
    for population in (1024, 65536):
        timing = interleave([generation(*cartpole(population))], seconds=20)["generation"]
        cost[population] = np.median(timing.seconds) / population
    assert cost[65536] < 1.2 * cost[1024]


GIANT = """
import json, resource, jax
from tests.speed.test_generation import cartpole
loop, state = cartpole(262_144)
state, metrics = jax.block_until_ready(jax.jit(loop.step, donate_argnums=0)(state))
kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"bytes": 1024 * kib, "useful": int(metrics.useful_steps.sum())}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB only on Linux")
def test_a_quarter_million_members_fit_in_two_gigabytes():
    done = subprocess.run([sys.executable, "-c", GIANT], capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["useful"] > 262_144 * 8
    assert measured["bytes"] < 2e9
