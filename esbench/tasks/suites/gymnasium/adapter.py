"""Gymnasium's environments as tasks: `--task gymnasium:ID`. They are stepped in Python, by the host, and so slowly.

A compiled program asks the host once a step for all its lanes; the policies of a population stay one batch in the
program. What the program holds of an episode is a number, its handle: the environment behind it lives here.
"""

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jax.experimental import io_callback

from esbench.errors import InputError, TaskError
from esbench.tasks.environment import Transition
from esbench.tasks.spec import DEFAULT_CAP, HOSTED_SUITE, TaskSpec, hosted_id

LARGEST = float(np.finfo(np.float32).max)


class Flat(gymnasium.Wrapper):
    """An environment with one flat float32 observation, and the actions of a policy: an integer from 0, or a flat
    float32 vector. The vector is rounded where the environment takes integers, and clipped to its own bounds.

    name: what messages call it. steps: taken in this episode. TaskError where the environment raises, or breaks
    Gymnasium's contract: (observation, info) and (observation, reward, terminated, truncated, info), of the right size,
    with finite numbers.
    """

    def __init__(self, env: gymnasium.Env, name: str | None = None):
        super().__init__(env)
        self.name = name or str(env)
        for what, space in (("observations", env.observation_space), ("actions", env.action_space)):
            if not isinstance(space, gymnasium.spaces.Box | gymnasium.spaces.Discrete) or 0 in (space.shape or ()):
                raise InputError(f"{self.name}: {what} are {space}: expected a Box or a Discrete, with a number in it")
        # Kept here: they are looked up at every step, and each wrapper below would pass the question on.
        self._seen: Any = env.observation_space
        self._taken: Any = env.action_space
        self._places = isinstance(self._seen, gymnasium.spaces.Discrete)
        self._choices = isinstance(self._taken, gymnasium.spaces.Discrete)
        self.observation_space = _flat_box(gymnasium.spaces.flatten_space(self._seen))
        self.action_space = gymnasium.spaces.Discrete(int(self._taken.n)) if self._choices else _flat_box(self._taken)
        self.steps = 0
        self._seed: int | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        self.steps, self._seed = 0, seed
        try:
            answer: Any = self.env.reset(seed=seed, options=options)
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise self._fault(f"reset gives {_kind(answer)}: expected (observation, info)")
        observation, info = answer
        return self._flatten(observation), info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        try:
            answer: Any = self.env.step(self._native(action))
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error
        if not (isinstance(answer, tuple) and len(answer) == 5):
            expected = "(observation, reward, terminated, truncated, info)"
            raise self._fault(f"step gives {_kind(answer)}: expected {expected}")
        observation, reward, terminated, truncated, info = answer
        if type(reward) is not float:
            reward = float(self._number("reward", reward, "biuf"))
        if not abs(reward) <= LARGEST:
            raise self._fault(f"the reward is {reward}, which is not finite")
        if type(terminated) is not bool:
            terminated = bool(self._number("end `terminated`", terminated, "biu"))
        if type(truncated) is not bool:
            truncated = bool(self._number("end `truncated`", truncated, "biu"))
        return self._flatten(observation), reward, terminated, truncated, info

    def _native(self, action: Any) -> Any:
        """A policy's action as the environment takes it."""
        space = self._taken
        if self._choices:
            return int(space.start) + int(action)
        action = np.asarray(action).reshape(space.shape)
        if space.dtype.kind == "f":
            return action.astype(space.dtype).clip(space.low, space.high)
        nearest = np.rint(action.astype(np.float64))
        # A float beyond the bounds, or at one that is no float itself, would wrap in the cast: the bound is taken.
        with np.errstate(invalid="ignore"):
            inside = nearest.astype(space.dtype)
        return np.where(nearest >= space.high, space.high, np.where(nearest <= space.low, space.low, inside))

    def _flatten(self, observation: Any) -> np.ndarray:
        if self._places:
            array = self._array("observation", observation, "biu")
            if array.size != 1:
                raise self._fault(f"the observation is {_kind(observation)}: expected one integer")
            place = array.item()
            if not self._seen.start <= place < self._seen.start + self._seen.n:
                raise self._fault(f"the observation is {place}, outside {self._seen}")
            return np.asarray(gymnasium.spaces.flatten(self._seen, place), np.float32)
        with np.errstate(over="ignore"):  # what overflows is found below
            flat = self._array("observation", observation, "biuf").astype(np.float32).ravel()
        if flat.shape != self.observation_space.shape:
            raise self._fault(f"the observation is {_kind(observation)}: expected the shape {self._seen.shape}")
        # A sum of squares is finite where all numbers are, unless they are huge: then each is looked at.
        if not math.isfinite(flat.dot(flat)) and not np.isfinite(flat).all():
            raise self._fault(f"the observation has a number that is not finite: {flat[~np.isfinite(flat)][0]}")
        return flat

    def _number(self, what: str, value: Any, kinds: str) -> Any:
        array = self._array(what, value, kinds)
        if array.ndim:
            raise self._fault(f"the {what} is {_kind(value)}: expected one number")
        return array.item()

    def _array(self, what: str, value: Any, kinds: str) -> np.ndarray:
        """`value` as an array of numbers, whose NumPy kind is one of `kinds`."""
        try:
            array = np.asarray(value)
        except Exception:  # lists of different lengths, or the value's own code
            array = np.asarray(None)
        if array.dtype.kind not in kinds:
            raise self._fault(f"the {what} is {_kind(value)}: expected {'numbers' if 'f' in kinds else 'integers'}")
        return array

    def _raised(self, error: BaseException) -> TaskError:
        return self._fault(f"{type(error).__name__}: {' '.join(str(error).split())}")

    def _fault(self, what: str) -> TaskError:
        when = f"step {self.steps} of the episode" if self.steps else "the reset"
        return TaskError(f"{what} ({self.name}, {when} with seed {self._seed})")


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} and shape {value.shape}"
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else f"{value!r:.60}"


