"""A convolutional network, for observations that are a flat picture."""

import math
from typing import Annotated

import flax.linen as nn
import gymnasium
import jax
import jax.numpy as jnp
from pydantic import Field

from esbench.errors import InputError
from esbench.policies.distributions import Distribution
from esbench.policies.networks import (
    ACTIVATIONS,
    ActionSpace,
    Activation,
    Carry,
    action_distribution,
    hidden_layers,
    outputs,
)
from esbench.settings import settings

Count = Annotated[int, Field(ge=1)]


@settings
class CNN:
    """Convolutions over a picture, hidden layers over what they give, then a linear layer.

    An observation is the picture's height * width * channels numbers, rows first and channels last, and then `rest`
    more, which join what the convolutions give. A convolution has `features` outputs, a square kernel of side `kernel`,
    and keeps the picture's size.
    """

    height: Count
    width: Count
    channels: Count
    rest: Annotated[int, Field(ge=0)] = 0
    n_convolutions: Count = 2
    features: Count = 16
    kernel: Count = 3
    n_layers: Annotated[int, Field(ge=0)] = 1
    layer_size: Count = 64
    activation: Activation = "pqn"

    def bind(self, observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> "CNNPolicy":
        size, picture = math.prod(observation_space.shape), self.height * self.width * self.channels
        if size != picture + self.rest:
            fix = f"rest = {size - picture}" if size > picture else "other numbers"
            raise InputError(
                f"an observation of {size} numbers is no picture of height * width * channels = {self.height} * "
                f"{self.width} * {self.channels} = {picture} numbers and rest = {self.rest} more: expected {fix}"
            )
        return CNNPolicy(self, *outputs(action_space))


class Convolutional(nn.Module):
    """A CNN with `outputs` numbers at its end."""

    network: CNN
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        network = self.network
        size = network.height * network.width * network.channels
        picture = x[:size].reshape(network.height, network.width, network.channels)
        for _ in range(network.n_convolutions):
            picture = nn.Conv(network.features, (network.kernel, network.kernel))(picture)
            picture = ACTIVATIONS[network.activation](picture)
        seen = jnp.concatenate([picture.ravel(), x[size:]])
        return nn.Dense(self.outputs)(hidden_layers(seen, network.n_layers, network.layer_size, network.activation))


class CNNPolicy(nn.Module):
    """A memoryless policy: a CNN whose output is the distribution's."""

    network: CNN
    actions: int
    continuous: bool

    @nn.compact
    def __call__(self, carry: Carry, observation: jax.Array) -> tuple[Carry, Distribution]:
        output = Convolutional(self.network, self.actions)(observation)
        return carry, action_distribution(self, output, self.continuous)

    @nn.nowrap
    def initial_carry(self) -> Carry:
        return ()

    @nn.nowrap
    def critic(self) -> nn.Module:
        return Convolutional(self.network, outputs=1)
