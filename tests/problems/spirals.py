"""A problem that is no environment: telling two spirals apart. It is given to esbench as `spirals.py:Spirals`."""

from dataclasses import dataclass
from typing import Annotated, Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from pydantic import Field

from esbench.population.low_rank import layout
from esbench.population.members import scores
from esbench.population.objective import Evaluation
from esbench.problem import DeployedPolicy, require_defaults
from esbench.settings import settings
from esbench.tasks.spec import Measure
from esbench.tasks.tiers import Budgets


class Network(nn.Module):
    hidden: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return nn.Dense(2)(nn.tanh(nn.Dense(self.hidden)(nn.tanh(nn.Dense(self.hidden)(x)))))


@settings
class Spirals:
    """Two spirals of points with noise; fitness is the mean log-likelihood of a batch."""

    hidden: Annotated[int, Field(ge=1)] = 16
    batch: Annotated[int, Field(ge=1)] = 64
    turns: Annotated[float, Field(gt=0)] = 0.6

    measure = Measure("accuracy", "point", unit="share")
    cost = "labelled points"
    budgets = Budgets(smoke=200_000, lite=4_000_000)

    def points(self, key: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
        """Points float32 (size, 2) and labels int32 (size,)."""
        keys = jax.random.split(key, 3)
        label = jax.random.bernoulli(keys[0], shape=(size,)).astype(jnp.int32)
        radius = jax.random.uniform(keys[1], (size,), minval=0.1)
        angle = 2 * jnp.pi * (self.turns * radius + label / 2)
        point = radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
        return point + 0.02 * jax.random.normal(keys[2], point.shape), label

    def log_probs(self, params: Any, points: jax.Array) -> jax.Array:
        return jax.nn.log_softmax(Network(self.hidden).apply(params, 3 * points))

    def init_params(self, key: jax.Array) -> Any:
        return Network(self.hidden).init(key, jnp.zeros((1, 2)))

    def objective(self, evolution) -> "LogLikelihood":
        require_defaults(evolution, "deterministic_policy", "normalize_observations")
        return LogLikelihood(self, self.batch * evolution.n_parallel_evaluations)

    def evaluate(self, deployed: DeployedPolicy, key: jax.Array, size: int) -> dict[str, jax.Array]:
        points, labels = self.points(key, size)
        logs = self.log_probs(deployed.params, points)
        return {
            "accuracy": (logs.argmax(-1) == labels).astype(jnp.float32),
            "log_likelihood": jnp.take_along_axis(logs, labels[:, None], 1)[:, 0],
        }


@dataclass(frozen=True)
class LogLikelihood:
    problem: Spirals
    batch: int

    def init(self, key: jax.Array, population_size: int):
        return self.problem.init_params(key), ()

    def layout(self, params):
        return layout(self.problem.log_probs, params, jnp.zeros((1, 2)))

    def evaluate(self, key: jax.Array, state, population):
        points, labels = self.problem.points(key, self.batch)

        def score(params):
            return (self.problem.log_probs(params, points) * jax.nn.one_hot(labels, 2)).sum(-1).mean()

        cost = jnp.int32(population.size * self.batch)
        return Evaluation(scores(population, score), None, cost, cost, jnp.int32(1)), state

    def deploy(self, params, state) -> DeployedPolicy:
        return DeployedPolicy(params)


class Bits(Spirals):
    """The same points, measured in bits: less is better."""

    measure = Measure("cross entropy", "point", higher_is_better=False, unit="bits", lowest=0.0)

    def evaluate(self, deployed: DeployedPolicy, key: jax.Array, size: int) -> dict[str, jax.Array]:
        return {"cross entropy": -super().evaluate(deployed, key, size)["log_likelihood"] / jnp.log(2)}


class Asking(Spirals):
    """It asks in Python how members act."""

    def objective(self, evolution) -> LogLikelihood:
        return LogLikelihood(self, self.batch * (2 if evolution.deterministic_policy else 1))


class WithoutMeasure(Spirals):
    """Its evaluation lacks what it says is measured."""

    measure = Measure("f1", "point")


class Nameless(Spirals):
    """It does not say what is measured."""

    measure = None