def _flat_box(space: Any) -> gymnasium.spaces.Box:
    low, high = (bound.ravel().astype(np.float32) for bound in (space.low, space.high))
    return gymnasium.spaces.Box(low, high, dtype=np.float32)


def flat(name: str, render_mode: str | None = None) -> Flat:
    """Gymnasium's environment `name`, flat, with a time limit of 1000 steps where it has none.

    InputError where the environment is unknown, or cannot be made.
    """
    if "esbench/" in name:
        raise InputError(f"gymnasium:{name} is a task of esbench: expected --task {name.rpartition('/')[2]}")
    # Not every environment takes a `render_mode`.
    options: Any = {} if render_mode is None else {"render_mode": render_mode}
    try:
        # Without Gymnasium's own checker, which looks at the first step only: `Flat` looks at every step.
        env = gymnasium.make(name, disable_env_checker=True, **options)
        if env.spec is None or env.spec.max_episode_steps is None:
            env = gymnasium.wrappers.TimeLimit(env, DEFAULT_CAP)
    except gymnasium.error.UnregisteredEnv as error:
        raise InputError(f"unknown task 'gymnasium:{name}': {error}") from error
    except Exception as error:  # any error of the environment's own code
        raise InputError(f"gymnasium:{name} cannot be made: {type(error).__name__}: {error}") from error
    return Flat(env, f"{HOSTED_SUITE}:{name}")


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


_told: list[TaskError] = []
"""What callbacks have raised: JAX replaces it with an error of its own."""


@contextlib.contextmanager
def faults() -> Generator[None]:
    """Raises the TaskError that ended a compiled program inside, in place of JAX's error, which is pages of text."""
    _told.clear()
    try:
        yield
    except jax.errors.JaxRuntimeError:
        if not _told:
            raise
        raise _told[0] from _told[0].__cause__


# JAX logs what a callback raises, with a traceback, before it raises it.
logging.getLogger("jax._src.callback").addFilter(
    lambda record: not (record.exc_info and isinstance(record.exc_info[1], TaskError))
)


class Handle(NamedTuple):
    """An episode on the host. number: int32 (), 0 for none. seed: uint32 (). steps: int32 (), taken so far."""

    number: jax.Array
    seed: jax.Array
    steps: jax.Array


