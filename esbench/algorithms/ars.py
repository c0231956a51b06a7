"""Augmented random search (Mania, Guy and Recht, arXiv 1803.07055)."""

from typing import Annotated

import jax
import jax.numpy as jnp
from flax import struct
from pydantic import Field, model_validator

from esbench.policies.networks import Params
from esbench.population.gaussian import Gaussian
from esbench.settings import settings


class ARSState(struct.PyTreeNode):
    """mean: what is deployed. sigma, learning_rate: float32 ()."""

    mean: Params
    sigma: jax.Array
    learning_rate: jax.Array


@settings
class ARS:
    """ARS: the best directions only, their step divided by the standard deviation of their returns.

    V2 of the paper is normalize_observations=true, V1 is without. pop_size: members, two a direction. top_directions:
    how many directions are used, those with the best member (b of the paper; V1-t, V2-t); all where it is not set.
    sigma: standard deviation of the noise. learning_rate: the step size, alpha of the paper. rank: of the noise, as
    EGGROLL's; full where it is not set.
    """

    pop_size: Annotated[int, Field(ge=2, multiple_of=2)] = 256
    top_directions: Annotated[int, Field(ge=1)] | None = None
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05
    rank: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _directions_exist(self) -> "ARS":
        if self.top_directions is not None and self.top_directions > self.pop_size // 2:
            raise ValueError(
                f"top_directions = {self.top_directions}: expected at most pop_size / 2 = {self.pop_size // 2}"
            )
        return self

    def init(self, key: jax.Array, params: Params) -> ARSState:
        return ARSState(params, jnp.float32(self.sigma), jnp.float32(self.learning_rate))

    def ask(self, key: jax.Array, state: ARSState) -> tuple[Gaussian, ARSState]:
        return Gaussian(state.mean, key, state.sigma, size=self.pop_size, rank=self.rank), state

    def tell(self, key: jax.Array, state: ARSState, population: Gaussian, fitness: jax.Array) -> ARSState:
        pairs = fitness.reshape(-1, 2)
        b = self.top_directions or len(pairs)
        _, top = jax.lax.top_k(pairs.max(1), b)
        deviation = pairs[top].std()
        # Equal returns say nothing. Dividing by their spread would turn rounding errors into a signal.
        equal = pairs[top].max() == pairs[top].min()
        weights = jnp.zeros_like(pairs).at[top].set(pairs[top] / (b * jnp.where(equal, jnp.inf, deviation)))
        step = population.weighted_sum(weights.reshape(-1))
        return state.replace(mean=jax.tree.map(lambda m, s: m + state.learning_rate * s, state.mean, step))

    def deployed(self, state: ARSState) -> Params:
        return state.mean

    def metrics(self, state: ARSState) -> dict[str, jax.Array]:
        return {"sigma": state.sigma, "learning_rate": state.learning_rate}
