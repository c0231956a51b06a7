"""A text as an objective: a member's fitness is its log-likelihood of the next few symbols of its own place in it."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from esbench.errors import InputError
from esbench.policies.networks import Params
from esbench.population.devices import device_count, gathered
from esbench.population.interface import Population
from esbench.population.members import MemberStore
from esbench.population.objective import Evaluation
from esbench.problem import DeployedPolicy
from esbench.text.egg import Egg
from esbench.text.loss import integer_log_likelihood

ROWS = 1024
"""Members that read side by side: their noise fits a cache; more rows make products faster."""


class Reading(struct.PyTreeNode):
    """Where the sequences are in their parts of the text, int32 (), and what every member remembers of it: int8
    (members, layers, width)."""

    place: jax.Array
    memory: jax.Array


@dataclass(frozen=True)
class Likelihood:
    """The sum of integer log-likelihoods, in sixteenths of a bit, of `tokens` symbols of each member's sequence.

    text: uint8 (length,). `group` members, whole pairs of them, share a sequence; each sequence reads a contiguous part
    of its own, and begins it again at its end. What members remember is carried from generation to generation where
    `carry` is true: it is of earlier weights then.
    """

    network: Egg
    text: np.ndarray
    tokens: int
    group: int
    carry: bool

    def init(self, key: jax.Array, population_size: int) -> tuple[Params, Reading]:
        """InputError where a sequence's part of the text is too short."""
        if (part := len(self.text) // self.sequences(population_size)) <= self.tokens:
            raise InputError(
                f"tokens = {self.tokens}: each of {self.sequences(population_size):,} sequences has {part:,} bytes of "
                "the text: expected fewer tokens, a larger group or a smaller pop_size"
            )
        blank = self.network.blank()
        return self.network.init(key), Reading(jnp.int32(0), jnp.zeros((population_size, *blank.shape), blank.dtype))

    def layout(self, params: Params) -> None:
        return None

    def evaluate(self, key: jax.Array, state: Reading, population: Population) -> tuple[Evaluation, Reading]:
        size, devices = population.size, device_count()
        rows = min(ROWS, -(-size // (2 * devices)) * 2)
        chunks = -(-size // (rows * devices))  # of a device
        # Of an odd number of members, or more devices than these fill, the last is read more than once.
        indices = jnp.minimum(jnp.arange(devices * chunks * rows), size - 1).reshape(devices, chunks, rows)
        fitness, memory = gathered(
            lambda device, population, state, indices: jax.lax.map(
                lambda own: self._read(population, state, own), indices[device]
            ),
            population,
            state,
            indices,
        )
        fitness, memory = (x.reshape(-1, *x.shape[3:])[:size] for x in (fitness, memory))
        counted = jnp.full(devices * chunks, rows * self.tokens, jnp.int32)
        evaluation = Evaluation(
            fitness=fitness,
            group=None,
            useful_steps=jnp.full(size // 2, 2 * self.tokens, jnp.int32),
            computed_steps=counted,
            sequential_steps=jnp.int32(self.tokens),
        )
        part = len(self.text) // self.sequences(size)
        place = (state.place + self.tokens) % (part - self.tokens)
        return evaluation, Reading(place, memory if self.carry else state.memory)

    def sequences(self, size: int) -> int:
        """How many sequences so many members read."""
        return -(-size // self.group)

    def _read(self, population: Population, state: Reading, indices: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Of members `indices`, int32 (rows,): fitness int32 (rows,), and what they remember after."""
        store = MemberStore.of(population)
        own = store.derive(population, indices)
        part = len(self.text) // self.sequences(population.size)
        start = indices // self.group * part + state.place
        window = jnp.asarray(self.text).at[start[:, None] + jnp.arange(self.tokens + 1)].get(mode="promise_in_bounds")

        def step(carry: tuple[jax.Array, jax.Array], pair: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            memory, total = carry
            # The barrier keeps noise as bytes: XLA would hold it as 32-bit numbers throughout the loop.
            numbers, token, target = jax.lax.optimization_barrier((own, *pair))
            memory, logits = store.apply(self.network.step, numbers, memory, token)
            return (memory, total + jax.vmap(integer_log_likelihood)(logits, target)), None

        text = window.T.astype(jnp.int32)
        first = (state.memory[indices], jnp.zeros(len(indices), jnp.int32))
        (memory, total), _ = jax.lax.scan(step, first, (text[:-1], text[1:]))
        return total, memory

    def deploy(self, params: Params, state: Reading) -> DeployedPolicy:
        return DeployedPolicy(params, action_mode="sample")