class Hosted:
    """Environments made by `make`, one for every episode in progress, behind the functional contract.

    An episode is the one of the environment that its reset took, from its first observation to its end. This holds also
    where a seed does not determine it. The seed is made of the reset's key; the keys of steps are not used. States may
    be copied, but only the latest of an episode can be stepped (TaskError). An episode that is over stays terminated,
    without reward. An action of NaN or infinity ends the episode with a reward of NaN.
    """

    def __init__(self, make: Callable[[], Flat]):
        self._make = make
        self._idle = [make()]
        self._running: dict[int, Flat] = {}
        self._begun = 0
        self._lock = threading.Lock()
        self.observation_space: Any = self._idle[0].observation_space
        self.action_space: Any = self._idle[0].action_space
        self._reset_lanes = _batched(self._host_reset, self._shapes_of_reset)
        self._step_lanes = _batched(self._host_step, self._shapes_of_step)

    @faults()
    def reset(self, key: jax.Array) -> tuple[Handle, jax.Array]:
        return self._begin(key, jnp.bool_(True))

    def reset_rows(self, keys: jax.Array, wanted: jax.Array) -> tuple[Handle, jax.Array]:
        """As `esbench.tasks.environment.reset_rows` says: only wanted rows take an environment."""
        return jax.vmap(self._begin)(keys, wanted)

    @faults()
    def step(self, key: jax.Array, state: Handle, action: jax.Array) -> tuple[Handle, Transition]:
        transition = Transition(*self._step_lanes(state.number, state.steps, action))
        return state._replace(steps=state.steps + 1), transition

    def _begin(self, key: jax.Array, wanted: jax.Array) -> tuple[Handle, jax.Array]:
        seed = jax.random.bits(key, dtype=jnp.uint32) >> 1  # below 2**31, which every environment takes
        number, obs = self._reset_lanes(seed, wanted)
        return Handle(number, seed, jnp.int32(0)), obs

    def _shapes_of_reset(self, lanes: int) -> tuple[jax.ShapeDtypeStruct, ...]:
        size = self.observation_space.shape
        return jax.ShapeDtypeStruct((lanes,), jnp.int32), jax.ShapeDtypeStruct((lanes, *size), jnp.float32)

    def _shapes_of_step(self, lanes: int) -> tuple[jax.ShapeDtypeStruct, ...]:
        flag = jax.ShapeDtypeStruct((lanes,), jnp.bool_)
        _, obs = self._shapes_of_reset(lanes)
        return obs, jax.ShapeDtypeStruct((lanes,), jnp.float32), flag, flag

    def _host_reset(self, seeds: jax.Array, wanted: jax.Array) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.zeros(len(seeds), np.int32)
        obs = np.zeros((len(seeds), *self.observation_space.shape), np.float32)
        with self._lock:
            for lane in np.flatnonzero(np.asarray(wanted)):
                env = self._idle.pop() if self._idle else self._make()
                obs[lane], _ = env.reset(seed=int(seeds[lane]))
                self._begun = self._begun % (2**31 - 1) + 1
                numbers[lane] = self._begun
                self._running[self._begun] = env
        return numbers, obs

    def _host_step(self, numbers: jax.Array, steps: jax.Array, actions: jax.Array) -> tuple[np.ndarray, ...]:
        lanes, taken = len(numbers), np.asarray(actions)
        obs = np.zeros((lanes, *self.observation_space.shape), np.float32)
        reward, terminated, truncated = np.zeros(lanes, np.float32), np.ones(lanes, bool), np.zeros(lanes, bool)
        finite: Any = np.isfinite(taken.reshape(lanes, -1)).all(1)
        stepped: dict[int, int] = {}
        with self._lock:
            rows = zip(np.asarray(numbers).tolist(), np.asarray(steps).tolist(), taken, strict=True)
            for lane, (number, step, action) in enumerate(rows):
                # Several lanes may hold copies of one episode; it is stepped once.
                lane_of_copy = stepped.setdefault(number, lane)
                if lane_of_copy != lane:
                    for part in (obs, reward, terminated, truncated):
                        part[lane] = part[lane_of_copy]
                    continue
                env = self._running.get(number)
                if env is None:  # the episode is over, or never was one
                    continue
                if env.steps != step:
                    raise TaskError(
                        f"a state after {step} steps is stepped, but its episode has gone on to {env.steps}: expected "
                        f"the latest, since no environment goes back ({env.name})"
                    )
                if finite[lane]:
                    obs[lane], reward[lane], terminated[lane], truncated[lane], _ = env.step(action)
                else:
                    reward[lane] = np.nan
                if terminated[lane] or truncated[lane]:
                    self._idle.append(self._running.pop(number))
        return obs, reward, terminated, truncated


def _batched(host: Callable, shapes: Callable[[int], tuple[jax.ShapeDtypeStruct, ...]]) -> Callable:
    """`host`, from arrays to arrays that all have lanes first, as a function of one lane that vmap turns into one call
    of all lanes."""

    def called(*arguments):
        try:
            return host(*arguments)
        except TaskError as error:
            _told.append(error)
            raise

    def lanes(*arguments):
        return io_callback(called, shapes(len(arguments[0])), *arguments)

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
