"""Several runs in one loop: under vmap each has what it has alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.policies.gru import GRU
from esbench.policies.mlp import MLP
from esbench.policies.normalization import Moments
from esbench.population.gaussian import Gaussian
from esbench.population.repeated import Repeated
from esbench.rollout.episodes import only_where, run_episodes
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from tests.environments import Delay, Walk

SIZES = {"lanes": 64, "narrow": 8, "block": 2}
LAYERS = {"n_layers": 2, "layer_size": 16}


def problem(network=None, **sizes):
    environment = Walk()
    policy = (network or MLP(**LAYERS)).bind(environment.observation_space, environment.action_space)
    return EpisodicProblem(environment, policy, Sizes(**{**SIZES, **sizes}))


def one(task, run, rank, size, gather):
    """The episodes of run `run`: a network, noise, a sigma, a key and statistics of its own."""
    params = task.init_params(jax.random.key(run))
    sigma = 0.1 * (1 + run)
    members = Gaussian(params, jax.random.fold_in(jax.random.key(1), run), sigma, size=size, rank=rank)
    seen = jax.random.normal(
        jax.random.fold_in(jax.random.key(2), run), (9, task.environment.observation_space.shape[0])
    )
    statistics = Moments.of(seen, jnp.ones(9, bool)) if gather else None
    key = jax.random.fold_in(jax.random.key(3), run)
    return run_episodes(
        task, members, key, episodes=2, greedy=jnp.bool_(False), statistics=statistics, gather=gather
    )  # fmt: skip


def assert_same(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("count", "rank", "gather", "sizes"),
    [
        (8, 1, False, {}),
        (3, 2, True, {"block": 4, "unroll": 4}),
        (3, None, True, {"narrow": 0}),
        (3, 1, True, {"refill": 64, "block": 5}),
    ],
    ids=str,
)
def test_each_run_has_its_returns_lengths_steps_and_moments_to_the_bit(count, rank, gather, sizes):
    task = problem(**sizes)
    runs = jnp.arange(count)
    alone = jax.jit(lambda run: one(task, run, rank, 80, gather))
    together = jax.jit(jax.vmap(lambda run: one(task, run, rank, 80, gather)))(runs)
    assert len(np.unique(together.lengths)) > 10
    for run in range(count):
        assert_same(jax.tree.map(lambda leaf, run=run: leaf[run], together), alone(runs[run]))


def test_a_network_with_a_memory():
    task = problem(GRU(layer_size=16))
    alone = jax.jit(lambda run: one(task, run, 1, 24, False))
    together = jax.jit(jax.vmap(lambda run: one(task, run, 1, 24, False)))(jnp.arange(3))
    for run in range(3):
        assert_same(jax.tree.map(lambda leaf, run=run: leaf[run], together), alone(jnp.int32(run)))


def test_two_levels_of_vmap_are_one_loop_too():
    task = problem()
    call = lambda run: one(task, run, 1, 24, False)  # noqa: E731
    runs = jnp.arange(6).reshape(2, 3)
    nested = jax.jit(jax.vmap(jax.vmap(call)))(runs)
    flat = jax.jit(jax.vmap(call))(runs.reshape(-1))
    assert_same(jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), nested), flat)


class Mostly(Delay):
    """Two steps, seldom ten."""

    def reset(self, key):
        state, _ = super().reset(key)
        left = jnp.where(jax.random.bernoulli(key, 0.05), 10, 2)
        return state._replace(left=left), left.astype(jnp.float32)[None]


@pytest.mark.parametrize("jobs", [65, 66, 71])
def test_no_episode_is_lost_where_the_last_refill_leaves_few(jobs):
    environment = Mostly()
    policy = MLP(**LAYERS).bind(environment.observation_space, environment.action_space)
    task = EpisodicProblem(environment, policy, Sizes(lanes=64, jobs_per_lane=1, narrow=8, block=2))
    member = Repeated(task.init_params(jax.random.key(0)), size=1)

    def call(key):
        return run_episodes(task, member, key, episodes=jobs, greedy=jnp.bool_(True), gather=True)

    keys, alone = jax.random.split(jax.random.key(1), 12), jax.jit(call)
    together = jax.jit(jax.vmap(call))(keys)
    np.testing.assert_array_equal(together.returns, 1.0)
    np.testing.assert_array_equal(np.unique(together.lengths), [2, 10])
    assert (together.lengths[:, 0, 8:64] == 10).any(1).sum() > 6  # past the lanes that become the narrow ones
    for run, key in enumerate(keys):
        assert_same(jax.tree.map(lambda leaf, run=run: leaf[run], together), alone(key))


def test_a_run_that_is_not_active_has_no_episodes_and_leaves_the_others_alone():
    task, runs = problem(), jnp.arange(3)

    def call(run):
        with only_where(run != 1):
            return one(task, run, 1, 24, True)

    together = jax.jit(jax.vmap(call))(runs)
    assert not together.lengths[1].any() and not together.computed_steps[1].any()
    alone = jax.jit(lambda run: one(task, run, 1, 24, True))
    for run in (0, 2):
        assert_same(jax.tree.map(lambda leaf, run=run: leaf[run], together), alone(runs[run]))


def equations(jaxpr, name):
    """Those of a program that are called so, at any depth."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == name:
            yield equation
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                if hasattr(inner, "jaxpr"):
                    yield from equations(inner.jaxpr, name)


def program(count):
    task = problem()
    return jax.make_jaxpr(jax.vmap(lambda run: one(task, run, 1, 24, True)))(jnp.arange(count)).jaxpr


def test_all_runs_share_loops_with_one_condition():
    """A plain vmap has a condition for each run, and selects the state of every lane by it at every step."""
    loops = list(equations(program(3), "while"))
    assert len(loops) == 4 and all(loop.params["cond_jaxpr"].out_avals[0].shape == () for loop in loops)


def test_no_lanes_pass_a_condition():
    """XLA copies whatever leaves a condition as it came: on a GPU all members of all runs, in every block."""
    members = 3 * 48  # of three runs, every job has a lane
    outputs = [out.aval for condition in equations(program(3), "cond") for out in condition.outvars]
    assert outputs and all(out.size < members for out in outputs)
