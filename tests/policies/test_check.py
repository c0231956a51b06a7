"""A policy that does not fit its task is found out by a trace, in one line."""

import flax.linen as nn
import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from esbench.errors import InputError
from esbench.policies.check import check_policy
from esbench.policies.cnn import CNN
from esbench.policies.distributions import Categorical, DiagonalGaussian
from esbench.policies.gru import GRU
from esbench.policies.mlp import MLP

OBSERVATIONS = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
TWO = gymnasium.spaces.Discrete(2)
BOX = gymnasium.spaces.Box(-1, 1, (3,), np.float32)


@pytest.mark.parametrize("actions", [TWO, BOX], ids=["discrete", "continuous"])
@pytest.mark.parametrize("network", [MLP(), GRU(), CNN(height=2, width=2, channels=1)], ids=lambda n: type(n).__name__)
def test_the_built_in_networks_fit(network, actions):
    check_policy(network.bind(OBSERVATIONS, actions), OBSERVATIONS, actions)


class Answering(nn.Module):
    """What a test says it answers."""

    answer: object
    start: object = ()

    @nn.compact
    def __call__(self, carry, observation):
        return self.answer(carry, nn.Dense(3)(observation))

    @nn.nowrap
    def initial_carry(self):
        return self.start


class NoPytree:
    def sample(self, key):
        return jnp.int32(0)

    def mode(self):
        return jnp.int32(0)


class Modeless(struct.PyTreeNode):
    logits: object

    def sample(self, key):
        return jnp.argmax(self.logits)


class Uniform(struct.PyTreeNode):
    """Of floats, which are no discrete actions."""

    x: object

    def sample(self, key):
        return self.x[0]

    def mode(self):
        return self.x[0]


def gaussian(n):
    return lambda carry, x: (carry, DiagonalGaussian(x[:n], jnp.zeros(n)))


@pytest.mark.parametrize(
    ("answer", "start", "actions", "said"),
    [
        (lambda c, x: (c, Categorical(x)), (), TWO, r"logits of shape \(3,\): expected \(2,\) for Discrete\(2\)"),
        (lambda c, x: (c, Categorical(x)), (), BOX, r"a mode of int32\[\]: expected float32\[3\] for a Box of shape"),
        (gaussian(2), (), BOX, r"a mode of float32\[2\]: expected float32\[3\]"),
        (gaussian(3), (), TWO, r"a mode of float32\[3\]: expected int32\[\] for Discrete\(2\)"),
        (lambda c, x: (c, Uniform(x)), (), TWO, r"a mode of float32\[\]: expected int32\[\]"),
        (lambda c, x: (c, x), (), BOX, r"gives a \w+, which lacks sample and mode"),
        (lambda c, x: (c, Modeless(x)), (), TWO, "gives a Modeless, which lacks mode"),
        (lambda c, x: (c, NoPytree()), (), TWO, "gives a NoPytree, which is no pytree of arrays"),
        (
            lambda c, x: Categorical(x),
            (),
            TWO,
            "gives a Categorical: expected two values, the carry and a distribution",
        ),
        (
            lambda c, x: (x, Categorical(x[:2])),
            jnp.zeros(4),
            TWO,
            r"carry in a step: from float32\[4\] to float32\[3\]",
        ),
        (lambda c, x: (c + 0.5, Categorical(x[:2])), jnp.int32(0), TWO, r"from int32\[\] to float32\[\]"),
        (lambda c, x: ((c, c), Categorical(x[:2])), jnp.zeros(1), TWO, r"from float32\[1\] to \(float32\[1\], float"),
        (
            lambda c, x: (c, Categorical(x @ jnp.zeros(5))),
            (),
            TWO,
            r"on an observation of shape \(4,\): TypeError: dot",
        ),
    ],
)
def test_a_policy_that_does_not_fit(answer, start, actions, said):
    with pytest.raises(InputError, match=said) as raised:
        check_policy(Answering(answer, start), OBSERVATIONS, actions)
    assert "\n" not in str(raised.value) and "policy Answering" in str(raised.value)


@pytest.mark.parametrize("given", [MLP(), nn.Dense(2), None], ids=["settings", "a module without memory", "nothing"])
def test_what_is_no_policy(given):
    with pytest.raises(InputError, match=r"lacks .*initial_carry"):
        check_policy(given, OBSERVATIONS, TWO)
