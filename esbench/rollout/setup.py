"""What episodes are made of: an environment, the policy that acts in it, and the sizes to run them at."""

from dataclasses import dataclass, field

import gymnasium
import jax
import jax.numpy as jnp

from esbench.policies.networks import Params, Policy
from esbench.policies.normalization import Moments
from esbench.problem import DeployedPolicy
from esbench.sizes import Sizes
from esbench.tasks.environment import Environment, State, Transition


@dataclass(frozen=True)
class Setup:
    """An environment and a policy, without the task's name.

    start: what training begins from, None for fresh parameters.
    """

    environment: Environment
    policy: Policy
    sizes: Sizes = field(default_factory=Sizes)
    start: DeployedPolicy | None = field(default=None, repr=False, compare=False)

    @property
    def blank_observation(self) -> jax.Array:
        """An observation of zeros, float32 (n,), for whatever needs only its shape."""
        return jnp.zeros(self.environment.observation_space.shape, jnp.float32)

    def init_params(self, key: jax.Array) -> Params:
        """The policy's first parameters: fresh ones, or the start's."""
        if self.start is not None:
            return self.start.params
        return self.policy.init(key, self.policy.initial_carry(), self.blank_observation)

    @property
    def first_statistics(self) -> Moments:
        """Of the observations that training begins with: of nothing, or those of the start."""
        if self.start is not None and self.start.statistics is not None:
            return self.start.statistics
        return Moments.empty(self.blank_observation.size)

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        """One step of the environment; actions outside a Box are clipped to it, as a Gaussian policy needs."""
        space = self.environment.action_space
        if isinstance(space, gymnasium.spaces.Box):
            action = jnp.clip(action, space.low, space.high)
        return self.environment.step(key, state, action)
