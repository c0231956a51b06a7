"""One compiled program per task that plays random episodes to their end."""

import functools
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.keys import stream
from esbench.tasks.environment import Environment

# How many episodes are played at once: many where a step is cheap.
EPISODES = {
    "CartPole-v1": 1024,
    "Countdown-v0": 1024,
    "Pendulum-v1": 1024,
    "Game2048-v1": 512,
    "Knapsack-v1": 1024,
    "Snake-v1": 512,
    "DoorKey-8x8-v0": 1024,
    "DynamicObstacles-6x6-v0": 1024,
    "FourRooms-v0": 512,
    "InvertedDoublePendulum-v0": 256,
    "ThrustOverBall-v0": 64,
    "CraftaxClassic-v0": 32,
}
# Tasks left out above: minutes of compilation or of steps.
SLOW_EPISODES = 64


class Episodes(NamedTuple):
    """One random episode per lane: its return, length and both ends, and the range of all observations seen."""

    returns: Any
    lengths: Any
    terminated: Any
    truncated: Any
    low: Any
    high: Any


def random_action(space: gymnasium.spaces.Discrete | gymnasium.spaces.Box, key: jax.Array) -> jax.Array:
    if isinstance(space, gymnasium.spaces.Discrete):
        return jax.random.randint(key, (), 0, int(space.n), jnp.int32)
    return jax.random.uniform(key, space.shape, minval=jnp.asarray(space.low), maxval=jnp.asarray(space.high))


def play(environment: Environment, keys: jax.Array, played: jax.Array) -> Episodes:
    """Random episodes of `keys`, on clocks that say that `played` steps, int32 (lanes,), are over already."""
    state, obs = jax.vmap(lambda key: environment.reset(stream(key, "reset")))(keys)
    state = state._replace(steps=state.steps + played)
    lanes = len(keys)
    flags, zeros = jnp.zeros(lanes, bool), jnp.zeros(lanes)
    start = Episodes(zeros, zeros.astype(jnp.int32), flags, flags, obs.min(0), obs.max(0))

    def one_step(key, state, t):
        key = jax.random.fold_in(stream(key, "step"), t)
        action = random_action(environment.action_space, stream(key, "action"))
        return environment.step(stream(key, "environment"), state, action)

    def body(carry):
        t, alive, state, seen = carry
        new, transition = jax.vmap(one_step, (0, 0, None))(keys, state, t)
        rows = alive[:, None]
        seen = Episodes(
            seen.returns + jnp.where(alive, transition.reward, 0),
            seen.lengths + alive,
            seen.terminated | (alive & transition.terminated),
            seen.truncated | (alive & transition.truncated),
            jnp.minimum(seen.low, jnp.where(rows, transition.obs, jnp.inf).min(0)),
            jnp.maximum(seen.high, jnp.where(rows, transition.obs, -jnp.inf).max(0)),
        )
        return t + 1, alive & ~(transition.terminated | transition.truncated), new, seen

    alive = jnp.ones(lanes, bool)
    return jax.lax.while_loop(lambda carry: carry[1].any(), body, (jnp.int32(0), alive, state, start))[3]


class Player:
    """Plays a task's random episodes of seed 0, in one compiled program."""

    def __init__(self, name: str, environment: Environment):
        self.lanes = EPISODES.get(name, SLOW_EPISODES)
        self._keys = jax.random.split(jax.random.key(0), self.lanes)
        self._play = jax.jit(functools.partial(play, environment))
        self.episodes = self(0)

    def __call__(self, played: Any) -> Episodes:
        played = jnp.broadcast_to(jnp.asarray(played, jnp.int32), (self.lanes,))
        return jax.tree.map(np.asarray, self._play(self._keys, played))
