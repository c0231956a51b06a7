"""Gymnasium's environments as tasks: `--task gymnasium:ID`. They are stepped in Python, by the host, and so slowly.

A compiled program asks the host once a step for all its lanes; the policies of a population stay one batch in the
program. What the program holds of an episode is a number, its handle: the environment behind it lives here.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jax.experimental import io_callback

from esbench.errors import InputError
from esbench.tasks.environment import Transition
from esbench.tasks.spec import DEFAULT_CAP, HOSTED_SUITE, TaskSpec, hosted_id


class Flat(gymnasium.Wrapper):
    """An environment with one flat float32 observation, and the actions of a policy: an integer from 0, or a flat
    float32 vector, which is clipped to the environment's own bounds."""

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        for what, space in (("observations", env.observation_space), ("actions", env.action_space)):
            if not isinstance(space, gymnasium.spaces.Box | gymnasium.spaces.Discrete):
                raise InputError(f"{env}: {what} are {space}: expected a Box or a Discrete")
        self.observation_space = _flat_box(gymnasium.spaces.flatten_space(env.observation_space))
        native: Any = env.action_space
        discrete = isinstance(native, gymnasium.spaces.Discrete)
        self.action_space = gymnasium.spaces.Discrete(int(native.n)) if discrete else _flat_box(native)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._flatten(observation), info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        native: Any = self.env.action_space
        if isinstance(native, gymnasium.spaces.Discrete):
            action = int(native.start) + int(action)
        else:
            action = np.asarray(action).reshape(native.shape).astype(native.dtype).clip(native.low, native.high)
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._flatten(observation), float(reward), bool(terminated), bool(truncated), info

    def _flatten(self, observation: Any) -> np.ndarray:
        return np.asarray(gymnasium.spaces.flatten(self.env.observation_space, observation), np.float32)


def _flat_box(space: Any) -> gymnasium.spaces.Box:
    low, high = (bound.ravel().astype(np.float32) for bound in (space.low, space.high))
    return gymnasium.spaces.Box(low, high, dtype=np.float32)


def flat(name: str, render_mode: str | None = None) -> Flat:
    """Gymnasium's environment `name`, flat, with a time limit of 1000 steps where it has none.

    InputError where there is no such environment, or it cannot be made.
    """
    if "esbench/" in name:
        raise InputError(f"gymnasium:{name} is a task of esbench: expected --task {name.rpartition('/')[2]}")
    try:
        env = gymnasium.make(name, render_mode=render_mode)
        if env.spec is None or env.spec.max_episode_steps is None:
            env = gymnasium.wrappers.TimeLimit(env, DEFAULT_CAP)
    except gymnasium.error.UnregisteredEnv as error:
        raise InputError(f"unknown task 'gymnasium:{name}': {error}") from error
    except Exception as error:  # whatever the environment's own code raises
        raise InputError(f"gymnasium:{name} cannot be made: {type(error).__name__}: {error}") from error
    return Flat(env)


def describe(name: str) -> TaskSpec:
    """The spec of `gymnasium:<name>`."""
    env = flat(name)
    return TaskSpec(
        id=hosted_id(name),
        suite=HOSTED_SUITE,
        source_id=name,
        max_episode_steps=env.get_wrapper_attr("_max_episode_steps"),
        action_kind="discrete" if isinstance(env.action_space, gymnasium.spaces.Discrete) else "continuous",
        description=f"Gymnasium's {name}, stepped in Python on the host.",
        reward_threshold=env.spec.reward_threshold if env.spec else None,
    )


class Handle(NamedTuple):
    """An episode on the host. number: int32 (), 0 for none. seed: uint32 (). steps: int32 (), taken so far."""

    number: jax.Array
    seed: jax.Array
    steps: jax.Array


