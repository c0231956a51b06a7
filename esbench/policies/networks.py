"""What a network is: settings that make a policy for a task's spaces, a plain Flax module; and the parts that the
built-in ones share. None of them knows how it will be perturbed."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import flax.linen as nn
import gymnasium
import jax

from esbench.policies.distributions import Categorical, DiagonalGaussian, Distribution

Params = Any
Carry = Any
ActionSpace = gymnasium.spaces.Discrete | gymnasium.spaces.Box
Activation = Literal["pqn", "tanh", "relu"]


class Policy(Protocol):
    """A Flax module from (memory, observation) to (memory, action distribution).

    Memory is explicit: `()` for a network without any. `observation` is float32 (n,), without a batch axis: callers
    vmap. `params` are Flax's variables, as `init` returns them.

    A policy without memory may also have `critic()`, for algorithms that learn one: a Flax module from an observation
    to one value, float32 (1,).
    """

    def initial_carry(self) -> Carry: ...
    def init(self, key: jax.Array, carry: Carry, observation: jax.Array) -> Params: ...
    def apply(self, params: Params, carry: Carry, observation: jax.Array) -> tuple[Carry, Distribution]: ...


class Network(Protocol):
    """Settings of a network, a frozen dataclass. They make the policy for a task's spaces: observations in a Box of
    shape (n,), actions in a Discrete or a one-dimensional Box. InputError where the network does not fit them."""

    def bind(self, observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> Policy: ...


def pqn(x: jax.Array) -> jax.Array:
    """relu(layer_norm(x)), no learnt scale: the activation of the EGGROLL paper's RL experiments."""
    return nn.relu(jax.nn.standardize(x))


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {"pqn": pqn, "tanh": nn.tanh, "relu": nn.relu}


def hidden_layers(x: jax.Array, n_layers: int, layer_size: int, activation: Activation) -> jax.Array:
    """`n_layers` dense layers of `layer_size` units, which belong to the module that calls this."""
    for _ in range(n_layers):
        x = ACTIVATIONS[activation](nn.Dense(layer_size)(x))
    return x


def outputs(action_space: ActionSpace) -> tuple[int, bool]:
    """How many numbers a policy gives for a Discrete space or a one-dimensional Box, and whether it is the Box."""
    if isinstance(action_space, gymnasium.spaces.Box):
        return action_space.shape[0], True
    return int(action_space.n), False


def action_distribution(module: nn.Module, output: jax.Array, continuous: bool) -> Distribution:
    """What a policy's last layer stands for. Discrete: logits. Continuous: the mean of a diagonal Gaussian whose log
    standard deviation is a parameter of `module`, independent of the observation and starting at 0."""
    if not continuous:
        return Categorical(output)
    return DiagonalGaussian(output, module.param("log_std", nn.initializers.zeros, output.shape))
