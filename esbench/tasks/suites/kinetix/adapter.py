"""Tasks of kinetix: two-dimensional machines of motors and thrusters, one hand-made level each.

A level has one start and deterministic dynamics: reset is the same for every key, and a deterministic policy always
plays the same episode.
"""

import functools
from collections.abc import Callable

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from kinetix.environment import ActionType, ObservationType, make_kinetix_env
from kinetix.util.saving import load_from_json_file

from esbench.tasks.environment import Environment, State, Transition
from esbench.tasks.spec import TaskSpec


def make(spec: TaskSpec) -> Environment:
    return Kinetix(spec.source_id)


class Kinetix:
    """A kinetix level without its time limit, which it would merge with the other ends.

    An episode terminates on the goal (+1), on a forbidden contact (-1), or where the physics yields NaN. The level's
    own shaping towards the goal (`dense_reward_scale` 0.1) is part of the reward.
    """

    def __init__(self, level: str):
        start, static_params, params = load_from_json_file(level)
        self._static_params = static_params
        self._params = params.replace(max_timesteps=np.iinfo(np.int32).max)
        self._environment = make_kinetix_env(
            ActionType.CONTINUOUS,
            ObservationType.SYMBOLIC_FLAT,
            reset_fn=lambda key: start,
            env_params=self._params,
            static_env_params=static_params,
            auto_reset=False,
        )
        size = jax.eval_shape(self._environment.get_obs, start).shape
        self.observation_space = gymnasium.spaces.Box(-10.0, 10.0, size, np.float32)
        actions = self._environment.action_type.unified_action_space_size
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (actions,), np.float32)

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        obs, state = self._environment.reset_env(key, self._params, None)  # ty: ignore[invalid-argument-type]
        return state, obs

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        obs, state, reward, terminated, _ = self._environment.step_env(key, state, action, self._params)
        return state, Transition(obs, reward, terminated, jnp.bool_(False))

    @functools.cached_property
    def render(self) -> Callable[[State], np.ndarray]:
        """Draws a state, uint8 (height, width, 3); what it takes to draw is loaded when first used."""
        from esbench.tasks.suites.kinetix.render import Level

        return Level(self._params, self._static_params)
