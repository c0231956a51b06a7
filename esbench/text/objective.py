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
from esbench.population.low_rank import Layout, layout
from esbench.population.members import MemberStore
from esbench.population.objective import Evaluation
from esbench.problem import DeployedPolicy
from esbench.text.egg import Egg
from esbench.text.floats import Network

ROWS = 1024
"""Members that read side by side: their noise fits a cache; more rows make products faster."""


class Reading(struct.PyTreeNode):
    """Where the sequences are in their parts of the text, int32 (), and what every member remembers of it: of EGG int8
    (members, layers, width)."""

    place: jax.Array
    memory: Any


@dataclass(frozen=True)
class Likelihood:
    """The sum of log-likelihoods, EGG's integers in sixteenths of a bit, of `tokens` symbols of each member's own
    sequence.

    text: uint8 (length,). `group` members, whole pairs of them, share a sequence; each sequence reads a contiguous part
    of its own, and begins it again at its end. What members remember is carried from generation to generation where
    `carry` is true: it is of earlier weights then.
    """

    network: Network
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
        memory = jax.tree.map(lambda x: jnp.broadcast_to(x, (population_size, *x.shape)), self.network.blank())
        return self.network.init(key), Reading(jnp.int32(0), memory)

    def layout(self, params: Params) -> Layout:
        return layout(self.network.step, params, self.network.blank(), jnp.int32(0))

    def evaluate(self, key: jax.Array, state: Reading, population: Population) -> tuple[Evaluation, Reading]:
        size, devices = population.size, device_count()
        if (begins := getattr(population, "begins", None)) is not None:
            memory = jax.tree.map(lambda x, blank: jnp.where(begins, blank, x), state.memory, self.network.blank())
            state = state.replace(memory=memory)
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
        fitness, memory = jax.tree.map(lambda x: x.reshape(-1, *x.shape[3:])[:size], (fitness, memory))
        counted = jnp.full(devices * chunks, rows * self.tokens, jnp.int32)
        evaluation = Evaluation(
            fitness=fitness,
            group=None,
            useful_steps=jnp.full(size, self.tokens, jnp.int32),
            computed_steps=counted,
            sequential_steps=jnp.int32(self.tokens),
            training={"sequences": jnp.int32(self.sequences(size))},
        )
        return evaluation, self.after(state, size, memory)

    def loss(self, params: Params, state: Reading) -> tuple[jax.Array, Reading]:
        """The mean of a symbol's negative log-likelihood over as many sequences as `state` has, by one network, float
        (), to be differentiated; and the state after."""
        size = len(jax.tree.leaves(state.memory)[0])
        text = self.window(state, jnp.arange(size), size)

        def step(memory: Any, pair: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
            token, target = pair
            memory, logits = jax.vmap(self.network.step, (None, 0, 0))(params, memory, token)
            return memory, jax.vmap(self.network.log_likelihood)(logits, target)

        memory, likelihoods = jax.lax.scan(step, state.memory, (text[:-1], text[1:]))
        return -likelihoods.mean(), self.after(state, size, memory)

    def after(self, state: Reading, size: int, memory: Any) -> Reading:
        """The state after a generation, of which members remember `memory`."""
        part = len(self.text) // self.sequences(size)
        place = (state.place + self.tokens) % (part - self.tokens)
        return Reading(place, memory if self.carry else state.memory)

    def window(self, state: Reading, indices: jax.Array, size: int) -> jax.Array:
        """What members `indices`, int32 (rows,), of `size` read now, and one symbol more: int32 (tokens + 1, rows)."""
        part = len(self.text) // self.sequences(size)
        start = indices // self.group * part + state.place
        places = start + jnp.arange(self.tokens + 1)[:, None]
        return jnp.asarray(self.text).at[places].get(mode="promise_in_bounds").astype(jnp.int32)

    def sequences(self, size: int) -> int:
        """How many sequences so many members read."""
        return -(-size // self.group)

    def _read(self, population: Population, state: Reading, indices: jax.Array) -> tuple[jax.Array, Any]:
        """Of members `indices`, int32 (rows,): fitness (rows,), and what they remember after."""
        store = MemberStore.of(population)
        own = store.derive(population, indices)
        text = self.window(state, indices, population.size)

        def step(carry: tuple[Any, jax.Array], pair: tuple[jax.Array, jax.Array]) -> tuple[Any, None]:
            memory, total = carry
            # The barrier keeps noise as bytes: XLA would hold it as 32-bit numbers throughout the loop.
            numbers, token, target = jax.lax.optimization_barrier((own, *pair))
            memory, logits = store.apply(self.network.step, numbers, memory, token)
            worth = jax.vmap(self.network.log_likelihood)(logits, target)
            return (memory, total + worth), None

        none = jnp.zeros(len(indices), jnp.int32 if isinstance(self.network, Egg) else jnp.float32)
        first = (jax.tree.map(lambda x: x[indices], state.memory), none)
        (memory, total), _ = jax.lax.scan(step, first, (text[:-1], text[1:]))
        return total, memory

    def deploy(self, params: Params, state: Reading) -> DeployedPolicy:
        return DeployedPolicy(params, action_mode="sample")
