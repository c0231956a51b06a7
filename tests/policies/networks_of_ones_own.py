"""Networks as their authors write them: a dataclass of settings, a plain one, a function; and things that are none."""

from dataclasses import dataclass

import flax.linen as nn
import jax.numpy as jnp

from esbench.policies.distributions import Categorical
from esbench.policies.gru import GRU
from esbench.settings import settings


class Linear(nn.Module):
    actions: int
    scale: float = 1.0

    @nn.compact
    def __call__(self, carry, observation):
        return carry, Categorical(self.scale * nn.Dense(self.actions)(observation))

    @nn.nowrap
    def initial_carry(self):
        return ()


@settings
class Scaled:
    scale: float = 2.0

    def bind(self, observation_space, action_space):
        return Linear(int(action_space.n), self.scale)


@dataclass(frozen=True)
class Plain:
    scale: float = 3.0
    sides: tuple[int, ...] = (2, 3)

    def bind(self, observation_space, action_space):
        return Linear(int(action_space.n), self.scale)


def linear(observation_space, action_space):
    return Linear(int(action_space.n))


def of_one_space(action_space):
    return Linear(int(action_space.n))


@settings
class Unbound:
    scale: float = 1.0


@dataclass(frozen=True)
class Initialized:
    """A setting of a type that only its author knows how to make."""

    kernel: nn.initializers.Initializer = nn.initializers.zeros

    def bind(self, observation_space, action_space):
        return Linear(int(action_space.n))


class NoDataclass:
    def bind(self, observation_space, action_space):
        return Linear(int(action_space.n))


@dataclass(frozen=True)
class Holding:
    """A setting that no manifest can hold."""

    activation: object = jnp.tanh

    def bind(self, observation_space, action_space):
        return Linear(int(action_space.n))


MODULE = Linear(2)
NUMBER = 3


def remembering(observation_space, action_space):
    return GRU(hidden_size=8, layer_size=8).bind(observation_space, action_space)


class Copying(nn.Module):
    """Does what it sees, the more surely the larger its one parameter is."""

    actions: int

    @nn.compact
    def __call__(self, carry, observation):
        seen = jnp.arange(self.actions) == observation[0]
        return carry, Categorical(self.param("scale", nn.initializers.ones, ()) * seen)

    @nn.nowrap
    def initial_carry(self):
        return ()


def copying(observation_space, action_space):
    return Copying(int(action_space.n))
