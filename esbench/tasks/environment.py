"""The environment contract: functional, without auto-reset, safe under jit, vmap and scan."""

from typing import Any, NamedTuple, Protocol

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.error import UnsupportedMode

State = Any


class Transition(NamedTuple):
    """What one step gives.

    obs: float32 (n,), the true observation after the step, also at an episode's end.
    reward: float32 ().
    terminated: bool (), the task ended the episode.
    truncated: bool (), a time limit ended it. Both may be true on the same step; they are never merged.
    """

    obs: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array


class Environment(Protocol):
    """A task's dynamics as pure functions of explicit state and typed PRNG keys.

    An environment may also have `render(state)`, which gives a picture, uint8 (height, width, 3), and is not traced.

    Observations are one flat float32 vector (`observation_space` is a one-dimensional Box). Actions are an int32
    scalar for a Discrete space and a float32 vector inside the box for a Box. What happens after an episode's end is
    undefined but must not raise: callers reset.
    """

    @property
    def observation_space(self) -> gymnasium.spaces.Box: ...

    @property
    def action_space(self) -> gymnasium.spaces.Discrete | gymnasium.spaces.Box: ...

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        """A fresh episode: its state and its first observation."""
        ...

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        """One step. `key` is the only source of randomness beside what `state` holds."""
        ...


def picture(environment: Environment, state: State) -> np.ndarray:
    """What `environment.render(state)` draws, uint8 (height, width, 3); UnsupportedMode where it has no `render`."""
    render = getattr(environment, "render", None)
    if render is None:
        raise UnsupportedMode(f"{type(environment).__name__} has no render(state) to make pictures with")
    return render(state)


class ContractError(ValueError):
    """An environment does not do what `Environment` says."""


def check_environment(environment: Environment) -> None:
    """Traces a reset and a step without computing them: ContractError where a shape or type is not as it must be."""
    space = environment.action_space
    shape = environment.observation_space.shape

    def episode(key: jax.Array) -> tuple[jax.Array, Transition, State, State]:
        state, obs = environment.reset(key)
        action = jnp.zeros(space.shape, jnp.float32 if isinstance(space, gymnasium.spaces.Box) else jnp.int32)
        after, transition = environment.step(key, state, action)
        return obs, Transition(*transition), state, after

    obs, transition, before, after = jax.eval_shape(episode, jax.random.key(0))
    ends = dict.fromkeys(("terminated", "truncated"), ((), "bool"))
    expected = {"obs": (shape, "float32"), "reward": ((), "float32"), **ends}
    for method, name, value in [("reset", "obs", obs), *(("step", *pair) for pair in transition._asdict().items())]:
        found = (value.shape, value.dtype.name)
        if found != expected[name]:
            said, wanted = (f"{kind}{list(size)}" for size, kind in (found, expected[name]))
            raise ContractError(f"{method} gives {name} of {said}: expected {wanted}")
    one, other = ([(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state)] for state in (before, after))
    if jax.tree.structure(before) != jax.tree.structure(after) or one != other:
        raise ContractError("step gives a state of another structure, other shapes or types than reset does")


class _Timed(NamedTuple):
    inner: State
    steps: jax.Array


def _strong(tree: Any) -> Any:
    """`tree` without weak types, which otherwise differ between a reset and a step of some libraries."""

    def leaf(x: jax.Array) -> jax.Array:
        x = jnp.asarray(x)
        return x if jnp.issubdtype(x.dtype, jax.dtypes.extended) else jax.lax.convert_element_type(x, x.dtype)

    return jax.tree.map(leaf, tree)


class TimeLimit:
    """`environment` with episodes truncated after `max_episode_steps` steps.

    States and transitions come out strongly typed, so that those of a reset and of a step are interchangeable.
    """

    def __init__(self, environment: Environment, max_episode_steps: int):
        self._environment = environment
        self._max_episode_steps = max_episode_steps
        self.observation_space = environment.observation_space
        self.action_space = environment.action_space

    def reset(self, key: jax.Array) -> tuple[_Timed, jax.Array]:
        state, obs = self._environment.reset(key)
        return _strong((_Timed(state, jnp.int32(0)), obs))

    def step(self, key: jax.Array, state: _Timed, action: jax.Array) -> tuple[_Timed, Transition]:
        inner, transition = self._environment.step(key, state.inner, action)
        steps = state.steps + 1
        truncated = transition.truncated | (steps >= self._max_episode_steps)
        return _strong((_Timed(inner, steps), transition._replace(truncated=truncated)))

    def render(self, state: _Timed) -> np.ndarray:
        """A picture of `state`, as `picture` makes it."""
        return picture(self._environment, state.inner)
