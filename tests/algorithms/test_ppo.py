"""PPO on environments whose answers are known, and its parts on cases computed by hand."""

from dataclasses import asdict

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from esbench.algorithms.policy_gradient import clip_by_network
from esbench.algorithms.ppo import PPO, RESET_BLOCK, generalized_advantages
from esbench.errors import InputError
from esbench.policies.cnn import CNN, Convolutional
from esbench.policies.distributions import Categorical
from esbench.policies.mlp import MLP, Perceptron
from esbench.policies.registry import build_network
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import build
from esbench.tasks.environment import TimeLimit
from esbench.tasks.registry import make
from tests.algorithms import probe_environments as probes

SMALL = PPO(
    learning_rate=0.01,
    ent_coef=0.0,
    gamma=0.9,
    num_envs=32,
    num_steps=8,
    num_epochs=4,
    num_minibatches=2,
    normalize_observations=False,
)
KEY = jax.random.key(0)


def learner(environment, **changes):
    policy = MLP(1, 16, "tanh").bind(environment.observation_space, environment.action_space)
    return build(PPO, {**asdict(SMALL), **changes}).bind(EpisodicProblem(environment, policy))


def train(learner, updates):
    """The state after some updates, and the last update's metrics."""
    state, step = learner.init(KEY), jax.jit(learner.step)
    for _ in range(updates):
        state, metrics = step(state)
    return state, metrics


@pytest.fixture(scope="module")
def counting():
    """A learner that sees start, start + 1, ... in each of its 32 lanes, in one minibatch; and its compiled step."""
    ppo = learner(probes.Counter(1000), normalize_observations=True, num_epochs=1, num_minibatches=1)
    return ppo, jax.jit(ppo.step)


def greedy_actions(learner, state, observations):
    policy, deployed = learner.problem.policy, learner.deployed(state)
    if deployed.statistics is not None:
        observations = deployed.statistics.normalize(observations)
    return jax.vmap(lambda obs: policy.apply(deployed.params, (), obs)[1].mode())(observations)


# Probe environments: one faculty each.


@pytest.mark.parametrize(
    ("environment", "observations", "values"),
    [
        (probes.ConstantReward(), [0.0], [1.0]),
        (probes.ObservedReward(), [-1.0, 1.0], [-1.0, 1.0]),
        (probes.DelayedReward(), [0.0, 1.0], [0.9, 1.0]),
    ],
    ids=["constant reward", "observed reward", "delayed reward"],
)
def test_learns_the_value(environment, observations, values):
    ppo = learner(environment)
    state, _ = train(ppo, 60)
    np.testing.assert_allclose(ppo.values(state, jnp.float32(observations)[:, None]), values, atol=0.05)


def test_bootstraps_through_a_time_limit():
    # Reward 1 on every step is worth 1 / (1 - gamma) = 2, however early episodes are cut off; 1.9 if they terminated
    # after 3 steps would be 1 to 1.75.
    ppo = learner(TimeLimit(probes.Alive(), 3), gamma=0.5)
    state, _ = train(ppo, 60)
    np.testing.assert_allclose(ppo.values(state, jnp.zeros((1, 1))), [2.0], atol=0.05)


@pytest.mark.parametrize(
    ("environment", "observations", "actions"),
    [
        (probes.RewardedAction(), [0.0], [1]),
        (probes.MatchObservation(), [-1.0, 1.0], [0, 1]),
    ],
    ids=["rewarded action", "match the observation"],
)
def test_learns_the_action(environment, observations, actions):
    ppo = learner(environment)
    state, metrics = train(ppo, 40)
    assert greedy_actions(ppo, state, jnp.float32(observations)[:, None]).tolist() == actions
    assert metrics.training["episode_return"] > 0.95


def test_learns_a_continuous_action():
    ppo = learner(probes.Aim())
    state, _ = train(ppo, 100)
    actions = greedy_actions(ppo, state, jnp.float32([[-1.0], [1.0]]))
    np.testing.assert_allclose(actions, [[-0.5], [0.5]], atol=0.1)


# Advantages.


