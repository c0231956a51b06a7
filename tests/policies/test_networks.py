"""The built-in networks: their parameters, and that each is plain Flax which low rank takes as it is."""

import functools

import flax.linen as nn
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import quax

from esbench.algorithms.registry import build_algorithm
from esbench.policies.check import check_policy
from esbench.policies.cnn import CNN
from esbench.policies.gru import GRU
from esbench.policies.mlp import MLP, Perceptron
from esbench.population.gaussian import Gaussian
from esbench.population.low_rank import LowRank, layout
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from esbench.tasks import registry

OBSERVATIONS = gymnasium.spaces.Box(-1, 1, (22,), np.float32)
DISCRETE = gymnasium.spaces.Discrete(3)
BOX = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
NETWORKS = {
    "mlp": MLP(2, 16),
    "gru": GRU(hidden_size=12, layer_size=16),
    "gru without hidden layers": GRU(hidden_size=12, n_layers=0),
    "cnn": CNN(height=4, width=5, channels=1, rest=2, features=6, layer_size=16),
    "cnn without hidden layers": CNN(height=2, width=5, channels=2, rest=2, n_convolutions=1, kernel=2, n_layers=0),
}
MEMBERS = 32


@functools.cache
def fresh(policy):
    return jax.jit(policy.init)(jax.random.key(1), policy.initial_carry(), jnp.zeros(22))


def shapes(policy):
    return jax.eval_shape(policy.init, jax.random.key(1), policy.initial_carry(), jnp.zeros(22))


def test_parameters_are_as_many_as_the_settings_say():
    counted = lambda network: sum(leaf.size for leaf in jax.tree.leaves(shapes(network.bind(OBSERVATIONS, DISCRETE))))  # noqa: E731
    assert counted(MLP(2, 16)) == 22 * 16 + 16 + 16 * 16 + 16 + 16 * 3 + 3
    # Three gates, each of an input kernel with a bias and a recurrent one; of these only the candidate's has a bias.
    gates = 3 * (16 * 12 + 12 + 12 * 12) + 12
    assert counted(NETWORKS["gru"]) == 22 * 16 + 16 + gates + 12 * 3 + 3
    convolutions = 9 * 1 * 6 + 6 + 9 * 6 * 6 + 6
    assert counted(NETWORKS["cnn"]) == convolutions + (20 * 6 + 2) * 16 + 16 + 16 * 3 + 3
    for network in NETWORKS.values():
        assert shapes(network.bind(OBSERVATIONS, BOX))["params"]["log_std"].shape == (2,)


def test_parameters_of_an_mlp_are_named_and_drawn_as_in_all_runs_before():
    policy, key = MLP(2, 16, "tanh").bind(OBSERVATIONS, BOX), jax.random.key(4)

    class MLPBefore(nn.Module):
        @nn.compact
        def __call__(self, x):
            for _ in range(2):
                x = nn.tanh(nn.Dense(16)(x))
            return nn.Dense(2)(x)

    MLPBefore.__name__ = "MLP"

    class Before(nn.Module):
        @nn.compact
        def __call__(self, x):
            return MLPBefore()(x), self.param("log_std", nn.initializers.zeros, (2,))

    params, before = policy.init(key, (), jnp.zeros(22)), Before().init(key, jnp.zeros(22))
    jax.tree.map(np.testing.assert_array_equal, params, before)
    assert list(params["params"]["MLP_0"]) == ["Dense_0", "Dense_1", "Dense_2"]
    assert isinstance(policy.critic(), Perceptron)


