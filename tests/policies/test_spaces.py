"""Spaces as JSON and back."""

import json

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.policies.mlp import MLP
from esbench.policies.spaces import describe_spaces, spaces_from, spaces_of_mlp
from esbench.tasks import registry

OBSERVATIONS = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
BOX = gymnasium.spaces.Box(np.float32([-1, -np.inf]), np.float32([0.1, np.inf]))


@pytest.mark.parametrize("actions", [gymnasium.spaces.Discrete(5), BOX], ids=["discrete", "continuous"])
def test_they_come_back(actions):
    record = json.loads(json.dumps(describe_spaces(OBSERVATIONS, actions), allow_nan=False))
    observation_space, action_space = spaces_from(record)
    assert observation_space.shape == (3,)
    assert action_space == actions
    assert describe_spaces(observation_space, action_space) == record


def test_what_is_recorded():
    assert describe_spaces(OBSERVATIONS, gymnasium.spaces.Discrete(5)) == {
        "observation": {"shape": [3]},
        "action": {"n": 5},
    }
    assert describe_spaces(OBSERVATIONS, BOX)["action"] == {"low": [-1.0, None], "high": [float(np.float32(0.1)), None]}


@pytest.mark.parametrize("n_layers", [0, 2])
@pytest.mark.parametrize("task", ["CartPole-v1", "Pendulum-v1"])
def test_those_of_an_mlp_are_read_off_its_parameters(task, n_layers):
    env = registry.make(task)
    policy = MLP(n_layers, 8).bind(env.observation_space, env.action_space)
    params = jax.eval_shape(lambda key: policy.init(key, (), jnp.zeros(env.observation_space.shape)), jax.random.key(0))
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), params)
    observation_space, action_space = spaces_from(spaces_of_mlp(params, n_layers))
    assert observation_space.shape == env.observation_space.shape
    assert type(action_space) is type(env.action_space) and action_space.shape == env.action_space.shape
    assert MLP(n_layers, 8).bind(observation_space, action_space) == policy