def test_generalized_advantages_of_a_case_computed_by_hand():
    # gamma 1/2, lambda 1/2. Episode ends: termination after step 1, truncation after step 3.
    column = lambda *values: jnp.float32(values)[:, None]  # noqa: E731
    no, yes = [False], [True]
    advantage = generalized_advantages(
        reward=column(1, 2, 3, 4, 5),
        value=column(10, 20, 30, 40, 50),
        following=column(20, 99, 40, 60, 70),
        terminated=jnp.array([no, yes, no, no, no]),
        truncated=jnp.array([no, no, no, yes, no]),
        gamma=jnp.float32(0.5),
        gae_lambda=jnp.float32(0.5),
    )
    # Errors: 1 + 10 - 10, 2 + 0 - 20, 3 + 20 - 30, 4 + 30 - 40, 5 + 35 - 50 = 1, -18, -7, -6, -10.
    # Traces decay by 1/4 a step and stop at both ends.
    np.testing.assert_allclose(advantage, column(1 - 18 / 4, -18, -7 - 6 / 4, -6, -10))


def test_a_step_that_terminates_and_truncates_is_a_termination():
    one = jnp.ones((1, 1))
    yes = one.astype(bool)
    advantage = generalized_advantages(one, 3 * one, 100 * one, yes, yes, jnp.float32(0.9), jnp.float32(0.9))
    assert advantage.item() == -2


def test_nothing_leaks_between_episodes():
    rng = np.random.default_rng(0)
    reward, value, following = (rng.normal(size=(6, 2)).astype(np.float32) for _ in range(3))
    terminated, truncated = np.zeros((6, 2), bool), np.zeros((6, 2), bool)
    terminated[2, 0] = truncated[2, 1] = True

    def first_episode(reward, value, following):
        return generalized_advantages(reward, value, following, terminated, truncated, 0.99, 0.95)[:3]

    before = first_episode(reward, value, following)
    for array in (reward, value, following):
        array[3:] = 1e6
    np.testing.assert_array_equal(first_episode(reward, value, following), before)


# The optimizer.


def test_clipping_bounds_the_norm_of_a_whole_network():
    gradients = {"actor": {"a": jnp.float32([3.0, 0.0]), "b": jnp.float32([[4.0]])}, "critic": jnp.float32([0.6, 0.8])}
    clipped, norm = clip_by_network(gradients, jnp.float32(2.0))
    np.testing.assert_allclose(norm, np.sqrt(26.0), rtol=1e-6)
    # Norm 5 becomes 2 with its direction kept; norm 1 stays.
    np.testing.assert_allclose(clipped["actor"]["a"], [1.2, 0.0], rtol=1e-6)
    np.testing.assert_allclose(clipped["actor"]["b"], [[1.6]], rtol=1e-6)
    np.testing.assert_array_equal(clipped["critic"], gradients["critic"])


def test_the_first_minibatch_sees_the_rollouts_own_policy(counting):
    ppo, step = counting
    state = ppo.init(KEY)
    # Also after the statistics changed: those of an update are frozen when it starts.
    for _ in range(3):
        state, metrics = step(state)
        assert abs(metrics.training["approx_kl"]) < 1e-6
        assert metrics.training["clip_fraction"] == 0


def test_numbers_that_are_not_finite_reach_nothing():
    ppo = learner(probes.Broken(), normalize_observations=True)
    fresh = ppo.init(KEY)
    state, metrics = train(ppo, 2)
    jax.tree.map(np.testing.assert_array_equal, (state.params, state.optimizer), (fresh.params, fresh.optimizer))
    assert metrics.training["nonfinite_updates"] == 8
    assert jnp.isnan(metrics.training["episode_return"])
    # Only the first observation of the first rollout was a number.
    assert state.statistics.count == 32
    assert state.statistics.mean == 0


# Episodes, counts and statistics.


def test_statistics_are_those_of_all_observations(counting):
    ppo, step = counting
    state = ppo.init(KEY)
    seen = (np.asarray(state.observations) + np.arange(16)).reshape(-1)
    for _ in range(2):
        state, _ = step(state)
    assert state.statistics.count == seen.size
    np.testing.assert_allclose(state.statistics.mean[0], seen.mean(), rtol=1e-5)
    np.testing.assert_allclose(state.statistics.deviations[0] / seen.size, seen.var(), rtol=1e-4)


