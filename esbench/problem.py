"""What an algorithm is given: an environment and a policy, without the task's name."""

from dataclasses import dataclass, field
from typing import Literal

import gymnasium
import jax
import jax.numpy as jnp
from flax import struct

from esbench.policies.networks import Params, Policy
from esbench.policies.normalization import Moments
from esbench.sizes import Sizes
from esbench.tasks.environment import Environment, State, Transition

ActionMode = Literal["sample", "greedy"]


class DeployedPolicy(struct.PyTreeNode):
    """What is scored: parameters, frozen observation statistics (None: observations as they are), action mode."""

    params: Params
    statistics: Moments | None
    action_mode: ActionMode = struct.field(pytree_node=False)


@dataclass(frozen=True)
class Problem:
    """An environment and the policy that is to be trained on it, with the sizes to run them at."""

    environment: Environment
    policy: Policy
    sizes: Sizes = field(default_factory=Sizes)

    @property
    def blank_observation(self) -> jax.Array:
        """An observation of zeros, float32 (n,), for whatever needs only its shape."""
        return jnp.zeros(self.environment.observation_space.shape, jnp.float32)

    def init_params(self, key: jax.Array) -> Params:
        """Fresh parameters of the policy."""
        return self.policy.init(key, self.policy.initial_carry(), self.blank_observation)

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        """One step of the environment; actions outside a Box are clipped to it, as a Gaussian policy needs."""
        space = self.environment.action_space
        if isinstance(space, gymnasium.spaces.Box):
            action = jnp.clip(action, space.low, space.high)
        return self.environment.step(key, state, action)
