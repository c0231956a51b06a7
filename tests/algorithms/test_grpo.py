"""GRPO: its first gradient is REINFORCE's, the two forms of its policy agree, it counts what it computes, it learns."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

import esbench
from esbench.algorithms.grpo import GRPO
from esbench.errors import InputError
from esbench.policies.gru import GRU
from esbench.policies.mlp import MLP
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import build
from esbench.sizes import Sizes
from esbench.tasks.environment import TimeLimit
from esbench.tasks.registry import make
from tests.environments import Delay, Recall, Walk

KEY = jax.random.key(0)
SMALL = GRPO(batch=12, group=4, num_minibatches=1, temperature=1.5)
MEMORY = GRU(hidden_size=8, n_layers=1, layer_size=8)
PLAIN = MLP(1, 16, "tanh")
CASES = {
    "memory": (lambda: TimeLimit(Recall(), 4), MEMORY),
    "continuous": (lambda: TimeLimit(Walk(limit=100), 8), PLAIN),
    "prompts": (lambda: make("Countdown-v0"), MEMORY),
}


def learner(environment, network, algorithm=SMALL):
    policy = network.bind(environment.observation_space, environment.action_space)
    return algorithm.bind(EpisodicProblem(environment, policy, Sizes(lanes=8, narrow=0, block=3)))


@pytest.fixture(scope="module", params=CASES)
def played(request):
    """A learner, its first state, and its first rollout."""
    environment, network = CASES[request.param]
    grpo = learner(environment(), network)
    state = jax.jit(grpo.init)(KEY)
    return grpo, state, jax.jit(grpo.rollout)(jax.random.key(1), state)


def test_the_first_gradient_is_that_of_reinforce_with_group_centred_advantages(played):
    grpo, state, episodes = played
    # Nothing is right by chance on Countdown: any returns do.
    returns = jax.random.normal(KEY, episodes.returns.shape)
    acts = np.asarray(episodes.steps.acts).reshape(12, -1)
    centred = np.asarray(returns - returns.mean(0, keepdims=True)).reshape(-1) / np.asarray(returns).std()
    steps = jax.tree.map(lambda leaf: leaf.reshape(12, *leaf.shape[2:]), episodes.steps)
    policy = grpo.problem.policy

    @jax.jit
    def step(params, carry, observation, action):
        carry, distribution = policy.apply(params, carry, observation)
        return carry, distribution.tempered(SMALL.temperature).log_prob(action)

    def reinforce(params):
        total, carry = 0.0, jax.tree.map(lambda x: jnp.tile(x, (12, 1)), policy.initial_carry())
        for t in range(grpo.cap):
            at = (steps.observation[:, t], steps.action[:, t])
            carry, log_prob = jax.vmap(step, (None, 0, 0, 0))(params, carry, *at)
            total += (log_prob * centred * acts[:, t]).sum()
        return -total / acts.sum()

    expected = jax.grad(reinforce)(state.params["actor"])
    batch = grpo.batch(episodes.replace(returns=returns))
    (_, scalars), found = jax.jit(jax.value_and_grad(grpo.loss, has_aux=True))(state.params, state, batch)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6), found["actor"], expected)
    assert scalars["clip_fraction"] == 0 and abs(scalars["approx_kl"]) < 1e-6


def test_probabilities_recorded_in_a_rollout_are_those_of_whole_sequences(played):
    grpo, state, episodes = played
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), episodes.steps)
    whole = grpo.distributions(state.params["actor"], state, flat.observation)
    log_prob = jax.vmap(jax.vmap(lambda one, action: one.log_prob(action)))(whole, flat.action)
    there = np.arange(grpo.cap) < np.asarray(episodes.lengths).reshape(-1, 1)
    np.testing.assert_allclose(np.where(there, flat.log_prob, 0), np.where(there, log_prob, 0), atol=2e-6)
    assert not np.where(there, 0, flat.log_prob).any() and not (np.asarray(flat.acts) & ~there).any()


def test_a_group_has_one_beginning_and_ways_of_its_own(played):
    _, _, episodes = played
    first = np.asarray(episodes.steps.observation)[:, :, 0]
    np.testing.assert_array_equal(first, np.broadcast_to(first[:1], first.shape))
    actions = np.asarray(episodes.steps.action).reshape(4, 3, -1)
    assert len(np.unique(actions.reshape(12, -1), axis=0)) > 6
    assert (actions[0] != actions[1]).any()


@pytest.mark.parametrize("played", ["prompts"], indirect=True)
def test_what_is_read_is_not_learnt_and_counted_apart(played):
    grpo, state, episodes = played
    acts, lengths = np.asarray(episodes.steps.acts), np.asarray(episodes.lengths)
    assert not acts[..., :6].any() and acts[..., 6].all()
    np.testing.assert_array_equal(acts.sum(-1), lengths - 6)
    # The prompt is seen: four numbers, `>`, two digits.
    assert (np.asarray(episodes.steps.observation)[..., 4, 0] == 17).all()
    _, metrics = jax.jit(grpo.learnt)(KEY, state, episodes)
    counts = {name: int(metrics.training[name]) for name in ("generated_steps", "prompt_steps", "backward_passes")}
    assert counts["prompt_steps"] == 12 * 6
    assert counts["generated_steps"] == int(metrics.useful_steps.sum()) - 12 * 6
    assert counts["backward_passes"] == 12 * 31
    assert int(metrics.training["forward_passes"]) == 12 * 31 + int(metrics.computed_steps.sum())


def test_a_low_temperature_is_greedy_and_numbers_share_one_program():
    environment = TimeLimit(Recall(), 4)
    cold = learner(environment, MEMORY, dataclasses.replace(SMALL, temperature=1e-4))
    state = cold.init(KEY)
    assert jnp.abs(jax.jit(cold.rollout)(KEY, state).steps.log_prob).max() < 1e-3
    init = jax.jit(lambda algorithm, key: algorithm.bind(cold.problem).init(key))
    texts = [init.lower(of, KEY).as_text() for of in (SMALL, cold.algorithm)]
    assert texts[0] == texts[1]


def test_learns_cartpole():
    algorithm = GRPO(batch=32, group=8, num_minibatches=1, num_epochs=4, learning_rate=0.01)
    grpo = learner(make("CartPole-v1").within(100), PLAIN, algorithm)
    state, step, returns = jax.jit(grpo.init)(KEY), jax.jit(grpo.step), []
    for _ in range(20):
        state, metrics = step(state)
        returns.append(float(metrics.training["episode_return"]))
    assert returns[0] < 40 and np.mean(returns[-3:]) > 95


# Bad input.


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"group": 5}, "group = 5: .*batch = 64 must be a multiple of it"),
        ({"group": 1}, "group = 1: .*greater than or equal to 2"),
        ({"batch": 8, "num_minibatches": 3}, "num_minibatches = 3: .*batch = 8"),
        ({"batch": 12}, "group = 8: .*batch = 12"),
        ({"temperature": 0.0}, "temperature = 0.0: .*greater than 0"),
        ({"temperature": -1.0}, "temperature = -1.0: .*greater than 0"),
    ],
)
def test_bad_settings_are_named_and_nothing_is_written(values, message, tmp_path):
    with pytest.raises(InputError, match=message):
        build(GRPO, values)
    with pytest.raises(InputError, match=message):
        esbench.run("CartPole-v1", "grpo", settings=values, preset="defaults", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_it_cannot_learn_is_said():
    class Certain(struct.PyTreeNode):
        action: jax.Array

        def sample(self, key):
            return self.action

        mode = sample

    class Deterministic(nn.Module):
        @nn.compact
        def __call__(self, carry, observation):
            return carry, Certain(jnp.argmax(nn.Dense(2)(observation)))

        @nn.nowrap
        def initial_carry(self):
            return ()

    with pytest.raises(InputError, match="the Certain of Deterministic lacks log_prob and entropy and tempered"):
        SMALL.bind(EpisodicProblem(TimeLimit(Delay(), 9), Deterministic()))
    with pytest.raises(InputError, match="Delay states no cap of their steps"):
        learner(Delay(), PLAIN)
    with pytest.raises(InputError, match="GRPO needs an environment"):
        SMALL.bind(object())
