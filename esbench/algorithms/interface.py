"""The contracts between the runner, an algorithm and a strategy."""

from typing import Any, Protocol

import jax
from flax import struct

from esbench.policies.networks import Params
from esbench.population.interface import Population
from esbench.problem import DeployedPolicy, Problem

State = Any


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
    """Pure functions over a state pytree, jitted by the runner. A state is all that a run needs to go on: it is what
    a checkpoint holds.

    A learner may also have `describe() -> list[str]`: lines that `esbench run -v` prints before the run.
    """

    def init(self, key: jax.Array) -> State: ...
    def step(self, state: State) -> tuple[State, StepMetrics]: ...
    def deployed(self, state: State) -> DeployedPolicy: ...


class Algorithm(Protocol):
    """Frozen settings that become a learner when they meet a problem."""

    def bind(self, problem: Problem) -> Learner: ...


class Strategy(Protocol):
    """An evolution strategy: proposes populations, is told their fitness (to be maximised), names what to deploy.

    pop_size: members of a generation, both halves of antithetic pairs counted. The state's shapes and types stay the
    same from generation to generation. A strategy that cannot work with every policy also has `check(params)`, given
    shapes only, which raises InputError before anything is computed.
    """

    pop_size: int

    def init(self, key: jax.Array, params: Params) -> State: ...
    def ask(self, key: jax.Array, state: State) -> tuple[Population, State]: ...
    def tell(self, key: jax.Array, state: State, population: Population, fitness: jax.Array) -> State: ...
    def deployed(self, state: State) -> Params: ...