@pytest.mark.parametrize(("name", "actions"), [(name, (DISCRETE, BOX)[k % 2]) for k, name in enumerate(NETWORKS)])
def test_members_at_low_rank_act_as_the_dense_perturbation_does(name, actions):
    policy = NETWORKS[name].bind(OBSERVATIONS, actions)
    check_policy(policy, OBSERVATIONS, actions)
    params, carry = fresh(policy), policy.initial_carry()
    found = layout(policy.apply, params, carry, jnp.zeros(22))
    members = Gaussian(params, jax.random.key(2), jnp.float32(0.1), size=MEMBERS, rank=2, layout=found)
    observations = jax.random.normal(jax.random.key(3), (MEMBERS, 22))
    carries = jax.tree.map(lambda x: jax.random.normal(jax.random.key(4), (MEMBERS, *x.shape)), carry)
    together = jax.vmap(quax.quaxify(policy.apply), in_axes=(members.axes, 0, 0))

    @jax.jit
    def forward(members):
        perturbed = members.members(jnp.arange(MEMBERS))
        low_rank = together(perturbed, carries, observations)
        kernels = jax.vmap(densified, in_axes=(members.axes,))(perturbed)
        dense = jax.vmap(policy.apply)(kernels, carries, observations)
        unperturbed = jax.vmap(lambda c, x: policy.apply(members.mean, c, x))(carries, observations)
        return low_rank, dense, unperturbed

    low_rank, dense, unperturbed = forward(members)
    for one, other, mean in zip(*map(jax.tree.leaves, (low_rank, dense, unperturbed)), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
        assert np.abs(one - mean).max() > 0.01


def densified(member):
    is_low_rank = lambda leaf: isinstance(leaf, LowRank)  # noqa: E731
    return jax.tree.map(lambda leaf: leaf.dense() if is_low_rank(leaf) else leaf, member, is_leaf=is_low_rank)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kernel_is_perturbed_at_low_rank_and_said_to_be(name):
    policy = NETWORKS[name].bind(OBSERVATIONS, DISCRETE)
    environment = type("Seen", (), {"observation_space": OBSERVATIONS, "action_space": DISCRETE})
    loop = build_algorithm("eggroll", {"pop_size": 8, "rank": 3}).bind(EpisodicProblem(environment, policy, Sizes()))
    said = loop.describe()
    assert len(said) == len(jax.tree.leaves(shapes(policy)))
    for line in said:
        kernel = "kernel" in line.partition(":")[0]
        assert ("at rank 3" in line) == kernel and ("densely" in line) != kernel


def test_memory_begins_as_zeros_of_float32_and_stays_of_its_shape():
    policy = GRU(hidden_size=5).bind(OBSERVATIONS, DISCRETE)
    carry = policy.initial_carry()
    assert carry.dtype == jnp.float32 and carry.shape == (5,) and not carry.any()
    after, _ = policy.apply(fresh(policy), carry, jnp.ones(22))
    assert after.dtype == jnp.float32 and after.shape == (5,) and after.any()
    assert not hasattr(policy, "critic")


def test_the_numbers_after_a_picture_reach_the_output_and_so_does_every_pixel():
    policy = CNN(height=4, width=5, channels=1, rest=2).bind(OBSERVATIONS, DISCRETE)
    params = fresh(policy)
    slopes = jax.jacobian(lambda x: policy.apply(params, (), x)[1].logits)(jax.random.normal(jax.random.key(0), (22,)))
    assert (jnp.abs(slopes).max(0) > 0).all()


@pytest.mark.parametrize(
    ("task", "network"),
    [
        pytest.param(
            "Snake-v1",
            CNN(height=12, width=12, channels=5, rest=5, features=4, layer_size=16),
            marks=pytest.mark.slow,
        ),
        ("Game2048-v1", CNN(height=4, width=4, channels=1, rest=4, kernel=2)),
        ("CartPole-v1", GRU(hidden_size=16)),
    ],
    ids=["Snake-v1 cnn", "Game2048-v1 cnn", "CartPole-v1 gru"],
)
def test_a_generation_on_a_task_of_the_suite(task, network):
    environment = registry.make(task)
    policy = network.bind(environment.observation_space, environment.action_space)
    check_policy(policy, environment.observation_space, environment.action_space)
    problem = EpisodicProblem(environment, policy, Sizes(lanes=64, narrow=8))
    loop = build_algorithm("eggroll", {"pop_size": 16}).bind(problem)
    after, metrics = jax.jit(loop.step)(jax.jit(loop.init)(jax.random.key(0)))
    assert int(metrics.useful_steps.sum()) >= 16
    assert np.isfinite(metrics.training["fitness_mean"]) and int(metrics.training["nonfinite_members"]) == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(loop.deployed(after).params))
