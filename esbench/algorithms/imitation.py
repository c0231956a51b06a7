"""Imitation of right answers: what a policy is begun with that learns from rewards afterwards."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from pydantic import Field

from esbench.algorithms.interface import StepCost, StepMetrics
from esbench.algorithms.policy_gradient import adam, cost_of_batch, descend, episodic
from esbench.errors import InputError
from esbench.keys import stream
from esbench.policies.networks import Params
from esbench.policies.normalization import Moments
from esbench.policies.sequence import over_sequence
from esbench.problem import DeployedPolicy, Problem
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import settings
from esbench.tasks.environment import Demonstration
from esbench.tasks.spec import TaskSpec

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@settings
class Imitation:
    """Imitation of demonstrations that the environment draws: Adam down the cross entropy of what they do.

    The loss is the mean over a batch's actions, those without effect apart. Useful steps are those of the
    demonstrations up to their last such action. The run's policy.npz is what others may `start` from.

    batch: demonstrations of an update. learning_rate: of Adam. lr_decay: a factor per update. max_grad_norm: of the
    gradient.
    """

    batch: Annotated[int, Field(ge=1)] = 128
    learning_rate: Positive = 3e-3
    lr_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_grad_norm: Positive = 1.0

    def bind(self, problem: Problem) -> "ImitationLearner":
        """InputError for a problem without episodes, an environment without demonstrations, and a policy whose
        distributions have no density."""
        problem = episodic("imitation", problem, "log_prob")
        if not callable(getattr(problem.environment, "demonstration", None)):
            raise InputError(
                "imitation needs demonstrations, and this task's environment has none: expected a method "
                "demonstration(key), or another algorithm"
            )
        return ImitationLearner(self, problem)

    def step_cost(self, spec: TaskSpec, problem: Mapping[str, Any]) -> StepCost | None:
        """Of an update."""
        return cost_of_batch(self.batch, spec)


class ImitationState(struct.PyTreeNode):
    """key: the run's training stream. updates: int32 (), how many were made. params: of the one network, `actor`.
    learning_rate: float32 (), decayed once an update. statistics: of the observations of a start; of nothing, which
    leaves them as they are, without one."""

    settings: Imitation
    key: jax.Array
    updates: jax.Array
    params: dict[str, Params]
    optimizer: optax.OptState
    learning_rate: jax.Array
    statistics: Moments


@dataclass(frozen=True)
class ImitationLearner:
    """A learner: one step is one gradient of fresh demonstrations."""

    algorithm: Imitation
    problem: EpisodicProblem

    def init(self, key: jax.Array) -> ImitationState:
        params = {"actor": self.problem.init_params(stream(stream(key, "init"), "policy"))}
        numbers = jax.tree.map(jnp.float32, self.algorithm)
        return ImitationState(
            settings=numbers,
            key=stream(key, "train"),
            updates=jnp.int32(0),
            params=params,
            optimizer=adam().init(params),
            learning_rate=numbers.learning_rate,
            statistics=self.problem.first_statistics,
        )

    def step(self, state: ImitationState) -> tuple[ImitationState, StepMetrics]:
        shown = self.demonstrations(jax.random.fold_in(state.key, state.updates))
        (params, optimizer), (scalars, skipped) = descend(
            functools.partial(self.loss, statistics=state.statistics, shown=shown),
            (state.params, state.optimizer),
            state.learning_rate,
            state.settings.max_grad_norm,
        )
        count, length = shown.counted.shape
        lengths = jnp.max(shown.counted * jnp.arange(1, length + 1), 1)
        metrics = StepMetrics(
            useful_steps=lengths,
            computed_steps=jnp.int32(count * length),
            sequential_steps=lengths.max(),
            training={**scalars, "nonfinite_updates": skipped, "learning_rate": state.learning_rate},
        )
        state = state.replace(
            updates=state.updates + 1,
            params=params,
            optimizer=optimizer,
            learning_rate=state.learning_rate * state.settings.lr_decay,
        )
        return state, metrics

    def deployed(self, state: ImitationState) -> DeployedPolicy:
        """The policy; it samples its actions, whose distribution is what it learns."""
        return DeployedPolicy(state.params["actor"], state.statistics, "sample")

    def demonstrations(self, key: jax.Array) -> Demonstration:
        """A batch of them, leaves (batch, steps, ...)."""
        draw = self.problem.environment.demonstration  # ty: ignore[missing-attribute] `bind` has seen to it
        return jax.vmap(draw)(jax.random.split(key, self.algorithm.batch))

    def loss(
        self, params: dict[str, Params], statistics: Moments, shown: Demonstration
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The mean cross entropy of the actions that had an effect, in nats, float32 (); and the share of these that
        the policy finds the most likely ones."""
        distribution = over_sequence(self.problem.policy, params["actor"], statistics.normalize(shown.observations))
        of_step = jax.vmap(jax.vmap(lambda one, action: (one.log_prob(action), (one.mode() == action).all())))
        log_prob, agrees = of_step(distribution, shown.actions)
        counted = jnp.maximum(shown.counted.sum(), 1)
        loss = -jnp.where(shown.counted, log_prob, 0).sum() / counted
        return loss, {"loss": loss, "accuracy": (agrees & shown.counted).sum() / counted}
