"""Imitation: its loss is the cross entropy of what is shown, it learns that, and others begin with what it left."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import esbench
from esbench.algorithms.imitation import Imitation
from esbench.errors import InputError
from esbench.policies.gru import GRU
from esbench.results.run_directory import RunDirectory
from esbench.rollout.problem import EpisodicProblem
from esbench.tasks.registry import make
from tests.experiment.conftest import TINY

KEY = jax.random.key(0)
MEMORY = {"hidden_size": 8, "layer_size": 8}


@pytest.fixture(scope="module")
def countdown():
    """A learner, its first state, and demonstrations."""
    environment = make("Countdown-v0")
    policy = GRU(**MEMORY).bind(environment.observation_space, environment.action_space)
    learner = Imitation(batch=6).bind(EpisodicProblem(environment, policy))
    return learner, jax.jit(learner.init)(KEY), jax.jit(learner.demonstrations)(jax.random.key(1))


def test_the_loss_is_the_cross_entropy_of_the_answers(countdown):
    learner, state, shown = countdown
    policy, params = learner.problem.policy, state.params["actor"]
    losses, hits = [], []
    for observations, actions, counted in zip(*shown, strict=True):
        carry = policy.initial_carry()
        for observation, action, counts in zip(observations, actions, counted, strict=True):
            carry, distribution = policy.apply(params, carry, observation)
            if counts:
                losses.append(-jax.nn.log_softmax(distribution.logits)[action])
                hits.append(jnp.argmax(distribution.logits) == action)
    loss, scalars = learner.loss(state.params, state.statistics, shown)
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)
    np.testing.assert_allclose(scalars["accuracy"], np.mean(hits), rtol=1e-5)


def test_useful_steps_are_those_up_to_the_end_of_each_answer(countdown):
    learner, state, _ = countdown
    after, metrics = jax.jit(learner.step)(state)
    shown = learner.demonstrations(jax.random.fold_in(state.key, 0))
    lengths = [np.flatnonzero(counted)[-1] + 1 for counted in np.asarray(shown.counted)]
    np.testing.assert_array_equal(metrics.useful_steps, lengths)
    assert metrics.sequential_steps == max(lengths)
    assert metrics.computed_steps == shown.counted.size
    assert after.updates == 1 and after.learning_rate == state.learning_rate


def test_it_learns_what_it_is_shown():
    small = {"n_layers": 1, "layer_size": 8, "batch": 16, "learning_rate": 0.03}
    learner = esbench.learner(f"{TINY}:ECHO", "imitation", preset="defaults", settings=small)
    state, step = learner.init(0), jax.jit(learner.step)
    for _ in range(100):
        state, metrics = step(state)
    assert metrics.training["accuracy"] > 0.99


def test_a_learner_begins_with_what_it_left_and_is_scored_alike(tmp_path):
    options = {"policy": "gru", "tier": "smoke", "out": tmp_path, "steps": 2000}
    first = esbench.run("Countdown-v0", "imitation", settings={**MEMORY, "batch": 32}, **options)
    start = first.path / "policy.npz"
    then = esbench.run("Countdown-v0", "grpo", settings={**MEMORY, "batch": 64}, start=start, **options)
    assert set(then.rows[0].scores) == {"return", "length", "return_greedy", "return_sample", "pass@8"}
    for result in (first, then):
        assert RunDirectory.open(result.path).manifest.action_mode == "greedy"
        assert all(row.scores["return"] == row.scores["return_greedy"] for row in result.rows)


def test_an_environment_without_demonstrations_is_refused(tmp_path):
    with pytest.raises(InputError, match="imitation needs demonstrations, and this task's environment has none"):
        esbench.run("CartPole-v1", "imitation", preset="defaults", out=tmp_path / "out")
    with pytest.raises(InputError, match="imitation needs an environment"):
        Imitation().bind(object())
    assert not (tmp_path / "out").exists()
