"""evosax's strategies by name, such as `evosax:SNES`, for every option that takes an algorithm.

evosax minimises over flat vectors; here fitness is maximised over a policy's parameters. A strategy's own settings are
those of its constructor and of its `Params`, by their names there.
"""

import dataclasses
import functools
import importlib
import inspect
import math
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct
from pydantic import AfterValidator, Field

from esbench.algorithms.open_es import optax_name
from esbench.errors import InputError, unknown
from esbench.policies.networks import Params
from esbench.population.gaussian import Gaussian
from esbench.population.stacked import Stacked
from esbench.settings import settings

PREFIX = "evosax:"
OWN = "own"
"""The optimizer that evosax gives a strategy."""

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

# Why a strategy of evosax cannot train a policy here.
_UNFIT = {
    "RandomSearch": "it needs a function that draws parameters",
    "SV_CMA_ES": "it moves several means, and one policy is deployed",
    "SV_Open_ES": "it moves several means, and one policy is deployed",
    "PersistentES": "it needs fitness of parts of an episode",
    "NoiseReuseES": "it needs fitness of parts of an episode",
}
# One array of a generation may take this much, or a few times what the population itself takes. A larger one grows with
# the square of the parameters, and so does the time.
_LARGEST_ARRAY_BYTES = 2**30
_LARGEST_ARRAY_POPULATIONS = 8


class EvosaxState(struct.PyTreeNode):
    """evosax: the strategy's own state, over flat parameters. params: its own parameters. start: the policy's initial
    parameters. settings: ours, with their numbers as leaves."""

    evosax: Any
    params: Any
    start: Params
    settings: Any


class EvosaxStrategy:
    """What the classes that `evosax_class` makes have in common: a strategy of evosax as one of esbench."""

    name: str
    pop_size: int
    deploys: str

    def check(self, params: Params) -> None:
        """InputError where a generation needs too large an array, or the settings do not fit."""
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        population = 4 * size * self.pop_size
        key = jax.eval_shape(lambda: jax.random.key(0))

        def generation(key, params):
            state = self.init(key, params)
            population, state = self.ask(key, state)
            return self.tell(key, state, population, jnp.zeros(self.pop_size))

        largest = _largest_array(jax.make_jaxpr(generation)(key, params).jaxpr)
        if largest > max(_LARGEST_ARRAY_BYTES, _LARGEST_ARRAY_POPULATIONS * population):
            raise InputError(
                f"{PREFIX}{self.name} cannot work with {size:,} parameters: one of its arrays takes "
                f"{largest / 2**30:,.0f} GiB (a population of {self.pop_size} takes {population / 2**30:.2g}); "
                f"expected a smaller policy, or a strategy such as {PREFIX}SNES or {PREFIX}Sep_CMA_ES"
            )

    def init(self, key: jax.Array, params: Params) -> EvosaxState:
        numbers = jax.tree.map(jnp.float32, self)
        algorithm = self._algorithm(params)
        own = self._own_params(algorithm, numbers)
        if self.deploys == "mean":
            state = algorithm.init(key, params, own)
        else:
            # The members of the first generation, which is evaluated and counted as any other.
            first = Gaussian(params, key, numbers.initial_std, size=self.pop_size, antithetic=False)
            members = jax.vmap(first.member)(jnp.arange(self.pop_size))
            state = algorithm.init(key, members, jnp.full(self.pop_size, jnp.inf), own)
        return self._state(EvosaxState(state, own, params, numbers))

    def ask(self, key: jax.Array, state: EvosaxState) -> tuple[Stacked, EvosaxState]:
        algorithm = self._algorithm(state.start)
        members, asked = algorithm.ask(key, state.evosax, state.params)
        if self.deploys == "best":
            first = algorithm.get_population(state.evosax)
            members = jax.tree.map(lambda old, new: jnp.where(_untold(state), old, new), first, members)
        return Stacked(members), state.replace(evosax=asked)

    def tell(self, key: jax.Array, state: EvosaxState, population: Stacked, fitness: jax.Array) -> EvosaxState:
        algorithm = self._algorithm(state.start)
        told, _ = algorithm.tell(key, population.params, -fitness, state.evosax, state.params)
        if self.deploys == "best":
            first = algorithm.init(key, population.params, -fitness, state.params)
            told = jax.tree.map(lambda old, new: jnp.where(_untold(state), old, new), first, told)
        elif hasattr(state.settings, "learning_rate"):
            step = told.mean - state.evosax.mean
            told = told.replace(mean=state.evosax.mean + state.settings.learning_rate * step)
        # Members that all score the same say nothing. But weights by rank differ from zero where all ranks are equal.
        learnt = fitness.max() > fitness.min()
        told = jax.tree.map(lambda new, old: jnp.where(learnt, new, old), told, state.evosax)
        return self._state(state.replace(evosax=told))

    def deployed(self, state: EvosaxState) -> Params:
        algorithm = self._algorithm(state.start)
        if self.deploys == "mean":
            return algorithm.get_mean(state.evosax)
        best = algorithm._unravel_solution(state.evosax.best_solution)
        return jax.tree.map(lambda new, old: jnp.where(_untold(state), old, new), best, state.start)

    def _algorithm(self, params: Params) -> Any:
        """evosax's object for parameters shaped like `params`. It is made outside the trace: it must hold no tracer."""
        optimizer = getattr(self, "optimizer", OWN)
        options = {} if optimizer == OWN else {"optimizer": getattr(optax, optimizer)(learning_rate=1.0)}
        options |= {name: value for name in _options(self.name) if (value := getattr(self, name)) is not None}
        with jax.ensure_compile_time_eval():
            template = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), params)
            try:
                algorithm = _algorithms()[self.name](population_size=self.pop_size, solution=template, **options)
            except AssertionError as error:
                raise InputError(f"{PREFIX}{self.name}: {error}") from error
            _ = algorithm.default_params  # LM_MA_ES sets a part of itself when they are read
        return algorithm

    def _own_params(self, algorithm: Any, numbers: Any) -> Any:
        """evosax's `Params`, with our settings where they are set."""
        with jax.ensure_compile_time_eval():
            own = algorithm.default_params
        given = {field.name: getattr(numbers, field.name, None) for field in dataclasses.fields(own)}
        return own.replace(
            **{
                name: jnp.asarray(value, jnp.result_type(getattr(own, name)))
                for name, value in given.items()
                if value is not None
            }
        )

    def _state(self, state: EvosaxState) -> EvosaxState:
        # Where evosax takes a schedule of the noise instead of a number, the number is ours.
        if _scheduled(self.name):
            std = jnp.broadcast_to(state.settings.std_init, jnp.shape(state.evosax.std))
            state = state.replace(evosax=state.evosax.replace(std=std))
        return state


