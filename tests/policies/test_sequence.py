"""A policy over whole sequences is the policy step after step."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.policies.gru import GRU
from esbench.policies.rwkv7 import RWKV7
from esbench.policies.sequence import over_sequence

OBSERVATIONS = gymnasium.spaces.Box(0, 21, (1,), np.float32)
ACTIONS = gymnasium.spaces.Discrete(22)
NETWORKS = {"gru": GRU(hidden_size=8, layer_size=8), "rwkv7": RWKV7(width=16, head_size=4, layers=2)}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sequence_is_the_policy_step_after_step(name):
    policy = NETWORKS[name].bind(OBSERVATIONS, ACTIONS)
    observations = jax.random.randint(jax.random.key(0), (2, 3, 9, 1), 0, 22).astype(jnp.float32)
    params = jax.jit(policy.init)(jax.random.key(1), policy.initial_carry(), observations[0, 0, 0])
    answers = jax.jit(lambda params, x: over_sequence(policy, params, x))(params, observations)
    assert answers.logits.shape == (2, 3, 9, 22)
    apply = jax.jit(policy.apply)
    for sequence, logits in ((observations[0, 1], answers.logits[0, 1]), (observations[1, 2], answers.logits[1, 2])):
        carry = policy.initial_carry()
        for seen, expected in zip(sequence, logits, strict=True):
            carry, distribution = apply(params, carry, seen)
            np.testing.assert_allclose(distribution.logits, expected, atol=2e-5)
    # One sequence, without an axis in front, as a function of it under vmap.
    alone = jax.vmap(lambda x: over_sequence(policy, params, x))(observations[0])
    np.testing.assert_allclose(alone.logits, answers.logits[0], atol=2e-5)
