"""Group-relative policy optimisation (Shao et al. 2024), as one pure update; the variant is named in `GRPO`."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from pydantic import Field, ValidationInfo, field_validator

from esbench.algorithms.interface import StepCost, StepMetrics
from esbench.algorithms.policy_gradient import adam, clipped_gain, cost_of_batch, descend, episodic, over_minibatches
from esbench.errors import InputError
from esbench.keys import stream
from esbench.policies.distributions import Distribution
from esbench.policies.networks import Carry, Params, Policy
from esbench.policies.normalization import Moments
from esbench.policies.sequence import over_sequence
from esbench.population.repeated import Attempts
from esbench.problem import DeployedPolicy, Problem
from esbench.rollout.episodes import Episodes, run_episodes
from esbench.rollout.lanes import Steps
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import settings
from esbench.tasks.spec import TaskSpec

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@settings
class GRPO:
    """Group-relative policy optimisation: PPO's clipped ratio without a critic, for policies with memory or without.

    An update plays `batch` episodes, `group` of them from each beginning, with actions drawn anew in each. The
    advantage of all actions of an episode is its return minus its group's mean, over the standard deviation of all
    returns of the batch. The loss is the mean over a minibatch's actions, those without effect apart (long answers
    count for more than short ones). There is no divergence from a reference, and no reward for entropy. Probabilities
    of what was drawn are those of the rollout itself.

    batch: episodes of an update. group: of one beginning, a prompt. num_minibatches: of a pass. num_epochs: passes over
    an update's episodes. clip_eps: the most a probability ratio counts from 1. learning_rate: of Adam. max_grad_norm:
    of the gradient. temperature: above 1 for bolder draws in training.
    """

    batch: Count = 64
    # After batch, which their validator reads.
    group: Annotated[int, Field(ge=2, validate_default=True)] = 8
    num_minibatches: Annotated[Count, Field(validate_default=True)] = 4
    num_epochs: Count = 1
    clip_eps: Positive = 0.2
    learning_rate: Positive = 3e-4
    max_grad_norm: Positive = 1.0
    temperature: Positive = 1.0

    @field_validator("group", "num_minibatches")
    @classmethod
    def _divides_the_batch(cls, value: int, info: ValidationInfo) -> int:
        if "batch" in info.data and info.data["batch"] % value:
            raise ValueError(f"batch = {info.data['batch']} must be a multiple of it")
        return value

    def bind(self, problem: Problem) -> "GRPOLearner":
        """InputError for a problem without episodes or without a cap of their steps, and for a policy whose
        distributions lack what is needed."""
        problem = episodic("GRPO", problem, "log_prob", "entropy", "tempered")
        cap = getattr(problem.environment, "max_episode_steps", None)
        if cap is None:
            raise InputError(
                f"GRPO keeps whole episodes, and {type(problem.environment).__name__} states no cap of their steps: "
                "expected an attribute max_episode_steps"
            )
        return GRPOLearner(self, problem, cap)

    def step_cost(self, spec: TaskSpec, problem: Mapping[str, Any]) -> StepCost | None:
        """Of an update."""
        return cost_of_batch(self.batch, spec)


@dataclass(frozen=True)
class Tempered:
    """A policy that draws at a temperature; its parameters are the policy's, and that."""

    policy: Policy

    def initial_carry(self) -> Carry:
        return self.policy.initial_carry()

    def apply(self, params: Any, carry: Carry, observation: jax.Array) -> tuple[Carry, Distribution]:
        own, temperature = params
        carry, distribution = self.policy.apply(own, carry, observation)
        return carry, distribution.tempered(temperature)  # ty: ignore[missing-attribute] `bind` has seen to it


class GRPOState(struct.PyTreeNode):
    """Everything an update needs and changes.

    key: the run's training stream. updates: int32 (), how many were made. params: of the one network, `actor`.
    statistics: of the observations of a start; of nothing, which leaves them as they are, without one.
    """

    settings: GRPO
    key: jax.Array
    updates: jax.Array
    params: dict[str, Params]
    optimizer: optax.OptState
    statistics: Moments


class Batch(NamedTuple):
    """What the loss is computed on; leaves (episodes, ...). advantage: float32 (episodes,)."""

    steps: Steps
    advantage: jax.Array


def group_advantages(returns: jax.Array) -> jax.Array:
    """Advantages of episodes, float32 (group, groups), from their returns, of that shape: an episode's own less its
    group's mean, over the standard deviation of all."""
    return (returns - returns.mean(0)) / (returns.std() + 1e-8)


