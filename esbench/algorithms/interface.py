"""The contracts between the runner, an algorithm and a strategy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
from flax import struct

from esbench.policies.networks import Params
from esbench.population.interface import Population
from esbench.problem import DeployedPolicy, Problem
from esbench.tasks.spec import TaskSpec

State = Any


@dataclass(frozen=True)
class StepCost:
    """What one step of a learner takes, in the unit of the task's budgets (environment steps, tokens ...).

    fewest, most: bounds; equal where the cost is fixed. factors: the settings it is the product of, by name, for
    messages.
    """

    fewest: int
    most: int
    factors: dict[str, int]

    def __str__(self) -> str:
        return " x ".join(f"{name} {value}" for name, value in self.factors.items())


class StepMetrics(struct.PyTreeNode):
    """What one step of a learner (a generation, a PPO update) cost and showed.

    useful_steps, computed_steps: int32 arrays of any shape, partial counts whose sum is the step's count. The host
    adds them up: one generation of a long task can overflow 32 bits.
    sequential_steps: int32 (), the critical path.
    training: scalars by name, recorded in the row (`fitness_mean`, `sigma`, a loss ...).
    faults: bool () by message: where one is true the run ends with that message.
    """

    useful_steps: jax.Array
    computed_steps: jax.Array
    sequential_steps: jax.Array
    training: dict[str, jax.Array]
    faults: dict[str, jax.Array] = struct.field(default_factory=dict)


class Learner(Protocol):
    """Pure functions over a state pytree, jitted by the runner. A state is all that a run needs to continue: it is what
    a checkpoint holds.

    A learner may also have `describe() -> list[str]`: lines that `esbench run -v` prints before the run. One with
    schedules has `within(state, budget) -> State`: a first state that knows how many useful steps, float32 (), the run
    has, so that a schedule goes by the share of them that is spent. A state that was told of no budget has no end.
    """

    def init(self, key: jax.Array) -> State: ...
    def step(self, state: State) -> tuple[State, StepMetrics]: ...
    def deployed(self, state: State) -> DeployedPolicy: ...


class Algorithm(Protocol):
    """Frozen settings that become a learner when they meet a problem.

    An algorithm may also have `step_cost(spec: TaskSpec, problem: Mapping) -> StepCost | None`: what one of its steps
    takes on a task with these settings of its problem. It is asked before anything is made or compiled.
    """

    def bind(self, problem: Problem) -> Learner: ...


class Strategy(Protocol):
    """An evolution strategy: proposes populations, is told their fitness (to be maximised), names what to deploy.

    The state's shapes and types stay the same from generation to generation.

    A strategy may also have `metrics(state) -> dict[str, Array]`: scalars that stand in every row, next to the loop's
    own. One with schedules has `scheduled(state, before, after) -> State`, which follows `tell`: a generation took the
    run from one share of its budget to another, float32 (), 0 to 1. One that cannot work with every policy has
    `check(params)`. It gets shapes only, and raises InputError before anything is computed.

    Attributes:
        pop_size: members of a generation, both halves of antithetic pairs counted.
    """

    pop_size: int

    def init(self, key: jax.Array, params: Params) -> State:
        """The first state, from a policy's initial parameters."""
        ...

    def ask(self, key: jax.Array, state: State) -> tuple[Population, State]:
        """This generation's population, and the state that `tell` gets."""
        ...

    def tell(self, key: jax.Array, state: State, population: Population, fitness: jax.Array) -> State:
        """The next state, by the fitness of each member, float32 (pop_size,)."""
        ...

    def deployed(self, state: State) -> Params:
        """The parameters that are scored."""
        ...


def step_cost(algorithm: Algorithm, spec: TaskSpec, problem: Mapping[str, Any]) -> StepCost | None:
    """What one step of `algorithm` takes on a task, whose problem has these settings; None where it does not say."""
    state = getattr(algorithm, "step_cost", None)
    return state(spec, problem) if callable(state) else None
