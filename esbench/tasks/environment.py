"""The environment contract: functional, without auto-reset, safe under jit, vmap and scan."""

from collections.abc import Callable
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


class Demonstration(NamedTuple):
    """An episode as it would go if it were done rightly, cut or filled up to T steps.

    observations: float32 (T, n), what is seen before each step. actions: int32 (T,) or float32 (T, m), what should be
    done there. counted: bool (T,), where that matters to how the episode ends.
    """

    observations: jax.Array
    actions: jax.Array
    counted: jax.Array


class Environment(Protocol):
    """A task's dynamics as pure functions of explicit state and typed PRNG keys.

    An environment may also have `render(state)`, which gives a picture, uint8 (height, width, 3), outside of tracing.
    It may have `reset_rows`, `acts` and `evaluation`, as the functions of these names say, and `demonstration(key)`,
    which gives a Demonstration for imitation, of the same shape for every key. Where what is seen and done is text,
    `written(tokens)` gives the problem and the answer as strings, of the observations of an episode, int (steps + 1,).

    Observations are one flat float32 vector (`observation_space` is a one-dimensional Box). Actions are an int32
    scalar, from 0, for a Discrete space and a float32 vector inside the box for a one-dimensional Box of floats. What
    happens after an episode's end is undefined but must not raise: callers reset.
    """

    @property
    def observation_space(self) -> gymnasium.spaces.Box: ...

    @property
    def action_space(self) -> gymnasium.spaces.Discrete | gymnasium.spaces.Box: ...

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        """A fresh episode: its state and its first observation."""
        ...

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, Transition]:
        """One step. Randomness comes from `key` and from `state` alone."""
        ...


def reset_rows(environment: Environment, keys: jax.Array, wanted: jax.Array) -> tuple[State, jax.Array]:
    """Fresh episodes for `keys` (rows,): states and first observations, with an axis of rows in front.

    Rows outside `wanted`, bool (rows,), only fill the shape, and must never be stepped as episodes. An environment
    whose episodes use something outside the program has its own `reset_rows(keys, wanted)`. It uses nothing for those
    rows.
    """
    own = getattr(environment, "reset_rows", None)
    return jax.vmap(environment.reset)(keys) if own is None else own(keys, wanted)


def acts(environment: Environment, state: State) -> jax.Array:
    """Whether the next step's action has any effect, bool (): always, unless the environment has its own
    `acts(state)`. One that shows a prompt first ignores what is done meanwhile."""
    own = getattr(environment, "acts", None)
    return jnp.bool_(True) if own is None else own(state)


def evaluation(environment: Environment) -> Environment:
    """The environment that policies are evaluated in, of the same spaces: `environment` itself, unless it has an own
    `evaluation()`, whose episodes are of another kind than those of training."""
    own = getattr(environment, "evaluation", None)
    return environment if own is None else own()


def picture(environment: Environment, state: State) -> np.ndarray:
    """What `environment.render(state)` draws, uint8 (height, width, 3); UnsupportedMode where it has no `render`."""
    render = getattr(environment, "render", None)
    if render is None:
        raise UnsupportedMode(f"{type(environment).__name__} has no render(state) to make pictures with")
    return render(state)


class ContractError(ValueError):
    """An environment does not do what `Environment` says."""


def check_environment(environment: Environment) -> None:
    """Looks at the spaces, and traces a reset and a step without computing them. ContractError for a wrong space, shape
    or type."""
    _check_spaces(environment.observation_space, environment.action_space)
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


def _check_spaces(observations: Any, actions: Any) -> None:
    """ContractError for spaces that no policy fits: its input is one vector, its output an index from 0 or a vector."""
    if not _is_vector(observations):
        raise ContractError(
            f"observation_space is {_in_words(observations)}: expected a gymnasium.spaces.Box of shape (n,), n 1 or "
            "more: flatten it, and what reset and step give"
        )
    if isinstance(actions, gymnasium.spaces.Discrete):
        if actions.start != 0:
            raise ContractError(f"action_space is {actions}: expected it to start at 0: add the start in step")
    elif not (_is_vector(actions) and np.issubdtype(actions.dtype, np.floating)):
        raise ContractError(
            f"action_space is {_in_words(actions)}: expected a gymnasium.spaces.Discrete, or a Box of shape (n,), n 1 "
            "or more, of floats: reshape or round in step"
        )


def _is_vector(space: Any) -> bool:
    return isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1 and space.shape[0] > 0


def _in_words(space: Any) -> str:
    if isinstance(space, gymnasium.spaces.Box):
        return f"a Box of shape {space.shape} and type {space.dtype}"
    return f"{space}" if isinstance(space, gymnasium.Space) else f"a {type(space).__module__}.{type(space).__name__}"


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
        self.max_episode_steps = max_episode_steps
        self.observation_space = environment.observation_space
        self.action_space = environment.action_space

    def within(self, max_episode_steps: int) -> "TimeLimit":
        """The same environment with another limit in the place of this one."""
        return TimeLimit(self._environment, max_episode_steps)

    def reset(self, key: jax.Array) -> tuple[_Timed, jax.Array]:
        state, obs = self._environment.reset(key)
        return _strong((_Timed(state, jnp.int32(0)), obs))

    @property
    def reset_rows(self) -> Callable[[jax.Array, jax.Array], tuple[_Timed, jax.Array]]:
        rows = self._environment.reset_rows  # ty: ignore[missing-attribute] Where it has none, nor has this.

        def timed(keys: jax.Array, wanted: jax.Array) -> tuple[_Timed, jax.Array]:
            state, obs = rows(keys, wanted)
            return _strong((_Timed(state, jnp.zeros(len(keys), jnp.int32)), obs))

        return timed

    @property
    def evaluation(self) -> Callable[[], "TimeLimit"]:
        own = self._environment.evaluation  # ty: ignore[missing-attribute] Likewise.
        return lambda: TimeLimit(own(), self.max_episode_steps)

    @property
    def demonstration(self) -> Callable[[jax.Array], Demonstration]:
        return self._environment.demonstration  # ty: ignore[missing-attribute] Likewise.

    @property
    def written(self) -> Callable[[np.ndarray], tuple[str, str]]:
        return self._environment.written  # ty: ignore[missing-attribute] Likewise.

    def step(self, key: jax.Array, state: _Timed, action: jax.Array) -> tuple[_Timed, Transition]:
        inner, transition = self._environment.step(key, state.inner, action)
        steps = state.steps + 1
        truncated = transition.truncated | (steps >= self.max_episode_steps)
        return _strong((_Timed(inner, steps), transition._replace(truncated=truncated)))

    def acts(self, state: _Timed) -> jax.Array:
        return acts(self._environment, state.inner)

    def render(self, state: _Timed) -> np.ndarray:
        """A picture of `state`, as `picture` makes it."""
        return picture(self._environment, state.inner)
