"""Members given as one stacked pytree."""

import jax
import jax.numpy as jnp
import numpy as np

from esbench.policies.mlp import MLP
from esbench.population.stacked import Stacked
from esbench.rollout.episodes import run_episodes
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from tests.environments import Walk


def test_members_are_the_rows():
    params = {"a": jnp.arange(12.0).reshape(4, 3), "b": jnp.arange(4.0)}
    population = Stacked(params)
    assert population.size == 4
    for index in range(4):
        member = population.member(jnp.int32(index))
        assert (member["a"] == params["a"][index]).all() and member["b"] == params["b"][index]
    everyone = jax.vmap(population.member, out_axes=population.axes)(jnp.arange(4))
    jax.tree.map(np.testing.assert_array_equal, everyone, params)


def test_every_member_sees_episodes_of_its_own():
    policy = MLP(n_layers=1, layer_size=8).bind(Walk.observation_space, Walk.action_space)
    problem = EpisodicProblem(Walk(limit=20), policy, Sizes(lanes=8, narrow=0, block=4))
    params = problem.init_params(jax.random.key(0))
    alike = Stacked(jax.tree.map(lambda leaf: jnp.stack([leaf] * 6), params))
    result = run_episodes(problem, alike, jax.random.key(1), episodes=1, greedy=jnp.bool_(True))
    assert len(np.unique(result.returns)) == 6
