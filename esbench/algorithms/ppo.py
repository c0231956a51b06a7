"""Proximal policy optimisation (Schulman et al. 2017), as one pure update."""

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from pydantic import Field, ValidationInfo, field_validator

from esbench.algorithms.interface import StepCost, StepMetrics
from esbench.algorithms.policy_gradient import adam, clipped_gain, descend, episodic, over_minibatches
from esbench.errors import InputError
from esbench.keys import stream
from esbench.policies.mlp import MLP, Perceptron
from esbench.policies.networks import Params
from esbench.policies.normalization import Moments
from esbench.problem import DeployedPolicy, Problem
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import Switch, settings
from esbench.tasks.environment import Environment, State, reset_rows
from esbench.tasks.spec import TaskSpec

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

# Episodes that end on the same step are reset this many at a time.
RESET_BLOCK = 8


@settings
class PPO:
    """Proximal policy optimisation with a critic of the policy's shape; settings named as in the EGGROLL paper.

    One update plays `num_steps` steps in each of `num_envs` environments, then makes `num_epochs` passes over them in
    `num_minibatches` minibatches. Rewards are not normalized, and returns may be of any size. So `max_grad_norm` bounds
    the global norm of the policy's gradient and that of the critic's, each by itself. `clip_eps` bounds a value's
    change in standard deviations of the update's targets.

    clip_eps: the most a probability ratio counts from 1. ent_coef, vf_coef: weights of the entropy and of the critic's
    loss. gae_lambda: of generalised advantage estimation. gamma: discount a step. learning_rate: of Adam.
    max_grad_norm: of the policy's gradient, and of the critic's. num_envs: environments of a rollout. num_steps: steps
    in each of them. num_epochs: passes over a rollout. num_minibatches: of a pass. normalize_observations: by the
    moments of all earlier updates' observations.
    """

    clip_eps: Positive = 0.2
    ent_coef: Weight = 0.001
    gae_lambda: Fraction = 0.95
    gamma: Fraction = 0.99
    learning_rate: Positive = 3e-4
    max_grad_norm: Positive = 0.5
    vf_coef: Weight = 0.5
    num_envs: Count = 64
    num_steps: Count = 128
    num_epochs: Count = 4
    # After num_envs and num_steps, which its validator reads.
    num_minibatches: Annotated[Count, Field(validate_default=True)] = 16
    normalize_observations: Switch = True

    @field_validator("num_minibatches")
    @classmethod
    def _divides_the_batch(cls, value: int, info: ValidationInfo) -> int:
        if {"num_envs", "num_steps"} <= info.data.keys():
            batch = info.data["num_envs"] * info.data["num_steps"]
            if batch % value:
                raise ValueError(f"num_envs * num_steps = {batch} must be a multiple of it")
        return value

    def bind(self, problem: Problem) -> "PPOLearner":
        """The learner for a memoryless policy whose distributions have a density and an entropy; InputError for
        another, and for a problem without episodes."""
        problem = episodic("PPO", problem, "log_prob", "entropy")
        policy = problem.policy
        if jax.tree.leaves(policy.initial_carry()):
            raise InputError(f"PPO trains memoryless policies only, and {type(policy).__name__} carries memory")
        # A policy that does not say what its critic is gets the suite's own network.
        critic = getattr(policy, "critic", None)
        return PPOLearner(self, problem, critic() if critic else Perceptron(**asdict(MLP()), outputs=1))

    def step_cost(self, spec: TaskSpec, problem: Mapping[str, Any]) -> StepCost | None:
        """Of an update: a whole rollout; None on a task without environment steps."""
        if spec.evaluation_cost is None:
            return None
        steps = self.num_envs * self.num_steps
        return StepCost(steps, steps, {"num_envs": self.num_envs, "num_steps": self.num_steps})


class PPOState(struct.PyTreeNode):
    """Everything an update needs and changes.

    key: the run's training stream. updates: int32 (), how many were made. params: of `actor` and `critic`.
    statistics: of all observations of earlier updates; where observations are not normalized, of nothing or a start's.
    environments, observations (num_envs, n): the episodes under way. returns (num_envs,): their rewards so far.
    """

    settings: PPO
    key: jax.Array
    updates: jax.Array
    params: dict[str, Params]
    optimizer: optax.OptState
    statistics: Moments
    environments: State
    observations: jax.Array
    returns: jax.Array


class Steps(NamedTuple):
    """What a rollout recorded; leaves (num_steps, num_envs, ...).

    observation: as the environment gave it. action: as sampled, before any clipping to the box. log_prob: of that
    action. following: the value of the true last observation where the episode was truncated, else 0.
    episode_return: of the episode so far, this step included.
    """

    observation: jax.Array
    action: jax.Array
    log_prob: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    following: jax.Array
    episode_return: jax.Array


