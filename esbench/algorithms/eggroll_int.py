"""EGGROLL on integers (Sarkar et al., arXiv 2511.16652, section 5): pairs vote, and weights move by whole steps."""

import math
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from flax import struct
from jax.scipy.special import ndtri
from pydantic import Field

from esbench.errors import InputError
from esbench.policies.networks import Params
from esbench.population.integers import ONE, halved, log2_sixteenths, saturate
from esbench.population.lattice import IntegerNoise
from esbench.settings import settings

_DEVIATION = ONE * ONE
"""Of an entry of a pair's noise."""
_MOST = 2**31 - 2**13
"""Of sums of votes: 32 bits, with room for what `halved` adds on the way."""
_CARRIED = 4
"""With momentum a step takes 1 / (4 alpha) deviations: at this pace chance moves about alpha of the parameters, as
without, where alpha is an eighth."""
_STEPS = ONE * 31
"""Steps of the schedule: 16 per doubling of the generation."""


class IntegerState(struct.PyTreeNode):
    """mean: int8, what is deployed. velocity: int32 like it, the votes remembered; () without momentum. keys: typed
    PRNG keys (unroll,), of this unroll's generations; None without. thresholds: int32 (steps, unroll), that votes must
    reach, by `log2_sixteenths` of the generation, which is int32 () and counts from 1, and by its place in the unroll.
    moved, ties: int32 (), of the last generation: parameters, pairs. alpha: float32 (steps,), for the record."""

    mean: Params
    velocity: Params
    keys: jax.Array | None
    generation: jax.Array
    thresholds: jax.Array
    alpha: jax.Array
    moved: jax.Array
    ties: jax.Array


