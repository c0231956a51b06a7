"""A task as a gymnasium.vector.VectorEnv: what `gymnasium.make_vec("esbench/Ant-v0", num_envs=N)` gives."""

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import Error, ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from esbench.jax_switches import pinned
from esbench.tasks.environment import picture
from esbench.tasks.gymnasium_api.episode import (
    RENDER_FPS,
    RENDER_MODES,
    Episode,
    check_rendering,
    checked_actions,
    checked_options,
    checked_render_mode,
    checked_seed,
    draw_root,
    packed,
    programs,
    root_keys,
)

RESET_MASK = "reset_mask"


class TaskVectorEnv(gymnasium.vector.VectorEnv):
    """`num_envs` episodes of `task` side by side in one compiled step, each as a TaskEnv of the same seed plays it.

    Observations are float32 (num_envs, n), rewards float64, both ends bool (num_envs,), under all switches of JAX.
    Episodes are truncated after `max_episode_steps`: by default the task's own cap, -1 for none. Copies and pickles
    hold the episodes under way and continue them. `autoreset_mode` is as gymnasium.vector.SyncVectorEnv has it.
    NEXT_STEP: an ended episode's next step is a reset that ignores its action. SAME_STEP: the reset's observation is
    returned, the last one is in `info["final_obs"]`. DISABLED: `reset(options={"reset_mask": mask})` restarts those of
    a mask, which the other modes allow too.
    """

    metadata: dict[str, Any] = {"render_modes": RENDER_MODES, "render_fps": RENDER_FPS}  # noqa: RUF012

    @pinned()
    def __init__(
        self,
        task: str,
        num_envs: int = 1,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ):
        if not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise Error(f"num_envs {num_envs!r}: expected an integer, 1 or more")
        try:
            self._mode = AutoresetMode(autoreset_mode)
        except ValueError:
            modes = ", ".join(str(mode) for mode in AutoresetMode)
            raise Error(f"autoreset_mode {autoreset_mode!r}: expected one of {modes}") from None
        self.num_envs = int(num_envs)
        self.render_mode = checked_render_mode(render_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self._mode}
        self._programs = programs(task, max_episode_steps)
        self.single_observation_space = copy.deepcopy(self._programs.environment.observation_space)
        self.single_action_space = copy.deepcopy(self._programs.environment.action_space)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._spec: EnvSpec | None = None
        self._episodes: Episode | None = None
        self._obs: jax.Array | None = None
        self._ended = np.zeros(self.num_envs, bool)

    @pinned()
    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict]:
        """Fresh episodes, of all environments or of those in `options["reset_mask"]`, bool (num_envs,).

        seed: of the first environment, the next one's is one more; or one seed each. None continues as before.
        gymnasium.error.Error for seeds other than integers, and for other options.
        """
        checked_options(options, (RESET_MASK,))
        mask = self._checked_mask((options or {}).get(RESET_MASK))
        seeds = self._checked_seeds(seed)
        if self._episodes is None:
            # Environments that were given no seed get random ones, here and only here.
            generators = [self.np_random if one is None else seeding.np_random(one)[0] for one in seeds]
            roots = root_keys(np.stack([draw_root(generator) for generator in generators]))
            self._episodes, self._obs = self._programs.begin_all(roots, np.zeros(self.num_envs, np.int32))
        else:
            episodes = self._reseeded(self._episodes, seeds, mask)
            self._episodes, self._obs = self._programs.restart(episodes, self._obs, mask)
        self._ended = self._ended & ~mask
        return np.array(self._obs), {}

    @pinned()
    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        """One step of all. gymnasium.error.ResetNeeded before the first reset and, where autoreset is DISABLED, for
        environments whose episodes are over. gymnasium.error.InvalidAction for values that are no actions."""
        if self._episodes is None:
            raise ResetNeeded(f"step({actions!r}) before the first reset()")
        if self._mode is AutoresetMode.DISABLED and self._ended.any():
            places = np.flatnonzero(self._ended).tolist()
            raise ResetNeeded(f"step() after the episodes of environments {places} ended: reset them with reset_mask")
        actions = checked_actions(self.single_action_space, actions, (self.num_envs,))  # ty: ignore[invalid-argument-type]
        if self._mode is AutoresetMode.SAME_STEP:
            self._episodes, self._obs, transition = self._programs.step_and_restart(self._episodes, actions)
        else:
            self._episodes, transition = self._programs.step_or_restart(self._episodes, actions, self._ended)
            self._obs = transition.obs
        obs, (last, reward, terminated, truncated) = jax.device_get((self._obs, transition))
        ended, info = terminated | truncated, {}
        if self._mode is not AutoresetMode.SAME_STEP:
            self._ended = ended
        elif ended.any():
            final_obs = np.full(self.num_envs, None, object)
            for index in np.flatnonzero(ended):
                final_obs[index] = last[index].copy()
            info = {"final_obs": final_obs, "_final_obs": ended, "final_info": {}, "_final_info": ended.copy()}
        return np.array(obs), reward.astype(np.float64), np.array(terminated), np.array(truncated), info

    @pinned()
    def render(self) -> tuple[np.ndarray, ...]:
        """A picture of every environment's state, each uint8 (height, width, 3)."""
        check_rendering(self.render_mode)
        if self._episodes is None:
            raise ResetNeeded("render() before the first reset()")
        states, environment = self._episodes.state, self._programs.environment
        return tuple(
            picture(environment, jax.tree.map(lambda leaf, i=index: leaf[i], states)) for index in range(self.num_envs)
        )

    @property
    def spec(self) -> EnvSpec | None:
        """As `make_vec` sets it, but with the cap that is kept: Gymnasium leaves the registered one in it."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = copy.copy(spec)
        if self._spec is not None:
            self._spec.max_episode_steps = self._programs.max_episode_steps

    @pinned()
    def __getstate__(self) -> dict[str, Any]:
        obs = None if self._obs is None else np.asarray(self._obs)
        return {**self.__dict__, "_episodes": packed(self._episodes), "_obs": obs}

    @pinned()
    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._episodes = self._programs.unpacked(state["_episodes"])

    def _reseeded(self, episodes: Episode, seeds: list[int | None], mask: np.ndarray) -> Episode:
        """`episodes` with new roots, and no episodes begun, where `mask` is true and there is a seed."""
        places = [index for index in np.flatnonzero(mask) if seeds[index] is not None]
        if not places:
            return episodes
        bits = np.stack([draw_root(seeding.np_random(seeds[index])[0]) for index in places])
        return episodes._replace(
            root=episodes.root.at[np.array(places)].set(root_keys(bits)),
            number=episodes.number.at[np.array(places)].set(-1),
        )

    def _checked_seeds(self, seed: Any) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            if len(seed) != self.num_envs:
                raise Error(f"seed {seed!r}: expected {self.num_envs} seeds, one for each environment")
            return [None if one is None else checked_seed(one) for one in seed]
        first = checked_seed(seed)
        super().reset(seed=first)
        return [first + index for index in range(self.num_envs)]

    def _checked_mask(self, mask: Any) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, bool)
        if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != (self.num_envs,) or not mask.any():
            raise Error(f"reset_mask {mask!r}: expected a bool array of shape ({self.num_envs},), not all False")
        if self._episodes is None:
            raise ResetNeeded(f"reset_mask {mask!r} before the first reset of all environments")
        return mask
