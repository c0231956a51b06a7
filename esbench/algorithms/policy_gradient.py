"""What algorithms that follow a policy's gradient share: the clipped ratio, minibatches, a guarded step of Adam."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from esbench.algorithms.interface import StepCost
from esbench.errors import InputError
from esbench.policies.networks import Params
from esbench.problem import Problem
from esbench.rollout.problem import EpisodicProblem
from esbench.tasks.spec import TaskSpec

Networks = dict[str, Params]
"""Parameters by network."""
Training = tuple[Networks, optax.OptState]
Scalars = dict[str, jax.Array]
Loss = Callable[[Networks], tuple[jax.Array, Scalars]]
"""The loss, float32 (), and further scalars by name."""


def episodic(algorithm: str, problem: Problem, *methods: str) -> EpisodicProblem:
    """The problem, which has episodes and a policy whose distributions have these methods; InputError for another."""
    if not isinstance(problem, EpisodicProblem):
        raise InputError(
            f"{algorithm} needs an environment, and {type(problem).__name__} is none: expected an evolution strategy"
        )
    policy = problem.policy
    distribution = jax.eval_shape(
        lambda key: policy.apply(problem.init_params(key), policy.initial_carry(), problem.blank_observation)[1],
        jax.random.key(0),
    )
    if lacks := [method for method in methods if not callable(getattr(distribution, method, None))]:
        raise InputError(
            f"{algorithm} needs {' and '.join(methods)} of a policy's distributions, and the "
            f"{type(distribution).__name__} of {type(policy).__name__} lacks {' and '.join(lacks)}"
        )
    return problem


def cost_of_batch(batch: int, spec: TaskSpec) -> StepCost | None:
    """Of an update by `batch` episodes, played or demonstrated; None on a task without environment steps."""
    if spec.evaluation_cost is None:
        return None
    fewest, most = (batch * cost for cost in spec.evaluation_cost)
    return StepCost(fewest, most, {"batch": batch})


def adam() -> optax.GradientTransformation:
    """Adam without its step's length."""
    # One vector instead of a dozen leaves: small networks would spend their time on starting kernels.
    return optax.flatten(optax.scale_by_adam(eps=1e-5))


def clipped_gain(log_ratio: jax.Array, advantage: jax.Array, clip_eps: jax.Array | float) -> tuple[jax.Array, Scalars]:
    """PPO's gain of each action (Schulman et al. 2017, eq. 7), the less of the two of its ratio and of the ratio
    clipped to 1 +- clip_eps; and of each action `approx_kl` and `clip_fraction`, whose means tell how far the policy
    went.

    log_ratio: of the action's probability to that it was drawn with, float32 (rows,). advantage: as large.
    """
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1 - clip_eps, 1 + clip_eps)
    gain = jnp.minimum(ratio * advantage, clipped * advantage)
    return gain, {"approx_kl": ratio - 1 - log_ratio, "clip_fraction": ratio != clipped}


def descend(
    loss: Loss, training: Training, learning_rate: jax.Array | float, max_grad_norm: jax.Array | float
) -> tuple[Training, tuple[Scalars, jax.Array]]:
    """One step of Adam down `loss`: parameters and optimizer state after; the loss's scalars and `grad_norm`, and
    whether there was no step, bool (), since a number is not finite."""
    params, optimizer = training
    (value, scalars), gradients = jax.value_and_grad(loss, has_aux=True)(params)
    gradients, norm = clip_by_network(gradients, max_grad_norm)
    direction, moved = adam().update(gradients, optimizer)
    stepped = jax.tree.map(lambda p, d: p - learning_rate * d, params, direction)
    finite = jnp.isfinite(value) & jnp.isfinite(norm)
    training = jax.tree.map(lambda new, old: jnp.where(finite, new, old), (stepped, moved), (params, optimizer))
    return training, ({**scalars, "grad_norm": norm}, ~finite)


def over_minibatches(
    key: jax.Array,
    training: Training,
    step: Callable[[Training, jax.Array], tuple[Training, tuple[Scalars, jax.Array]]],
    rows: int,
    epochs: int,
    minibatches: int,
) -> tuple[Training, Scalars]:
    """`step(training, indices)`, as `descend` answers, with every one of `rows` in turn, `epochs` times, in equal
    minibatches drawn anew: what it leaves, the means of its scalars, and how many steps were none."""
    # One sort of random bits an epoch; jax.random.permutation sorts twice, a fifth of a small network's update.
    bits = jax.random.bits(key, (epochs, rows))
    order = jnp.argsort(bits, axis=-1, stable=False).reshape(-1, rows // minibatches)
    training, (scalars, skipped) = jax.lax.scan(step, training, order)
    means = {name: values.mean() for name, values in scalars.items()}
    return training, {**means, "nonfinite_updates": skipped.sum(dtype=jnp.int32)}


def clip_by_network(gradients: Networks, max_norm: jax.Array | float) -> tuple[Networks, jax.Array]:
    """Each network's gradient, scaled down to a global norm of at most `max_norm`; the norm of all of them before."""
    norms: dict[str, Any] = {name: optax.tree.norm(gradient) for name, gradient in gradients.items()}
    scales = {name: max_norm / jnp.maximum(norm, max_norm) for name, norm in norms.items()}
    clipped = {name: optax.tree.scale(scales[name], gradient) for name, gradient in gradients.items()}
    return clipped, optax.tree.norm(norms)
