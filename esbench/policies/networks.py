"""The suite's network: a plain multilayer perceptron in Flax, written without knowing how it will be perturbed."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Protocol

import flax.linen as nn
import gymnasium
import jax
from pydantic import Field

from esbench.policies.distributions import Categorical, DiagonalGaussian, Distribution
from esbench.settings import settings

Params = Any
Carry = Any


class Policy(Protocol):
    """A Flax module from (memory, observation) to (memory, action distribution).

    Memory is explicit: `()` for a network without any. `observation` is float32 (n,), without a batch axis: callers
    vmap. `params` are Flax's variables, as `init` returns them.
    """

    def initial_carry(self) -> Carry: ...
    def init(self, key: jax.Array, carry: Carry, observation: jax.Array) -> Params: ...
    def apply(self, params: Params, carry: Carry, observation: jax.Array) -> tuple[Carry, Distribution]: ...


def pqn(x: jax.Array) -> jax.Array:
    """relu(layer_norm(x)), no learnt scale: the activation of the EGGROLL paper's RL experiments."""
    return nn.relu(jax.nn.standardize(x))


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {"pqn": pqn, "tanh": nn.tanh, "relu": nn.relu}


class MLP(nn.Module):
    """`n_layers` hidden layers of `layer_size` units, then a linear layer of `outputs` units."""

    n_layers: int
    layer_size: int
    activation: str
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for _ in range(self.n_layers):
            x = ACTIVATIONS[self.activation](nn.Dense(self.layer_size)(x))
        return nn.Dense(self.outputs)(x)


class MLPPolicy(nn.Module):
    """A memoryless policy. Discrete: categorical over `actions`. Continuous: a diagonal Gaussian whose log standard
    deviation is a parameter of its own, independent of the observation and starting at 0."""

    n_layers: int
    layer_size: int
    activation: str
    actions: int
    continuous: bool

    @nn.compact
    def __call__(self, carry: Carry, observation: jax.Array) -> tuple[Carry, Distribution]:
        output = MLP(self.n_layers, self.layer_size, self.activation, self.actions)(observation)
        if not self.continuous:
            return carry, Categorical(output)
        return carry, DiagonalGaussian(output, self.param("log_std", nn.initializers.zeros, (self.actions,)))

    @nn.nowrap
    def initial_carry(self) -> Carry:
        return ()


@settings
class PolicySettings:
    """The network of the suite; the paper's, unless changed."""

    n_layers: Annotated[int, Field(ge=0)] = 3
    layer_size: Annotated[int, Field(ge=1)] = 256
    activation: Literal["pqn", "tanh", "relu"] = "pqn"

    def bind(self, observation_space, action_space) -> MLPPolicy:
        return self.for_actions(action_space)

    def for_actions(self, space: gymnasium.spaces.Discrete | gymnasium.spaces.Box) -> MLPPolicy:
        """The policy for a Discrete space or a one-dimensional Box."""
        continuous = isinstance(space, gymnasium.spaces.Box)
        actions = space.shape[0] if isinstance(space, gymnasium.spaces.Box) else int(space.n)
        return MLPPolicy(self.n_layers, self.layer_size, self.activation, actions, continuous)
