"""MyStrategy: a step of fixed length in every parameter, in the direction in which the population scored better."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from flax import struct
from pydantic import Field

from esbench.algorithms.shaping import centred_ranks
from esbench.population.gaussian import Gaussian
from esbench.settings import settings


class State(struct.PyTreeNode):  # what is kept between generations: arrays, never of another shape
    mean: Any  # the parameters of the policy that is scored
    numbers: Any  # the settings that are numbers, so that another value needs no new compilation


@settings
class MyStrategy:
    """One line on what is new. Every field is a setting: --set sigma=0.1"""

    pop_size: Annotated[int, Field(ge=2, multiple_of=2)] = 256  # members come in pairs, mean + noise and mean - noise
    sigma: Annotated[float, Field(gt=0)] = 0.05  # standard deviation of the noise
    learning_rate: Annotated[float, Field(gt=0)] = 0.005  # length of the step

    def init(self, key, params):  # the first state, from the policy's initial parameters
        return State(params, jax.tree.map(jnp.float32, self))

    def ask(self, key, state):  # this generation's population; rank=None for full noise instead of rank 1
        return Gaussian(state.mean, key, state.numbers.sigma, size=self.pop_size, rank=1), state

    def tell(self, key, state, population, fitness):  # the next state; fitness, one number a member: more is better
        direction = population.weighted_sum(centred_ranks(fitness))  # the sum of weight * noise over all members
        step = state.numbers.learning_rate
        return state.replace(mean=jax.tree.map(lambda m, d: m + step * jnp.sign(d), state.mean, direction))

    def deployed(self, state):  # the parameters that are scored
        return state.mean
