"""What a population is scored on: episodes of a task, an analytic function, a model's loss."""

from typing import Any, Protocol

import jax
from flax import struct

from esbench.policies.networks import Params
from esbench.population.interface import Population
from esbench.population.low_rank import Layout

ObjectiveState = Any


class Evaluation(struct.PyTreeNode):
    """A population's scores and what they cost.

    fitness: float32 (size,), to be maximised. group: int32 (size,) where members are comparable only within groups
    (one prompt, many members), else None. useful_steps, computed_steps: int32, partial counts of any shape.
    sequential_steps: int32 (), the longest chain of steps. training: further scalars to be recorded, by name.
    """

    fitness: jax.Array
    group: jax.Array | None
    useful_steps: jax.Array
    computed_steps: jax.Array
    sequential_steps: jax.Array
    training: dict[str, jax.Array] = struct.field(default_factory=dict)


class Objective(Protocol):
    """Scores populations. Its state carries something between generations, such as observation statistics."""

    def init(self, key: jax.Array, population_size: int) -> tuple[Params, ObjectiveState]:
        """Fresh parameters to start from, and the state of generation 0."""
        ...

    def layout(self, params: Params) -> Layout | None:
        """How what is scored contracts each parameter; None where matrices contract their first axis."""
        ...

    def evaluate(
        self, key: jax.Array, state: ObjectiveState, population: Population
    ) -> tuple[Evaluation, ObjectiveState]:
        """The population's scores, and the next generation's state."""
        ...

    def deploy(self, params: Params, state: ObjectiveState) -> Any:
        """What is scored after training when `params` are the strategy's answer."""
        ...
