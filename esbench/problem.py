"""The seam between a task and everything that trains on it.

Episodes of an environment are one kind of problem (`rollout/`), the loss of a classifier or of a language model is
another. Algorithms, the runner, rows and reports know only what stands here.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, get_args

import jax
import numpy as np
from jax.core import Tracer
from pydantic import Field

from esbench.errors import InputError, unknown
from esbench.policies.networks import Params
from esbench.policies.normalization import Moments
from esbench.population.objective import Objective
from esbench.settings import Switch, settings

ActionMode = Literal["sample", "greedy"]


@jax.tree_util.register_pytree_node_class
@dataclass(frozen=True, init=False, eq=False)
class DeployedPolicy:
    """What is scored: an action mode is data, so that policies of both modes share one program.

    Attributes:
        params: of the policy.
        statistics: frozen, of what the policy is applied to; None, or of nothing (count 0): inputs as they are.
        greedy: bool (), whether it answers with the most likely action instead of a sample.
    """

    params: Params
    statistics: Moments | None
    greedy: jax.Array | np.ndarray

    def __init__(
        self,
        params: Params,
        statistics: Moments | None = None,
        action_mode: ActionMode | jax.Array | np.ndarray = "greedy",
    ):
        """action_mode: by its name, or whether it is greedy, bool () and maybe traced."""
        if isinstance(action_mode, str):
            if action_mode not in get_args(ActionMode):
                raise unknown("action mode", action_mode, get_args(ActionMode))
            action_mode = np.array(action_mode == "greedy")
        for name, value in {"params": params, "statistics": statistics, "greedy": action_mode}.items():
            object.__setattr__(self, name, value)

    @property
    def action_mode(self) -> ActionMode:
        """By its name, which a policy of traced values does not have."""
        return "greedy" if self.greedy else "sample"

    def replace(self, **changes: Any) -> "DeployedPolicy":
        """A copy with other values, named as they are given to the class."""
        values: dict[str, Any] = {"params": self.params, "statistics": self.statistics, "action_mode": self.greedy}
        return DeployedPolicy(**{**values, **changes})

    def tree_flatten(self):
        return (self.params, self.statistics, self.greedy), None

    @classmethod
    def tree_unflatten(cls, _, children):
        return cls(*children)


@settings
class Evolution:
    """How a strategy meets a problem; the same settings for every strategy.

    Attributes:
        n_parallel_evaluations: episodes (or other samples) a member's fitness is the mean of.
        deterministic_policy: whether actions are the distribution's mode, in training and when scored, instead of
            samples.
        normalize_observations: by the moments of all earlier generations' observations.
        common_episodes: whether all members of a generation play the same episodes, not only those of a pair.
    """

    n_parallel_evaluations: Annotated[int, Field(ge=1)] = 1
    deterministic_policy: Switch = False
    normalize_observations: Switch = False
    common_episodes: bool = False


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
    """For a problem to which the settings `names` mean nothing: InputError where one of them is not its default.

    A traced value is unknown; an algorithm is bound with its own values before any program is traced.
    """
    for name in names:
        value, default = getattr(evolution, name), getattr(Evolution(), name)
        if not isinstance(value, Tracer) and value != default:
            raise InputError(f"{name} = {value}: this problem has no use for it; expected {default}")


def is_problem(value: Any) -> bool:
    """Whether `value` has the methods of a Problem."""
    return all(callable(getattr(value, name, None)) for name in ("init_params", "objective", "evaluate"))
