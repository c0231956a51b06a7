"""Pictures of CartPole and Pendulum, by Gymnasium's own environments of the same names."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import DependencyNotInstalled


class ClassicControl:
    """Draws states of `name` with Gymnasium's renderer."""

    def __init__(self, name: str):
        try:
            import pygame
        except ImportError as error:
            raise DependencyNotInstalled(f"pictures of {name} need pygame: pip install 'esbench[gymnax]'") from error
        self._environment: Any = gymnasium.make(name, render_mode="rgb_array").unwrapped
        width, height = (600, 400) if name == "CartPole-v1" else (500, 500)
        # With this surface it leaves pygame's audio and video alone: they complain on a machine without them.
        self._environment.screen = pygame.Surface((width, height))

    def __call__(self, state: Any) -> np.ndarray:
        if hasattr(state, "theta_dot") and hasattr(state, "x"):
            self._environment.state = np.array([state.x, state.x_dot, state.theta, state.theta_dot], np.float64)
        else:
            self._environment.state = np.array([state.theta, state.theta_dot], np.float64)
            self._environment.last_u = float(state.last_u)
        return self._environment.render()