@settings
class IntegerEGGROLL:
    """EGGROLL on int8 parameters: antithetic noise of low rank, votes of pairs, whole steps.

    pop_size: members, both halves of pairs counted. rank: of the noise of a matrix. full_rank: noise of full rank
    instead, with which every member has matrices of its own. shift: how often the noise is halved; at 4 it is one step
    large where weights are 16. alpha: share of the parameters that would move in the first generation if votes were
    chance. alpha_decay: generation t has alpha / (alpha_decay * t + 1). momentum: 0 for none, which is the paper's;
    else votes add up over generations, fading by 2 to the power of -momentum in each, and a parameter that they move
    loses what moved it. unroll: generations after which members forget what they read; within them votes are also for
    the noise that members had in the earlier ones, which made what they remember (persistent evolution strategies);
    1 for none, which is the paper's.
    """

    pop_size: Annotated[int, Field(ge=2, multiple_of=2)] = 2048
    rank: Annotated[int, Field(ge=1, le=8)] = 1
    full_rank: bool = False
    shift: Annotated[int, Field(ge=0, le=8)] = 4
    alpha: Annotated[float, Field(gt=0, le=1)] = 1.0
    alpha_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.015
    momentum: Annotated[int, Field(ge=0, le=12)] = 0
    unroll: Annotated[int, Field(ge=1)] = 1

    def check(self, params: Params) -> None:
        """InputError where the parameters are no integers, the rank is above a matrix's, or votes could overflow."""
        leaves = jax.tree.leaves(params)
        if any(leaf.dtype != jnp.int8 or leaf.ndim not in (1, 2) for leaf in leaves):
            raise InputError(
                "eggroll_int moves int8 parameters, and this task's are none: expected a task of the track text"
            )
        least = min(min(leaf.shape) for leaf in leaves if leaf.ndim == 2)
        if self.rank > least:
            raise InputError(f"rank = {self.rank}: expected at most {least}, the smallest side of a matrix")
        key = jax.random.key(0)
        largest = self._population(params, key, self._keys(key)).largest_vote
        if largest > _MOST:
            fits = self.pop_size * _MOST // largest // 2 * 2
            raise InputError(f"pop_size = {self.pop_size}: votes could overflow 32 bits: expected at most {fits}")

    def init(self, key: jax.Array, params: Params) -> IntegerState:
        generation = jnp.exp2(jnp.arange(_STEPS) / ONE)
        alpha = self.alpha / (self.alpha_decay * (generation - 1) + 1)
        deviation = _DEVIATION * math.sqrt(self.pop_size / 2)
        # In deviations of one generation's sum. Where all may move, those do that have a vote at all.
        least = 1 / (_CARRIED * alpha) if self.momentum else -ndtri(alpha / 2)
        # Of an unroll's second generation votes are for twice the noise, and so on.
        spread = deviation * jnp.sqrt(jnp.arange(1, self.unroll + 1))
        thresholds = jnp.clip(least[:, None] * spread, 1, _MOST).astype(jnp.int32)
        velocity = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, jnp.int32), params) if self.momentum else ()
        none = jnp.int32(0)
        return IntegerState(params, velocity, self._keys(key), jnp.int32(1), thresholds, jnp.float32(alpha), none, none)

    def ask(self, key: jax.Array, state: IntegerState) -> tuple[IntegerNoise, IntegerState]:
        return self._population(state.mean, key, state.keys, self._age(state)), state

    def tell(self, key: jax.Array, state: IntegerState, population: IntegerNoise, fitness: jax.Array) -> IntegerState:
        votes = jnp.sign(fitness[0::2] - fitness[1::2]).astype(jnp.int8)
        age = self._age(state)
        threshold = state.thresholds[log2_sixteenths(state.generation), age]
        total = population.votes(votes)
        if self.momentum:
            room = _MOST - population.largest_vote  # what is remembered stops there: a sum never overflows

            def remembered(old: jax.Array) -> jax.Array:
                return jnp.clip(old - halved(old, self.momentum), -room, room)

            total = jax.tree.map(lambda old, new: remembered(old) + new, state.velocity, total)
        steps = jax.tree.map(lambda sums: jnp.where(jnp.abs(sums) >= threshold, jnp.sign(sums), 0), total)
        mean = jax.tree.map(lambda leaf, step: saturate(leaf.astype(jnp.int32) + step), state.mean, steps)
        pairs = zip(jax.tree.leaves(mean), jax.tree.leaves(state.mean), strict=True)
        return IntegerState(
            mean=mean,
            velocity=jax.tree.map(lambda sums, step: sums - step * threshold, total, steps) if self.momentum else (),
            keys=None if state.keys is None else state.keys.at[age].set(population.key),
            generation=state.generation + 1,
            thresholds=state.thresholds,
            alpha=state.alpha,
            moved=sum((new != old).sum(dtype=jnp.int32) for new, old in pairs),
            ties=(votes == 0).sum(dtype=jnp.int32),
        )

    def deployed(self, state: IntegerState) -> Params:
        return state.mean

    def metrics(self, state: IntegerState) -> dict[str, jax.Array]:
        """Of the last generation: the share of the parameters that moved, the share that would move by chance, and the
        share of the pairs whose members were equal."""
        parameters = sum(leaf.size for leaf in jax.tree.leaves(state.mean))
        return {
            "moved": state.moved / parameters,
            "alpha": state.alpha[log2_sixteenths(jnp.maximum(state.generation - 1, 1))],
            "ties": state.ties / (self.pop_size // 2),
        }

    def _population(self, mean: Params, key: jax.Array, keys: Any, age: Any = None) -> IntegerNoise:
        rank = None if self.full_rank else self.rank
        return IntegerNoise(mean, key, self.pop_size, self.shift, rank, keys, None if keys is None else age)

    def _keys(self, key: jax.Array) -> jax.Array | None:
        """Room for the keys of an unroll; each is set before it is used."""
        return jax.random.split(key, self.unroll) if self.unroll > 1 else None

    def _age(self, state: IntegerState) -> jax.Array:
        """The generation's place in its unroll: int32 ()."""
        return (state.generation - 1) % self.unroll
