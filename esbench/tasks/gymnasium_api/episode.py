"""What the single and the vector environment share: compiled programs, keys, and how actions and seeds are checked.

The random numbers of an episode depend on two things only, the seed last given to `reset` and how many episodes have
begun since. So a vector environment plays the same episodes as single environments with its seeds.
"""

import functools
import operator
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.error import DependencyNotInstalled, Error, InvalidAction, UnsupportedMode

from esbench.errors import InputError
from esbench.jax_switches import pinned
from esbench.keys import stream
from esbench.tasks import registry
from esbench.tasks.environment import Environment, State, TimeLimit, Transition

Space = gymnasium.spaces.Discrete | gymnasium.spaces.Box
RENDER_MODES = ["rgb_array"]
RENDER_FPS = 30
UNCAPPED = -1
"""As a `max_episode_steps`: no cap, as `gymnasium.make` has it."""
NEVER = 2**31 - 1
"""More steps than are ever taken."""


class Episode(NamedTuple):
    """One episode in progress, or a batch of them with a first axis each.

    root: typed PRNG key (), the seed's. number: int32 (), episodes begun since the seed. key: typed PRNG key (), of
    the environment's steps. steps: int32 (), taken so far. state: the environment's.
    """

    root: jax.Array
    number: jax.Array
    key: jax.Array
    steps: jax.Array
    state: State


class Programs:
    """A task's environment and its compiled programs, shared by all Gymnasium environments of the task and the cap.

    max_episode_steps: the cap, None without one. made_of: the arguments of `_programs` that give the same.

    begin(bits, number) -> episode, obs, the bits being the root's. step(episode, action) -> episode, transition.

    For batches, where a mask is bool (n,):
    begin_all(roots, numbers) -> episodes, obs.
    restart(episodes, obs, mask) -> episodes, obs, fresh ones where the mask is true.
    step_or_restart(episodes, actions, mask) -> episodes, transition: fresh ones where the mask is true, whose reward
    is 0 and which have not ended.
    step_and_restart(episodes, actions) -> episodes, obs, transition: those that end are fresh in `episodes` and `obs`.
    """

    def __init__(self, environment: Environment, max_episode_steps: int | None, made_of: tuple[str, int | None]):
        self.environment = environment
        self.max_episode_steps = max_episode_steps
        self._made_of = made_of
        self.begin = jax.jit(lambda bits, number: self._begin(root_keys(bits), number))
        self.step = jax.jit(self._step)
        self.begin_all = jax.jit(jax.vmap(self._begin))
        self.restart = jax.jit(self._restart)
        self.step_or_restart = jax.jit(self._step_or_restart)
        self.step_and_restart = jax.jit(self._step_and_restart)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by name: compiled programs stay in their process."""
        return _programs, self._made_of

    def unpacked(self, leaves: list[np.ndarray] | None) -> Any:
        """The episode, or the batch of them, of which `packed` made `leaves`."""
        if leaves is None:
            return None
        like, _ = jax.eval_shape(self._begin, jax.random.key(0), 0)
        described, structure = jax.tree.flatten(like)
        return jax.tree.unflatten(structure, map(_unpacked, leaves, described))

    def _begin(self, root: jax.Array, number: jax.Array) -> tuple[Episode, jax.Array]:
        key = jax.random.fold_in(root, number)
        state, obs = self.environment.reset(stream(key, "reset"))
        return Episode(root, jnp.int32(number), stream(key, "environment"), jnp.int32(0), state), obs

    def _step(self, episode: Episode, action: jax.Array) -> tuple[Episode, Transition]:
        key = jax.random.fold_in(episode.key, episode.steps)
        state, transition = self.environment.step(key, episode.state, action)
        return episode._replace(steps=episode.steps + 1, state=state), transition

    def _restart(self, episodes: Episode, obs: jax.Array, ended: jax.Array) -> tuple[Episode, jax.Array]:
        count = len(ended)
        # A reset costs as much as what it resets, and few episodes end at a time: they are taken in small groups.
        group = -(-count // 8)

        def some(carry):
            batch, ended = carry
            places = jnp.nonzero(ended, size=group, fill_value=count)[0]
            rows = jnp.minimum(places, count - 1)
            fresh = jax.vmap(self._begin)(batch[0].root[rows], batch[0].number[rows] + 1)
            batch = jax.tree.map(lambda old, new: old.at[places].set(new, mode="drop"), batch, fresh)
            return batch, ended.at[places].set(False, mode="drop")

        return jax.lax.while_loop(lambda carry: carry[1].any(), some, ((episodes, obs), ended))[0]

    def _step_or_restart(self, episodes: Episode, actions: jax.Array, mask: jax.Array) -> tuple[Episode, Transition]:
        episodes, (obs, reward, terminated, truncated) = jax.vmap(self._step)(episodes, actions)
        episodes, obs = self._restart(episodes, obs, mask)
        return episodes, Transition(obs, jnp.where(mask, 0.0, reward), terminated & ~mask, truncated & ~mask)

    def _step_and_restart(self, episodes: Episode, actions: jax.Array) -> tuple[Episode, jax.Array, Transition]:
        episodes, transition = jax.vmap(self._step)(episodes, actions)
        ended = transition.terminated | transition.truncated
        return *self._restart(episodes, transition.obs, ended), transition


def programs(task: str, max_episode_steps: int | None = None) -> Programs:
    """The programs of a task's name whose episodes are truncated after `max_episode_steps`: None for the task's own
    cap, UNCAPPED for none.

    gymnasium.error.DependencyNotInstalled where its library is absent. gymnasium.error.Error for a bad cap, or where
    the environment keeps a cap by itself and ends before this one.
    """
    limit = max_episode_steps
    if limit is not None and (type(limit) is not int or (limit < 1 and limit != UNCAPPED)):
        raise Error(f"max_episode_steps {limit!r}: expected an integer, 1 or more, or {UNCAPPED} for no cap")
    try:
        return _programs(task, limit)
    except InputError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise DependencyNotInstalled(str(error)) from error
        raise Error(str(error)) from error


@functools.cache
@pinned()  # unpickling comes here on its own
def _programs(name: str, limit: int | None) -> Programs:
    task = registry.task(name)
    own = task.spec.max_episode_steps
    if limit == own:
        return _programs(name, None)
    environment = registry.environment_of(task)
    if limit is not None:
        steps = NEVER if limit == UNCAPPED else limit
        if isinstance(environment, TimeLimit):
            environment = environment.within(steps)
        elif own is not None and own < limit:
            raise Error(f"max_episode_steps {limit}: {name} keeps its cap by itself: expected at most {own}")
        else:
            environment = TimeLimit(environment, steps)
    return Programs(environment, {None: own, UNCAPPED: None}.get(limit, limit), (name, limit))


def packed(episodes: Any) -> list[np.ndarray] | None:
    """The leaves of an episode, or of a batch of them, as NumPy arrays, PRNG keys as their data: to be pickled."""
    return None if episodes is None else [_packed(leaf) for leaf in jax.tree.leaves(episodes)]


def _packed(leaf: jax.Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)


def _unpacked(array: np.ndarray, like: jax.ShapeDtypeStruct) -> jax.Array:
    if jax.dtypes.issubdtype(like.dtype, jax.dtypes.prng_key):
        return root_keys(array)
    return jnp.asarray(array)


def draw_root(generator: np.random.Generator) -> np.ndarray:
    """64 random bits, uint32 (2,), of which `root_keys` makes a key."""
    return generator.integers(2**32, size=2, dtype=np.uint32)


def root_keys(bits: Any) -> jax.Array:
    """Typed PRNG keys of uint32 (..., 2)."""
    return jax.random.wrap_key_data(jnp.asarray(bits), impl="threefry2x32")


def checked_seed(seed: Any) -> int:
    """`seed` as a Python integer; gymnasium.error.Error where it is none, or negative."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise Error(f"seed {seed!r}: expected an integer, 0 or more")
    return number


