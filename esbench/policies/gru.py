"""A network with memory, for tasks whose observation does not show all that matters."""

from typing import Annotated

import flax.linen as nn
import gymnasium
import jax
import jax.numpy as jnp
from pydantic import Field

from esbench.policies.distributions import Distribution
from esbench.policies.networks import ActionSpace, Activation, action_distribution, hidden_layers, outputs
from esbench.settings import settings


@settings
class GRU:
    """Hidden layers, a gated recurrent unit of `hidden_size` numbers of memory, then a linear layer."""

    hidden_size: Annotated[int, Field(ge=1)] = 64
    n_layers: Annotated[int, Field(ge=0)] = 1
    layer_size: Annotated[int, Field(ge=1)] = 64
    activation: Activation = "pqn"

    def bind(self, observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> "GRUPolicy":
        return GRUPolicy(self, *outputs(action_space))


class GRUPolicy(nn.Module):
    """A policy that remembers: its carry is float32 (hidden_size,), zeros when an episode begins."""

    network: GRU
    actions: int
    continuous: bool

    @nn.compact
    def __call__(self, carry: jax.Array, observation: jax.Array) -> tuple[jax.Array, Distribution]:
        network = self.network
        seen = hidden_layers(observation, network.n_layers, network.layer_size, network.activation)
        carry, remembered = nn.GRUCell(network.hidden_size)(carry, seen)
        output = nn.Dense(self.actions)(remembered)
        return carry, action_distribution(self, output, self.continuous)

    @nn.nowrap
    def initial_carry(self) -> jax.Array:
        return jnp.zeros(self.network.hidden_size, jnp.float32)