class Batch(NamedTuple):
    """What the loss is computed on; leaves (rows, ...)."""

    observation: jax.Array
    action: jax.Array
    log_prob: jax.Array
    value: jax.Array
    advantage: jax.Array
    target: jax.Array


def generalized_advantages(
    reward: jax.Array,
    value: jax.Array,
    following: jax.Array,
    terminated: jax.Array,
    truncated: jax.Array,
    gamma: jax.Array | float,
    gae_lambda: jax.Array | float,
) -> jax.Array:
    """Generalised advantage estimates (Schulman et al. 2016), float32 (steps, n), from arrays of that shape.

    value: of each step's observation. following: of the true observation after it. It counts after a truncation and
    not after a termination; the trace stops at either.
    """
    surprise = reward + gamma * jnp.where(terminated, 0, following) - value
    decay = gamma * gae_lambda * ~(terminated | truncated)

    def backwards(advantage, step):
        surprise, decay = step
        advantage = surprise + decay * advantage
        return advantage, advantage

    return jax.lax.scan(backwards, jnp.zeros_like(surprise[0]), (surprise, decay), reverse=True)[1]


@dataclass(frozen=True)
class PPOLearner:
    """PPO on one problem."""

    algorithm: PPO
    problem: EpisodicProblem
    critic: nn.Module

    def init(self, key: jax.Array) -> PPOState:
        """Fresh networks and episodes; `key` is the run's."""
        actor_key, critic_key, reset_key = jax.random.split(stream(key, "init"), 3)
        observation = self.problem.blank_observation
        params = {"actor": self.problem.init_params(actor_key), "critic": self.critic.init(critic_key, observation)}
        reset_keys = jax.random.split(reset_key, self.algorithm.num_envs)
        environments, observations = jax.vmap(self.problem.environment.reset)(reset_keys)
        return PPOState(
            settings=jax.tree.map(jnp.float32, self.algorithm),
            key=stream(key, "train"),
            updates=jnp.int32(0),
            params=params,
            optimizer=adam().init(params),
            statistics=self.problem.first_statistics,
            environments=environments,
            observations=observations,
            returns=jnp.zeros(self.algorithm.num_envs),
        )

    def step(self, state: PPOState) -> tuple[PPOState, StepMetrics]:
        """One update: a rollout, advantages, epochs of minibatches, new statistics."""
        key = jax.random.fold_in(state.key, state.updates)
        played, steps = self._rollout(stream(key, "rollout"), state)
        batch = self._batch(state, steps, played.observations)
        (params, optimizer), losses = self._optimize(stream(key, "minibatches"), state, batch)
        seen = jnp.full(len(batch.observation), state.settings.normalize_observations, bool)
        statistics = state.statistics.merge(Moments.of(batch.observation, seen))
        ended = steps.terminated | steps.truncated
        count = jnp.int32(steps.reward.size)
        metrics = StepMetrics(
            useful_steps=count,
            computed_steps=count,
            sequential_steps=jnp.int32(self.algorithm.num_steps),
            training={
                **losses,
                "episode_return": jnp.mean(steps.episode_return, where=ended),
                "learning_rate": jnp.asarray(state.settings.learning_rate),
            },
        )
        state = played.replace(updates=state.updates + 1, params=params, optimizer=optimizer, statistics=statistics)
        return state, metrics

    def deployed(self, state: PPOState) -> DeployedPolicy:
        """The actor with the statistics seen so far; it samples its actions, as it did in training."""
        return DeployedPolicy(state.params["actor"], state.statistics, "sample")

    def values(self, state: PPOState, observations: jax.Array) -> jax.Array:
        """The critic's values of raw observations: float32 (...) from (..., n)."""
        return self._values(state.params["critic"], state.statistics, observations)

    def _distribution(self, params: Params, statistics: Moments, observation: jax.Array):
        policy = self.problem.policy
        return policy.apply(params, policy.initial_carry(), statistics.normalize(observation))[1]

    def _values(self, params: Params, statistics: Moments, observations: jax.Array) -> jax.Array:
        rows = statistics.normalize(observations).reshape(-1, observations.shape[-1])
        values = jax.vmap(lambda observation: self.critic.apply(params, observation)[0])(rows)
        return values.reshape(observations.shape[:-1])

    def _rollout(self, key: jax.Array, state: PPOState) -> tuple[PPOState, Steps]:
        """`num_steps` steps of every environment; `state` with the episodes that are then under way."""
        environment, shape = self.problem.environment, (self.algorithm.num_steps, self.algorithm.num_envs)
        params, statistics = state.params, state.statistics

        def act(key, observation):
            distribution = self._distribution(params["actor"], statistics, observation)
            action = distribution.sample(key)
            return action, distribution.log_prob(action)

        def play(carry, keys):
            environments, observations, returns = carry
            environment_keys, action_keys, reset_key = keys
            actions, log_probs = jax.vmap(act)(action_keys, observations)
            environments, transition = jax.vmap(self.problem.step)(environment_keys, environments, actions)
            returns = returns + transition.reward
            following = jax.lax.cond(
                transition.truncated.any(),
                lambda: self.values(state, transition.obs),
                lambda: jnp.zeros_like(returns),
            )
            step = Steps(
                observations,
                actions,
                log_probs,
                transition.reward,
                transition.terminated,
                transition.truncated,
                following,
                returns,
            )
            ended = transition.terminated | transition.truncated
            environments, observations = _reset(environment, reset_key, ended, environments, transition.obs)
            return (environments, observations, jnp.where(ended, 0, returns)), step

        keys = (
            jax.random.split(stream(key, "environment"), shape),
            jax.random.split(stream(key, "action"), shape),
            jax.random.split(stream(key, "reset"), shape[0]),
        )
        carry, steps = jax.lax.scan(play, (state.environments, state.observations, state.returns), keys)
        environments, observations, returns = carry
        return state.replace(environments=environments, observations=observations, returns=returns), steps

    def _batch(self, state: PPOState, steps: Steps, observations: jax.Array) -> Batch:
        """The steps with values, advantages and targets, one row each; `observations` came after the last step."""
        value = self.values(state, steps.observation)
        last = self.values(state, observations)
        following = jnp.where(steps.truncated, steps.following, jnp.concatenate([value[1:], last[None]]))
        advantage = generalized_advantages(
            steps.reward,
            value,
            following,
            steps.terminated,
            steps.truncated,
            state.settings.gamma,
            state.settings.gae_lambda,
        )
        batch = Batch(steps.observation, steps.action, steps.log_prob, value, advantage, advantage + value)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), batch)

    def _optimize(self, key: jax.Array, state: PPOState, batch: Batch):
        """Parameters and optimizer state after all minibatches, and the mean of the losses over them."""
        rows = batch.value.size
        value_clip = state.settings.clip_eps * jnp.std(batch.target, where=jnp.isfinite(batch.target))

        def minibatch(training, indices):
            sample = jax.tree.map(lambda x: x[indices], batch)
            loss = functools.partial(self._loss, state=state, batch=sample, value_clip=value_clip)
            return descend(loss, training, state.settings.learning_rate, state.settings.max_grad_norm)

        epochs, minibatches = self.algorithm.num_epochs, self.algorithm.num_minibatches
        return over_minibatches(key, (state.params, state.optimizer), minibatch, rows, epochs, minibatches)

    def _loss(self, params, state: PPOState, batch: Batch, value_clip: jax.Array):
        clip_eps, vf_coef, ent_coef = state.settings.clip_eps, state.settings.vf_coef, state.settings.ent_coef

        def likelihood(observation, action):
            distribution = self._distribution(params["actor"], state.statistics, observation)
            return distribution.log_prob(action), distribution.entropy()

        log_prob, entropy = jax.vmap(likelihood)(batch.observation, batch.action)
        advantage = (batch.advantage - batch.advantage.mean()) / (batch.advantage.std() + 1e-8)
        gain, change = clipped_gain(log_prob - batch.log_prob, advantage, clip_eps)
        policy_loss = -gain.mean()

        value = self._values(params["critic"], state.statistics, batch.observation)
        clipped_value = batch.value + jnp.clip(value - batch.value, -value_clip, value_clip)
        value_loss = 0.5 * jnp.maximum((value - batch.target) ** 2, (clipped_value - batch.target) ** 2).mean()

        loss = policy_loss + vf_coef * value_loss - ent_coef * entropy.mean()
        return loss, {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy.mean(),
            **{name: values.mean() for name, values in change.items()},
        }


def _reset(
    environment: Environment, key: jax.Array, ended: jax.Array, environments: State, observations: jax.Array
) -> tuple[State, jax.Array]:
    """Fresh episodes in the lanes that `ended`. The other lanes cost nothing: a reset can be dearer than many steps."""
    lanes = ended.size
    keys = jax.random.split(key, lanes)

    def fill(carry):
        pending, *current = carry
        _, chosen = jax.lax.top_k(pending.astype(jnp.int32), min(RESET_BLOCK, lanes))
        target = jnp.where(pending[chosen], chosen, lanes)  # beyond the last lane: dropped
        fresh = reset_rows(environment, keys[chosen], pending[chosen])
        current = jax.tree.map(lambda old, new: old.at[target].set(new, mode="drop"), tuple(current), fresh)
        return pending.at[target].set(False, mode="drop"), *current

    carry = (ended, environments, observations)
    _, environments, observations = jax.lax.while_loop(lambda carry: carry[0].any(), fill, carry)
    return environments, observations
