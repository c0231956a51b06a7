"""The seam between a task and everything that trains on it.

Episodes of an environment are one kind of problem (`rollout/`), the loss of a classifier or of a language model is
another. Algorithms, the runner, rows and reports know only what stands here.
"""

from typing import Annotated, Any, Literal, Protocol

import jax
from flax import struct
from pydantic import Field

from esbench.policies.networks import Params
from esbench.policies.normalization import Moments
from esbench.population.objective import Objective
from esbench.settings import settings

ActionMode = Literal["sample", "greedy"]


class DeployedPolicy(struct.PyTreeNode):
    """What is scored: parameters, frozen statistics of what they are applied to (None: inputs as they are), and
    whether it answers with the most likely action or with a sample."""

    params: Params
    statistics: Moments | None = None
    action_mode: ActionMode = struct.field(pytree_node=False, default="greedy")


@settings
class Evolution:
    """How a strategy meets a problem; the same settings for every strategy.

    Attributes:
        n_parallel_evaluations: episodes (or other samples) a member's fitness is the mean of.
        deterministic_policy: whether actions are the distribution's mode, in training and when scored, instead of
            samples.
        normalize_observations: by the moments of all earlier generations' observations.
    """

    n_parallel_evaluations: Annotated[int, Field(ge=1)] = 1
    deterministic_policy: bool = False
    normalize_observations: bool = False


class Problem(Protocol):
    """What an algorithm is given: fresh parameters, an objective for a population, an evaluation of what is deployed.

    Methods are pure and traced. Where a task is a Problem of the user's own, its class may have the settings of a
    dataclass, and states `measure` (a `tasks.spec.Measure`) and `cost` (the unit of budgets, such as "examples").
    """

    def init_params(self, key: jax.Array) -> Params:
        """Fresh parameters, any pytree of arrays."""
        ...

    def objective(self, evolution: Evolution) -> Objective:
        """What a population is scored on. InputError where the problem has no use for one of the settings."""
        ...

    def evaluate(self, deployed: DeployedPolicy, key: jax.Array, size: int) -> dict[str, jax.Array]:
        """Scores of `size` independent samples by name, each float (size,); one is the task's measure."""
        ...


def require_defaults(evolution: Evolution, *names: str) -> None:
    """For a problem to which the settings `names` mean nothing: InputError where one of them is not its default."""
    from esbench.errors import InputError

    for name in names:
        value, default = getattr(evolution, name), getattr(Evolution(), name)
        if value != default:
            raise InputError(f"{name} = {value}: this problem has no use for it; expected {default}")


def is_problem(value: Any) -> bool:
    """Whether `value` has the methods of a Problem."""
    return all(callable(getattr(value, name, None)) for name in ("init_params", "objective", "evaluate"))