def checked_options(options: dict[str, Any] | None, known: tuple[str, ...] = ()) -> None:
    """gymnasium.error.Error for an option of `reset` that is not one of `known`."""
    for name in options or {}:
        if name not in known:
            raise Error(f"unknown option {name!r} of reset: expected {' or '.join(known) or 'none'}")


def checked_render_mode(mode: Any) -> str | None:
    """`mode`; gymnasium.error.UnsupportedMode unless it is None or a known one."""
    if mode is not None and mode not in RENDER_MODES:
        raise UnsupportedMode(f"render_mode {mode!r}: expected one of {', '.join(map(repr, RENDER_MODES))}, or None")
    return mode


def check_rendering(mode: str | None) -> None:
    """gymnasium.error.UnsupportedMode where `render` is called without a mode to render in."""
    if mode is None:
        raise UnsupportedMode("render() with render_mode None: expected render_mode='rgb_array' when it is made")


def checked_actions(space: Space, actions: Any, batch: tuple[int, ...] = ()) -> np.ndarray:
    """`actions` of shape `(*batch, *space.shape)`, as the environment takes them: int32 or float32.

    gymnasium.error.InvalidAction for another shape, for numbers that are no actions, and for actions outside `space`.
    Other float types are converted, float64 to float32 above all.
    """
    try:
        value = np.asarray(actions)
    except ValueError:  # lists of different lengths
        value = np.asarray(None)
    discrete = isinstance(space, gymnasium.spaces.Discrete)
    shape = (*batch, *(space.shape or ()))
    if value.dtype.kind not in ("iu" if discrete else "iuf") or value.shape != shape:
        kind = "integers" if discrete else "numbers"
        raise InvalidAction(
            f"action {actions!r} of shape {value.shape} and type {value.dtype}: expected {kind} of shape {shape}"
        )
    if isinstance(space, gymnasium.spaces.Discrete):
        inside = (value >= space.start) & (value < space.start + space.n)
        converted = value.astype(np.int32)
    else:
        converted = value.astype(np.float32)
        inside = (converted >= space.low) & (converted <= space.high)
    if not inside.all():
        where = f" (environment {np.argwhere(~inside)[0][0]})" if batch else ""
        raise InvalidAction(f"action {actions!r}{where} is outside {space}")
    return converted
