"""A task as a gymnasium.Env: what `gymnasium.make("esbench/Ant-v0")` gives."""

import copy
from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.error import ResetNeeded

from esbench.jax_switches import pinned
from esbench.tasks.environment import picture
from esbench.tasks.gymnasium_api.episode import (
    RENDER_FPS,
    RENDER_MODES,
    UNCAPPED,
    Episode,
    check_rendering,
    checked_actions,
    checked_options,
    checked_render_mode,
    checked_seed,
    draw_root,
    packed,
    programs,
)


class TaskEnv(gymnasium.Env[np.ndarray, Any]):
    """One episode of `task` at a time, truncated after `max_episode_steps`: by default the task's own cap, -1 for none.

    Observations are float32 (n,), rewards Python floats, under all switches of JAX. An episode's random numbers depend
    on the seed last given to `reset` and on how many episodes have begun since. `task` is an id, or
    `path/to/file.py:NAME`. Copies and pickles hold the episode under way and continue it.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": RENDER_FPS}  # noqa: RUF012

    @pinned()
    def __init__(self, task: str, render_mode: str | None = None, max_episode_steps: int | None = None):
        self.render_mode = checked_render_mode(render_mode)
        self.metadata = dict(self.metadata)  # SyncVectorEnv writes into it
        self._programs = programs(task, max_episode_steps)
        self.observation_space = copy.deepcopy(self._programs.environment.observation_space)
        self.action_space = copy.deepcopy(self._programs.environment.action_space)
        self._root: np.ndarray | None = None
        self._episodes = 0
        self._episode: Episode | None = None
        self._over = ""

    @pinned()
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """A fresh episode. It takes no options: gymnasium.error.Error for any option, and for a seed other than an
        integer."""
        checked_options(options)
        super().reset(seed=None if seed is None else checked_seed(seed))
        if seed is not None or self._root is None:
            self._root = draw_root(self.np_random)
            self._episodes = 0
        self._episode, obs = self._programs.begin(self._root, np.int32(self._episodes))
        self._episodes += 1
        self._over = ""
        return np.array(obs), {}

    @pinned()
    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        """One step. gymnasium.error.ResetNeeded before the first reset and after an episode's end,
        gymnasium.error.InvalidAction for what is no action."""
        if self._episode is None:
            raise ResetNeeded(f"step({action!r}) before the first reset()")
        if self._over:
            raise ResetNeeded(f"step({action!r}) after the episode {self._over}: call reset()")
        action = checked_actions(self.action_space, action)  # ty: ignore[invalid-argument-type]
        self._episode, transition = self._programs.step(self._episode, action)
        obs, reward, terminated, truncated = jax.device_get(transition)
        if terminated or truncated:
            self._over = f"{'terminated' if terminated else 'was truncated'} at step {int(self._episode.steps)}"
        return np.array(obs), float(reward), bool(terminated), bool(truncated), {}

    @pinned()
    def render(self) -> np.ndarray:
        """The current state as a picture, uint8 (height, width, 3)."""
        check_rendering(self.render_mode)
        if self._episode is None:
            raise ResetNeeded("render() before the first reset()")
        return picture(self._programs.environment, self._episode.state)

    @pinned()
    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_episode": packed(self._episode)}

    @pinned()
    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._episode = self._programs.unpacked(state["_episode"])


class UncappedTaskEnv(TaskEnv):
    """What `gymnasium.make` makes: the time limit is the wrapper that it adds, the task's cap or what it is asked for,
    shorter or longer. A plug-in's environment that keeps a cap by itself still ends there."""

    def __init__(self, task: str, render_mode: str | None = None):
        super().__init__(task, render_mode, UNCAPPED)