class Hosted:
    """Environments made by `make`, one for every episode in progress, behind the functional contract.

    An episode depends on its reset's key alone, as the seed of its environment; the keys of steps are not used.
    States may be copied, but only the latest of an episode can be stepped. An episode that is over goes on without
    reward and stays terminated.
    """

    def __init__(self, make: Callable[[], Flat]):
        self._make = make
        self._first = make()  # also gives the first observations: an environment is taken when an episode is stepped
        self.observation_space: Any = self._first.observation_space
        self.action_space: Any = self._first.action_space
        self._idle: list[Flat] = []
        self._running: dict[int, Flat] = {}
        self._begun = 0
        self._lock = threading.Lock()
        self._reset_lanes = _batched(self._host_reset, self._shapes_of_reset)
        self._step_lanes = _batched(self._host_step, self._shapes_of_step)

    def reset(self, key: jax.Array) -> tuple[Handle, jax.Array]:
        seed = jax.random.bits(key) >> 1  # below 2**31, which every environment takes
        number, obs = self._reset_lanes(seed)
        return Handle(number, seed, jnp.int32(0)), obs

    def step(self, key: jax.Array, state: Handle, action: jax.Array) -> tuple[Handle, Transition]:
        transition = Transition(*self._step_lanes(state.number, state.seed, state.steps, action))
        return state._replace(steps=state.steps + 1), transition

    def _shapes_of_reset(self, lanes: int) -> tuple[jax.ShapeDtypeStruct, ...]:
        size = self.observation_space.shape
        return jax.ShapeDtypeStruct((lanes,), jnp.int32), jax.ShapeDtypeStruct((lanes, *size), jnp.float32)

    def _shapes_of_step(self, lanes: int) -> tuple[jax.ShapeDtypeStruct, ...]:
        flag = jax.ShapeDtypeStruct((lanes,), jnp.bool_)
        _, obs = self._shapes_of_reset(lanes)
        return obs, jax.ShapeDtypeStruct((lanes,), jnp.float32), flag, flag

    def _host_reset(self, seeds: jax.Array) -> tuple[np.ndarray, np.ndarray]:
        with self._lock:
            numbers = np.arange(len(seeds), dtype=np.int32) + self._begun % (2**31 - 2**20) + 1
            self._begun += len(seeds)
            return numbers, np.stack([self._first.reset(seed=int(seed))[0] for seed in np.asarray(seeds)])

    def _host_step(self, numbers: jax.Array, seeds: jax.Array, steps: jax.Array, actions: jax.Array) -> tuple:
        lanes = len(numbers)
        obs = np.zeros((lanes, *self.observation_space.shape), np.float32)
        reward, terminated, truncated = np.zeros(lanes, np.float32), np.ones(lanes, bool), np.zeros(lanes, bool)
        stepped: dict[int, int] = {}
        with self._lock:
            rows = zip(*(np.asarray(part) for part in (numbers, seeds, steps, actions)), strict=True)
            for lane, (number, seed, step, action) in enumerate(rows):
                # Several lanes may hold copies of one episode; it goes on once.
                lane_of_copy = stepped.setdefault(int(number), lane)
                if lane_of_copy != lane:
                    for part in (obs, reward, terminated, truncated):
                        part[lane] = part[lane_of_copy]
                elif (env := self._environment(int(number), int(seed), int(step))) is not None:
                    obs[lane], reward[lane], terminated[lane], truncated[lane], _ = env.step(action)
                    if terminated[lane] or truncated[lane]:
                        self._idle.append(self._running.pop(int(number)))
        return obs, reward, terminated, truncated

    def _environment(self, number: int, seed: int, steps: int) -> Flat | None:
        """The environment of an episode; None where the episode is over, or never was one."""
        if steps == 0 and number > 0:
            env = self._idle.pop() if self._idle else self._make()
            env.reset(seed=seed)
            self._running[number] = env
        return self._running.get(number)


def _batched(host: Callable, shapes: Callable[[int], tuple[jax.ShapeDtypeStruct, ...]]) -> Callable:
    """`host`, from arrays to arrays that all have lanes first, as a function of one lane that vmap turns into one call
    of all lanes."""

    def lanes(*arguments):
        return io_callback(host, shapes(len(arguments[0])), *arguments)

    @custom_vmap
    def one(*arguments):
        return jax.tree.map(lambda leaf: leaf[0], lanes(*(jnp.asarray(argument)[None] for argument in arguments)))

    @one.def_vmap
    def _(size, is_batched, *arguments):
        whole = [
            argument if batched else jnp.broadcast_to(argument, (size, *jnp.shape(argument)))
            for argument, batched in zip(arguments, is_batched, strict=True)
        ]
        results = lanes(*whole)
        return results, (True,) * len(results)

    return one