def test_statistics_travel_with_the_policy(counting):
    ppo, step = counting
    state, _ = step(ppo.init(KEY))
    deployed = ppo.deployed(state)
    jax.tree.map(np.testing.assert_array_equal, deployed.statistics, state.statistics)
    assert deployed.action_mode == "sample"
    plain = learner(probes.Counter(5))  # not normalized: statistics of nothing, which change nothing
    state, _ = train(plain, 1)
    assert plain.deployed(state).statistics.count == 0
    np.testing.assert_array_equal(plain.deployed(state).statistics.normalize(jnp.float32([-30, 7])), [-30, 7])


def test_every_lane_that_ends_is_reset_and_no_other():
    environment = probes.Counter(8)
    ppo = learner(environment)
    first = ppo.init(KEY)
    # Half of the lanes end one step before the rollout does, the others one step after it.
    stagger = jnp.where(jnp.arange(32) < 16, 1, -1)
    first = first.replace(environments=first.environments._replace(steps=stagger))
    state, metrics = jax.jit(ppo.step)(first)
    ended = np.arange(32) < 16
    assert ended.sum() > RESET_BLOCK
    starts, old = np.asarray(state.environments.start), np.asarray(first.environments.start)
    assert len(set(starts[ended]) - set(old)) > 8
    np.testing.assert_array_equal(starts[~ended], old[~ended])
    np.testing.assert_array_equal(state.environments.steps, np.where(ended, 1, 7))
    np.testing.assert_array_equal(state.observations[:, 0], starts + np.where(ended, 1, 7))
    np.testing.assert_array_equal(state.returns, np.where(ended, 1, 8))
    assert metrics.training["episode_return"] == 7


def test_counts_steps(counting):
    ppo, step = counting
    _, metrics = step(ppo.init(KEY))
    assert (metrics.useful_steps, metrics.computed_steps, metrics.sequential_steps) == (256, 256, 8)
    assert all(count.dtype == jnp.int32 for count in (metrics.useful_steps, metrics.sequential_steps))


def test_the_learning_rate_falls_to_its_share_over_the_budget(counting):
    """Of 4 updates of 256 steps; the fifth is past the budget. It is the update's own rate that falls."""
    _, metrics = train(learner(probes.MatchObservation(), learning_rate=0.1, lr_final=0.2), 2)
    assert metrics.training["learning_rate"] == jnp.float32(0.1)  # no budget, no end
    ppo = learner(probes.MatchObservation(), learning_rate=0.1, lr_final=0.2)
    state, rates = ppo.within(ppo.init(KEY), jnp.float32(4 * 256)), []
    for _ in range(5):
        state, metrics = jax.jit(ppo.step)(state)
        rates.append(metrics.training["learning_rate"])
    np.testing.assert_allclose(rates, [0.1, 0.08, 0.06, 0.04, 0.02], rtol=1e-5)
    still = learner(probes.MatchObservation(), learning_rate=0.02, num_epochs=1, num_minibatches=1, max_grad_norm=1e9)
    fast = learner(
        probes.MatchObservation(), learning_rate=0.1, lr_final=0.2, num_epochs=1, num_minibatches=1, max_grad_norm=1e9
    )
    start = fast.init(KEY)
    at_end = start.replace(updates=jnp.int32(4), budget=jnp.float32(4 * 256))
    moved = [
        one.step(of)[0].params for one, of in ((still, still.init(KEY).replace(updates=jnp.int32(4))), (fast, at_end))
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), *moved)


# Reproducibility and compilation.


def test_the_key_decides(counting):
    ppo, step = counting
    one, same, other = (step(ppo.init(jax.random.key(seed)))[0].params for seed in (1, 1, 2))
    jax.tree.map(np.testing.assert_array_equal, one, same)
    different = jax.tree.leaves(jax.tree.map(lambda a, b: (a != b).any(), one, other))
    assert all(different)


def program(**changes):
    ppo = learner(probes.MatchObservation(), **changes)
    init = jax.jit(lambda algorithm, key: algorithm.bind(ppo.problem).init(key))
    state = jax.eval_shape(init, ppo.algorithm, KEY)
    return init.lower(ppo.algorithm, KEY).as_text() + jax.jit(ppo.step).lower(state).as_text()