def _untold(state: EvosaxState) -> jax.Array:
    """bool (): whether the first generation is still to be scored, so that there is no best member."""
    return ~jnp.isfinite(state.evosax.best_fitness)


def evosax_names() -> list[str]:
    """The strategies that `evosax:NAME` takes."""
    return [name for name in _algorithms() if name not in _UNFIT]


@functools.cache
def evosax_class(name: str) -> type[Any]:
    """The settings class of evosax's strategy `name`, a Strategy; InputError for one that does not exist or fit."""
    if name in _UNFIT:
        raise InputError(f"{PREFIX}{name} cannot train a policy here: {_UNFIT[name]}")
    if name not in _algorithms():
        raise unknown("strategy of evosax", name, evosax_names())
    from evosax.algorithms import distribution_based_algorithms

    deploys = "mean" if name in distribution_based_algorithms else "best"
    fields: dict[str, tuple[Any, Any]] = {"pop_size": (Annotated[int, Field(ge=2)], 256)}
    if deploys == "best":
        fields["initial_std"] = (_Positive, 0.05)
    if "optimizer" in inspect.signature(_algorithms()[name].__init__).parameters:
        fields["optimizer"] = (Annotated[str, AfterValidator(_optimizer)], OWN)
        fields["learning_rate"] = (_Positive, 1.0)
    params = _example_params(name)
    if _scheduled(name) or hasattr(params, "std_init"):
        fields["std_init"] = (_Positive, 0.05)
    for own, value in {**_options(name), **_scalars(params)}.items():
        fields.setdefault(own, (type(value) | None, None))
    body = {own: default for own, (_, default) in fields.items()}
    doc = f"""{name} of evosax.

    std_init: standard deviation of the noise at the start. optimizer: evosax's own choice, or any of optax's by name.
    learning_rate: factor on the optimizer's step. deploys: the mean, or the best member so far. The others are
    evosax's, by its names, at its defaults where they are not set.
    """
    cls = type(name, (EvosaxStrategy,), {**body, "__doc__": doc, "name": name})
    cls.__annotations__ = {own: annotation for own, (annotation, _) in fields.items()} | {"deploys": str}
    cls.deploys = dataclasses.field(default=deploys, init=False)
    return settings(cls)  # ty: ignore[invalid-explicit-return] what a decorator makes of a class is a class


def _optimizer(name: str) -> str:
    return name if name == OWN else optax_name(name)


def _algorithms() -> dict[str, Any]:
    try:
        return importlib.import_module("evosax.algorithms").algorithms
    except ModuleNotFoundError as error:
        raise InputError("evosax is not installed: pip install 'esbench[evosax]'") from error


def _scheduled(name: str) -> bool:
    """Whether the standard deviation is a schedule given to the constructor."""
    return "std_schedule" in inspect.signature(_algorithms()[name].__init__).parameters


def _options(name: str) -> dict[str, bool | int | float]:
    """The numbers and switches that the constructor takes, with their defaults."""
    parameters = inspect.signature(_algorithms()[name].__init__).parameters.values()
    return {p.name: p.default for p in parameters if isinstance(p.default, bool | int | float)}


def _example_params(name: str) -> Any:
    return _algorithms()[name](population_size=16, solution=jnp.zeros(8)).default_params


def _scalars(params: Any) -> dict[str, bool | int | float]:
    """The numbers and switches among the fields of a strategy's `Params`, as Python values."""
    values = {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    return {
        name: np.asarray(v).item()
        for name, v in values.items()
        if isinstance(v, bool | int | float | jax.Array) and np.ndim(v) == 0
    }


def _largest_array(jaxpr: Any) -> int:
    """Bytes of the largest value that the program computes."""
    largest = 0
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            aval = variable.aval
            largest = max(largest, math.prod(aval.shape) * aval.dtype.itemsize)
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "jaxpr") or hasattr(x, "eqns")
        ):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                largest = max(largest, _largest_array(inner))
    return largest
