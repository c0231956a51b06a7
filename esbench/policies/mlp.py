"""The suite's network: a plain multilayer perceptron."""

from typing import Annotated

import flax.linen as nn
import gymnasium
import jax
from pydantic import Field

from esbench.policies.distributions import Distribution
from esbench.policies.networks import ActionSpace, Activation, Carry, action_distribution, hidden_layers, outputs
from esbench.settings import settings


class Perceptron(nn.Module):
    """`n_layers` hidden layers of `layer_size` units, then a linear layer of `outputs` units."""

    n_layers: int
    layer_size: int
    activation: Activation
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = hidden_layers(x, self.n_layers, self.layer_size, self.activation)
        return nn.Dense(self.outputs)(x)


class MLPPolicy(nn.Module):
    """A memoryless policy: a perceptron whose output is the distribution's."""

    n_layers: int
    layer_size: int
    activation: Activation
    actions: int
    continuous: bool

    @nn.compact
    def __call__(self, carry: Carry, observation: jax.Array) -> tuple[Carry, Distribution]:
        # The name that stands in the files of all runs, and that fresh parameters are drawn by.
        torso = Perceptron(self.n_layers, self.layer_size, self.activation, self.actions, name="MLP_0")
        return carry, action_distribution(self, torso(observation), self.continuous)

    @nn.nowrap
    def initial_carry(self) -> Carry:
        return ()

    @nn.nowrap
    def critic(self) -> nn.Module:
        return Perceptron(self.n_layers, self.layer_size, self.activation, outputs=1)


@settings
class MLP:
    """A multilayer perceptron; the paper's, unless changed."""

    n_layers: Annotated[int, Field(ge=0)] = 3
    layer_size: Annotated[int, Field(ge=1)] = 256
    activation: Activation = "pqn"

    def bind(self, observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> MLPPolicy:
        return MLPPolicy(self.n_layers, self.layer_size, self.activation, *outputs(action_space))
