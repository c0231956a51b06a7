"""Whether a policy fits a task, found out by tracing it: nothing is computed."""

from typing import Any

import gymnasium
import jax
import jax.numpy as jnp

from esbench.errors import InputError
from esbench.policies.distributions import Categorical
from esbench.policies.networks import ActionSpace


def check_policy(policy: Any, observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> None:
    """InputError, one line, where methods of `policy` are missing, its code raises, its memory changes shape, or its
    actions do not fit the task."""
    name = f"policy {type(policy).__name__}"
    lacks = [method for method in ("initial_carry", "init", "apply") if not callable(getattr(policy, method, None))]
    if lacks:
        raise InputError(
            f"{name} lacks {', '.join(lacks)}: expected a Flax module from (carry, observation) to (carry, "
            "distribution), with initial_carry()"
        )
    observation = jnp.zeros(observation_space.shape, jnp.float32)

    def act(key: jax.Array):
        carry = policy.initial_carry()
        answer = policy.apply(policy.init(key, carry, observation), carry, observation)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise InputError(f"{name} gives {_kind(answer)}: expected two values, the carry and a distribution")
        after, distribution = answer
        lacks = [method for method in ("sample", "mode") if not callable(getattr(distribution, method, None))]
        if lacks:
            raise InputError(
                f"{name} gives {_kind(distribution)}, which lacks {' and '.join(lacks)}: expected a distribution such "
                "as esbench.policies.distributions.Categorical"
            )
        if any(not isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(distribution)):
            raise InputError(
                f"{name} gives {_kind(distribution)}, which is no pytree of arrays: expected flax.struct.PyTreeNode as "
                "its base"
            )
        logits = distribution.logits if isinstance(distribution, Categorical) else None
        return carry, after, distribution.mode(), distribution.sample(key), logits

    try:
        before, after, mode, sample, logits = jax.eval_shape(act, jax.random.key(0))
    except InputError:
        raise
    except Exception as error:  # of the network's author
        said = " ".join(str(error).split())[:300]
        raise InputError(
            f"{name} cannot act on an observation of shape {observation.shape}: {type(error).__name__}: {said}"
        ) from error
    if _shapes(before) != _shapes(after):
        raise InputError(f"{name} changes its carry in a step: from {_shapes(before)} to {_shapes(after)}")
    expected, space = _expected(action_space)
    if logits is not None and isinstance(action_space, gymnasium.spaces.Discrete) and logits.shape != (action_space.n,):
        raise InputError(f"{name} gives logits of shape {logits.shape}: expected {(int(action_space.n),)} for {space}")
    for what, action in (("mode", mode), ("sample", sample)):
        if _shapes(action) != expected:
            raise InputError(f"{name} gives a {what} of {_shapes(action)}: expected {expected} for {space}")


def _expected(action_space: ActionSpace) -> tuple[str, str]:
    """The shape and type of actions, as `_shapes` writes them, and the space in words."""
    if isinstance(action_space, gymnasium.spaces.Box):
        return f"float32{list(action_space.shape)}", f"a Box of shape {action_space.shape}"
    return "int32[]", str(action_space)


def _shapes(tree: Any) -> str:
    """A pytree's structure with the shape and type of each leaf."""
    return str(jax.tree.map(lambda leaf: _Text(f"{leaf.dtype.name}{list(leaf.shape)}"), tree))


class _Text(str):
    __repr__ = str.__str__


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
