"""OpenES (Salimans et al., arXiv 1703.03864): full-rank antithetic Gaussian noise and an optax optimizer."""

import inspect
import math
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from pydantic import AfterValidator, Field

from esbench.algorithms.frozen import frozen_leaves
from esbench.algorithms.schedule import Left, left
from esbench.algorithms.shaping import centred_ranks, z_score
from esbench.errors import InputError, unknown
from esbench.policies.networks import Params
from esbench.population.gaussian import Gaussian
from esbench.settings import Switch, settings


def optax_name(name: str) -> str:
    """`name` where optax has an optimizer of that name; InputError with the nearest otherwise."""
    if (
        not callable(getattr(optax, name, None))
        or "learning_rate" not in inspect.signature(getattr(optax, name)).parameters
    ):
        raise unknown("optax optimizer", name, ["sgd", "adam", "adamw", "rmsprop", "lion", "adamax", "nadam", "radam"])
    return name


class GradientState(struct.PyTreeNode):
    """mean: what is deployed. sigma, learning_rate: float32 (), of the next generation. settings: the strategy's
    own, with its numbers as float32 () leaves, so that they are inputs of the compiled generation."""

    mean: Params
    optimizer: Any
    sigma: jax.Array
    learning_rate: jax.Array
    settings: "OpenES"


@settings
class OpenES:
    """OpenES: antithetic full-rank Gaussian noise on every parameter.

    pop_size: members, both halves of pairs counted. sigma: standard deviation of the noise. optimizer: any of optax's
    by name, run at learning rate 1 and scaled by learning_rate. learning_rate: length of the optimizer's step.
    weight_decay: decoupled, times the learning rate. lr_decay, sigma_decay: factors per generation. lr_final,
    sigma_final: the share that is left at the end of the budget, falling evenly with the useful steps.
    rank_transform: centred ranks with ties averaged instead of z-scores. frozen: parameters that are neither perturbed
    nor moved, ends of their names with commas between (`head, *_0/kernel`).
    """

    pop_size: Annotated[int, Field(ge=2, multiple_of=2)] = 256
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05
    sigma_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.01
    lr_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    optimizer: Annotated[str, AfterValidator(optax_name)] = "adam"
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    rank_transform: Switch = False
    frozen: str = ""
    sigma_final: Left = 1.0
    lr_final: Left = 1.0

    def check(self, params: Params) -> None:
        """InputError for parameters that are no floats, and for names of none."""
        frozen_leaves(self.frozen, params)
        if any(not jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(params)):
            raise InputError("this task's parameters are integers, and small steps are none: expected eggroll_int")

    def init(self, key: jax.Array, params: Params) -> GradientState:
        numbers = jax.tree.map(jnp.float32, self)
        return GradientState(params, self._optax().init(params), numbers.sigma, numbers.learning_rate, numbers)

    def ask(self, key: jax.Array, state: GradientState) -> tuple[Gaussian, GradientState]:
        return Gaussian(state.mean, key, state.sigma, size=self.pop_size, frozen=self._frozen(state)), state

    def tell(self, key: jax.Array, state: GradientState, population: Gaussian, fitness: jax.Array) -> GradientState:
        weights = jnp.where(state.settings.rank_transform, centred_ranks(fitness), z_score(fitness))
        # The scaling of the paper's release: the mean over members of score * sigma * noise, times sqrt(members).
        scale = -state.sigma / math.sqrt(self.pop_size)
        gradient = jax.tree.map(lambda total: scale * total, population.weighted_sum(weights))
        direction, optimizer = self._optax().update(gradient, state.optimizer, state.mean)
        decay = state.settings.weight_decay
        mean = jax.tree.map(lambda m, d: m + state.learning_rate * (d - decay * m), state.mean, direction)
        if (frozen := self._frozen(state)) is not None:
            leaves, tree = jax.tree.flatten(mean)
            pairs = zip(frozen, jax.tree.leaves(state.mean), leaves, strict=True)
            mean = jax.tree.unflatten(tree, [old if stays else new for stays, old, new in pairs])
        # All members equal says nothing: neither momentum nor weight decay may move the parameters then.
        learnt = weights.any()
        mean, optimizer = jax.tree.map(
            lambda new, old: jnp.where(learnt, new, old), (mean, optimizer), (state.mean, state.optimizer)
        )
        return state.replace(
            mean=mean,
            optimizer=optimizer,
            sigma=state.sigma * state.settings.sigma_decay,
            learning_rate=state.learning_rate * state.settings.lr_decay,
        )

    def scheduled(self, state: GradientState, before: jax.Array, after: jax.Array) -> GradientState:
        def factor(final: jax.Array | float) -> jax.Array:
            return left(final, after) / left(final, before)

        return state.replace(
            sigma=state.sigma * factor(state.settings.sigma_final),
            learning_rate=state.learning_rate * factor(state.settings.lr_final),
        )

    def deployed(self, state: GradientState) -> Params:
        return state.mean

    def metrics(self, state: GradientState) -> dict[str, jax.Array]:
        return {"sigma": state.sigma, "learning_rate": state.learning_rate}

    def _frozen(self, state: GradientState) -> tuple[bool, ...] | None:
        return frozen_leaves(self.frozen, state.mean)

    def _optax(self) -> optax.GradientTransformation:
        make = getattr(optax, self.optimizer)
        # Decay is applied in `tell`, the same way for every optimizer, and its strength can be traced there.
        own = {"weight_decay": 0.0} if "weight_decay" in inspect.signature(make).parameters else {}
        return make(learning_rate=1.0, **own)
