"""Tasks of brax: rigid-body locomotion and balance, on the `generalized` physics."""

import functools
from collections.abc import Callable

import brax.envs
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Environment, State, Transition
from esbench.tasks.spec import TaskSpec

# Bodies are free to go anywhere; only the pole angles (as sine and cosine) and clipped velocities are bounded.
OBSERVATION_BOUNDS = {
    "ant": np.full(27, np.inf),
    "humanoid": np.full(244, np.inf),
    "inverted_double_pendulum": np.array([np.inf, 1, 1, 1, 1, 10, 10, 10]),
}


def make(spec: TaskSpec) -> Environment:
    return Brax(spec.source_id)


class Brax:
    """A raw brax environment, without its wrappers: every end is a termination.

    The carried state is the physics' alone; brax's own also holds the last observation, reward and metrics.
    """

    def __init__(self, name: str):
        # Returns and speed differ by backend: `generalized` is the class default of all three.
        self._environment = brax.envs.get_environment(name, backend="generalized")
        bound = OBSERVATION_BOUNDS[name].astype(np.float32)
        self.observation_space = gymnasium.spaces.Box(-bound, bound, dtype=np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self._environment.action_size,), np.float32)

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        state = self._environment.reset(key)
        return state.pipeline_state, state.obs  # ty: ignore[invalid-explicit-return]

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        zero = jnp.float32(0)
        before = brax.envs.State(pipeline_state=state, obs=zero, reward=zero, done=zero)
        after = self._environment.step(before, action)
        obs: jax.Array = after.obs  # ty: ignore[invalid-assignment]
        return after.pipeline_state, Transition(obs, after.reward, after.done > 0.5, jnp.bool_(False))

    @functools.cached_property
    def render(self) -> Callable[[State], np.ndarray]:
        """Draws a state, uint8 (height, width, 3); what it takes to draw is loaded when first used."""
        from esbench.tasks.suites.brax.render import Camera

        return Camera(self._environment.sys)  # ty: ignore[missing-attribute]