@dataclass(frozen=True)
class GRPOLearner:
    """GRPO on one problem. cap: steps of an episode at most."""

    algorithm: GRPO
    problem: EpisodicProblem
    cap: int

    def init(self, key: jax.Array) -> GRPOState:
        params = {"actor": self.problem.init_params(stream(stream(key, "init"), "policy"))}
        return GRPOState(
            settings=jax.tree.map(jnp.float32, self.algorithm),
            key=stream(key, "train"),
            updates=jnp.int32(0),
            params=params,
            optimizer=adam().init(params),
            statistics=self.problem.first_statistics,
        )

    def step(self, state: GRPOState) -> tuple[GRPOState, StepMetrics]:
        """One update: episodes, advantages, epochs of minibatches."""
        key = jax.random.fold_in(state.key, state.updates)
        return self.learnt(key, state, self.rollout(stream(key, "rollout"), state))

    def learnt(self, key: jax.Array, state: GRPOState, played: Episodes) -> tuple[GRPOState, StepMetrics]:
        """`step` after its rollout."""
        batch = self.batch(played)
        (params, optimizer), losses = self._optimize(stream(key, "minibatches"), state, batch)
        useful, acted = played.lengths.sum(), batch.steps.acts.sum()
        passes = self.algorithm.num_epochs * self.algorithm.batch * self.cap
        metrics = StepMetrics(
            useful_steps=played.lengths,
            computed_steps=played.computed_steps,
            sequential_steps=played.lengths.max(),
            training={
                **losses,
                "episode_return": played.returns.mean(),
                "equal_groups": (played.returns == played.returns[0]).all(0).mean(),
                "generated_steps": acted,
                "prompt_steps": useful - acted,
                "forward_passes": played.computed_steps.sum() + passes,
                "backward_passes": jnp.int32(passes),
                "learning_rate": jnp.asarray(state.settings.learning_rate),
                "nonfinite_observations": played.nonfinite_observations,
            },
        )
        return state.replace(updates=state.updates + 1, params=params, optimizer=optimizer), metrics

    def deployed(self, state: GRPOState) -> DeployedPolicy:
        """The policy; it samples its actions, as it did in training."""
        return DeployedPolicy(state.params["actor"], state.statistics, "sample")

    def rollout(self, key: jax.Array, state: GRPOState) -> Episodes:
        """(group, batch / group) episodes, those of a group all from one beginning, with their steps."""
        return run_episodes(
            replace(self.problem, policy=Tempered(self.problem.policy)),
            Attempts((state.params["actor"], state.settings.temperature), size=self.algorithm.group),
            key,
            episodes=self.algorithm.batch // self.algorithm.group,
            greedy=jnp.bool_(False),
            statistics=state.statistics,
            record=self.cap,
        )

    def batch(self, played: Episodes) -> Batch:
        """The episodes of a rollout, one row each."""
        assert played.steps is not None  # `rollout` asks for them
        batch = Batch(played.steps, group_advantages(played.returns))
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batch)

    def distributions(self, params: Params, state: GRPOState, observations: jax.Array) -> Distribution:
        """What actions were drawn from, of whole episodes, (episodes, steps, n), by a policy of these parameters."""
        normal = state.statistics.normalize(observations)
        return over_sequence(self.problem.policy, params, normal).tempered(state.settings.temperature)  # ty: ignore[missing-attribute]

    def loss(self, params: dict[str, Params], state: GRPOState, batch: Batch) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The mean loss of the actions that had an effect, float32 (), and scalars to be recorded."""
        steps = batch.steps
        distribution = self.distributions(params["actor"], state, steps.observation)
        of_step = jax.vmap(jax.vmap(lambda one, action: (one.log_prob(action), one.entropy())))
        log_prob, entropy = of_step(distribution, steps.action)
        log_ratio = jnp.where(steps.acts, log_prob - steps.log_prob, 0)
        gain, change = clipped_gain(log_ratio, batch.advantage[:, None], state.settings.clip_eps)

        def mean(values: jax.Array) -> jax.Array:
            return (values * steps.acts).sum() / jnp.maximum(steps.acts.sum(), 1)

        policy_loss = -mean(gain)
        scalars = {"policy_loss": policy_loss, "entropy": mean(entropy)}
        return policy_loss, scalars | {name: mean(values) for name, values in change.items()}

    def _optimize(self, key: jax.Array, state: GRPOState, batch: Batch):
        """Parameters and optimizer state after all minibatches, and the mean of the losses over them."""

        def minibatch(training, indices):
            sample = jax.tree.map(lambda leaf: leaf[indices], batch)
            loss = functools.partial(self.loss, state=state, batch=sample)
            return descend(loss, training, state.settings.learning_rate, state.settings.max_grad_norm)

        number, epochs, minibatches = self.algorithm.batch, self.algorithm.num_epochs, self.algorithm.num_minibatches
        return over_minibatches(key, (state.params, state.optimizer), minibatch, number, epochs, minibatches)
