"""Trained policies: of this version and of older ones, with memory and without, one observation and many."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import esbench
from esbench.errors import InputError
from esbench.policies.gru import GRU
from esbench.policies.mlp import MLP
from esbench.policies.normalization import Moments
from esbench.policies.registry import describe
from esbench.problem import DeployedPolicy
from esbench.results.run_directory import RunDirectory
from esbench.results.trained_policy import TrainedPolicy

OBSERVATIONS = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
DISCRETE = gymnasium.spaces.Discrete(3)
BOX = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
STATISTICS = Moments(jnp.float32(10), jnp.full(4, 0.5), jnp.full(4, 40.0))
FIVE = np.random.default_rng(0).standard_normal((5, 4))


def trained(network, actions=BOX, statistics=STATISTICS):
    policy = network.bind(OBSERVATIONS, actions)
    params = policy.init(jax.random.key(0), policy.initial_carry(), jnp.zeros(4))
    return TrainedPolicy(DeployedPolicy(params, statistics, "greedy"), policy, OBSERVATIONS)


@pytest.fixture(scope="module")
def mlp():
    return trained(MLP(1, 8))


@pytest.fixture(scope="module")
def gru():
    return trained(GRU(hidden_size=6, n_layers=0))


def test_many_observations_give_the_action_of_each(mlp):
    actions = mlp(FIVE)
    assert actions.shape == (5, 2) and actions.dtype == jnp.float32
    np.testing.assert_allclose(actions, np.stack([mlp(one) for one in FIVE]), rtol=1e-4, atol=1e-6)
    assert trained(MLP(1, 8), DISCRETE)(FIVE).shape == (5,)


def test_samples_of_many_observations_are_independent(mlp):
    same = np.tile(FIVE[:1], (500, 1))
    sampled = mlp(same, jax.random.key(0))
    np.testing.assert_allclose(sampled.mean(0), mlp(FIVE[0]), atol=0.2)
    np.testing.assert_allclose(sampled.std(0), 1.0, atol=0.15)


@pytest.mark.parametrize("shape", [(), (3,), (5,), (5, 3), (4, 5), (2, 5, 4)])
def test_an_observation_of_another_shape(mlp, gru, shape):
    for act in (mlp, lambda observation: gru.step(observation, gru.initial_carry())):
        with pytest.raises(InputError, match=r"expected \(4,\), or \(k, 4\) for k of them"):
            act(np.zeros(shape))


def test_memory_is_the_callers(gru):
    with pytest.raises(InputError, match=r"has memory: expected action, carry = policy\.step"):
        gru(FIVE[0])
    carry, raw = gru.initial_carry(), gru.policy.initial_carry()
    for observation in FIVE:
        action, carry = gru.step(observation, carry)
        seen = STATISTICS.normalize(jnp.float32(observation))
        raw, distribution = gru.policy.apply(gru.deployed.params, raw, seen)
        np.testing.assert_allclose(action, distribution.mode(), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(carry, raw, rtol=1e-4, atol=1e-6)
    first, _ = gru.step(FIVE[-1], gru.initial_carry())
    assert not np.allclose(action, first)


def test_episodes_side_by_side_have_a_memory_each(gru):
    carry, alone = gru.initial_carry(5), [gru.initial_carry()] * 5
    for turn in range(3):
        seen = np.roll(FIVE, turn, axis=0)
        actions, carry = gru.step(seen, carry)
        steps = [gru.step(one, own_carry) for one, own_carry in zip(seen, alone, strict=True)]
        alone = [step[1] for step in steps]
        np.testing.assert_allclose(actions, np.stack([step[0] for step in steps]), rtol=1e-4, atol=1e-6)
    for wrong in (gru.initial_carry(), gru.initial_carry(4), ()):
        with pytest.raises(InputError, match=r"such as initial_carry\(5\) gives"):
            gru.step(FIVE, wrong)
    with pytest.raises(InputError, match=r"such as initial_carry\(\) gives"):
        gru.step(FIVE[0], gru.initial_carry(1))


def test_a_policy_without_memory_steps_alike(mlp):
    action, carry = mlp.step(FIVE[0], mlp.initial_carry())
    assert carry == () and np.array_equal(action, mlp(FIVE[0]))
    assert mlp.step(FIVE, mlp.initial_carry(5))[0].shape == (5, 2)


def written(path, make_manifest, policy, deployed):
    directory = RunDirectory.create(path, make_manifest(policy=policy))
    directory.save_policy(deployed)
    return path


@pytest.mark.parametrize("actions", [BOX, DISCRETE], ids=["continuous", "discrete"])
def test_a_run_of_an_older_version_has_neither_a_name_nor_spaces(tmp_path, make_manifest, actions):
    before = trained(MLP(2, 8, "tanh"), actions)
    record = {"n_layers": 2, "layer_size": 8, "activation": "tanh"}
    after = esbench.load_policy(written(tmp_path / "run", make_manifest, record, before.deployed))
    assert after.policy == before.policy
    np.testing.assert_array_equal(after(FIVE), before(FIVE))
    with pytest.raises(InputError, match=r"expected \(4,\)"):
        after(np.zeros(3))


def test_a_policy_that_is_no_network_of_its_manifest(tmp_path, make_manifest):
    deployed = trained(MLP(2, 8)).deployed
    for number, record in enumerate([describe(MLP(1, 8)), describe(MLP(2, 9)), describe(MLP(3, 8))]):
        run = written(tmp_path / str(number), make_manifest, record, deployed)
        with pytest.raises(InputError, match="its policy is no mlp of the settings in its manifest"):
            esbench.load_policy(run)
    run = written(tmp_path / "own", make_manifest, {"name": "Scaled", "scale": 2.0}, deployed)
    with pytest.raises(InputError, match="'Scaled' is no built-in one: say where it is"):
        esbench.load_policy(run)
    run = written(tmp_path / "problem", make_manifest, {}, deployed)
    with pytest.raises(InputError, match="its problem brings its own network"):
        esbench.load_policy(run)