def test_numbers_share_one_program_and_shapes_do_not():
    changed = {"learning_rate": 0.5, "clip_eps": 0.1, "ent_coef": 0.2, "gamma": 0.5, "gae_lambda": 0.0}
    assert program() == program(**changed, max_grad_norm=3.0, vf_coef=2.0, lr_final=0.1)
    assert program() != program(num_envs=16)


# Networks of every kind without memory.


def bare(observation_space, action_space):
    """A policy whose author thought of no critic."""

    class Bare(nn.Module):
        @nn.compact
        def __call__(self, carry, observation):
            return carry, Categorical(nn.Dense(2)(observation))

        @nn.nowrap
        def initial_carry(self):
            return ()

    return Bare()


@pytest.mark.parametrize(
    ("network", "critic", "first_layer"),
    [
        (MLP(2, 24), Perceptron(2, 24, "pqn", 1), (1, 24)),
        (CNN(height=1, width=1, channels=1, features=5), Convolutional(CNN(1, 1, 1, features=5), 1), (3, 3, 1, 5)),
        (build_network(bare), Perceptron(3, 256, "pqn", 1), (1, 256)),
    ],
    ids=["mlp", "cnn", "one of one's own"],
)
def test_the_critic_is_of_the_policys_kind(network, critic, first_layer):
    environment = probes.MatchObservation()
    policy = network.bind(environment.observation_space, environment.action_space)
    ppo = SMALL.bind(EpisodicProblem(environment, policy))
    assert ppo.critic == critic
    state, _ = train(ppo, 60)
    layers = state.params["critic"]["params"]
    assert layers.get("Conv_0", layers.get("Dense_0"))["kernel"].shape == first_layer
    observations = jnp.array([[-1.0], [1.0]])
    np.testing.assert_array_equal(greedy_actions(ppo, state, observations), [0, 1])
    np.testing.assert_allclose(ppo.values(state, observations), 1, atol=0.2)
    assert ppo.values(state, observations[None]).shape == (1, 2)


# Bad input.


def test_a_distribution_without_density_is_refused():
    class Certain(struct.PyTreeNode):
        action: jax.Array

        def sample(self, key):
            return self.action

        mode = sample

        def entropy(self):
            return jnp.float32(0)

    class Deterministic(nn.Module):
        @nn.compact
        def __call__(self, carry, observation):
            return carry, Certain(jnp.argmax(nn.Dense(2)(observation)))

        @nn.nowrap
        def initial_carry(self):
            return ()

    with pytest.raises(InputError, match=r"PPO needs log_prob and entropy .* Certain of Deterministic lacks log_prob$"):
        SMALL.bind(EpisodicProblem(probes.ConstantReward(), Deterministic()))


def test_a_policy_with_memory_is_refused():
    class Recurrent(nn.Module):
        @nn.compact
        def __call__(self, carry, observation):
            carry, output = nn.GRUCell(4)(carry, observation)
            return carry, Categorical(nn.Dense(2)(output))

        @nn.nowrap
        def initial_carry(self):
            return jnp.zeros(4)

    with pytest.raises(InputError, match="memoryless"):
        SMALL.bind(EpisodicProblem(probes.ConstantReward(), Recurrent()))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_minibatches": 3}, "num_minibatches = 3: .*8192"),
        ({"num_envs": 3, "num_steps": 1}, "num_minibatches = 16: .* 3 "),
        ({"num_envs": 0}, "num_envs = 0: .*greater than or equal to 1"),
        ({"gamma": 1.5}, "gamma = 1.5: .*less than or equal to 1"),
        ({"learning_rate": "fast"}, "learning_rate = 'fast': "),
        ({"learning_rate": 0.0}, "learning_rate = 0.0: .*greater than 0"),
        ({"learning_rate": float("nan")}, "learning_rate = nan: "),
    ],
)
def test_bad_settings_are_named(values, message):
    with pytest.raises(InputError, match=message):
        build(PPO, values)


@pytest.mark.slow
def test_learns_cartpole():
    environment = make("CartPole-v1")
    problem = EpisodicProblem(environment, MLP().bind(environment.observation_space, environment.action_space))
    # 819 200 steps.
    _, metrics = train(PPO(learning_rate=1e-3, num_epochs=1).bind(problem), 100)
    assert metrics.training["episode_return"] > 450
