"""A trained policy, to be used anywhere. It needs neither task nor suite; the author's code is loaded only when
asked."""

import functools
import os
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp

from esbench.errors import InputError
from esbench.jax_switches import pinned
from esbench.policies.networks import Carry, Policy
from esbench.policies.registry import network_from
from esbench.policies.spaces import spaces_from, spaces_of_mlp
from esbench.problem import DeployedPolicy
from esbench.results.run_directory import RunDirectory
from esbench.results.trained_text import TrainedText
from esbench.tasks.text.specs import TEXT


class TrainedPolicy:
    """Actions for observations.

    Without memory, `policy(observation)` is the action. With memory, the caller keeps it:

        carry = policy.initial_carry()
        action, carry = policy.step(observation, carry)

    Attributes:
        deployed: the parameters, the frozen observation statistics and `action_mode`, how the policy acts when it is
            scored.
        policy: the network for the task's spaces.
        observation_space: the task's, of shape (n,).
    """

    def __init__(self, deployed: DeployedPolicy, policy: Policy, observation_space: gymnasium.spaces.Box):
        self.deployed = deployed
        self.policy = policy
        self.observation_space = observation_space

    def __call__(self, observation: Any, key: jax.Array | None = None) -> jax.Array:
        """The most likely action for `observation`, or a sampled one where a key is given.

        Args:
            observation: float32 (n,), or (k, n) for k of them.
            key: a typed PRNG key ().

        Returns:
            int32 () of a discrete policy, float32 (actions,) of a continuous one, which may lie outside the task's
                box: a task's own steps clip it. For k observations k actions, sampled independently.

        Raises:
            InputError: for another shape, and for a policy with memory.
        """
        if jax.tree.leaves(self.initial_carry()):
            raise InputError(
                "this policy has memory: expected action, carry = policy.step(observation, carry), from "
                "policy.initial_carry() on"
            )
        return self.step(observation, self.initial_carry(), key)[0]

    @pinned()
    def initial_carry(self, k: int | None = None) -> Carry:
        """The memory at an episode's begin, `()` for a policy without any; for k episodes side by side, with an axis
        of k in front."""
        carry = self.policy.initial_carry()
        return carry if k is None else jax.tree.map(lambda x: jnp.broadcast_to(x, (k, *jnp.shape(x))), carry)

    @pinned()
    def step(self, observation: Any, carry: Carry, key: jax.Array | None = None) -> tuple[jax.Array, Carry]:
        """The action for `observation`, as a call gives it, and the memory after it.

        Args:
            observation: as a call takes it.
            carry: what `initial_carry()` or the step before gave; for observations (k, n) that of k episodes,
                `initial_carry(k)` at first.
            key: a typed PRNG key (); the most likely action where None.

        Raises:
            InputError: where the shapes do not fit.
        """
        observation, (size,) = jnp.asarray(observation, jnp.float32), self.observation_space.shape
        if observation.ndim not in (1, 2) or observation.shape[-1] != size:
            raise InputError(
                f"observation of shape {observation.shape}: expected ({size},), or (k, {size}) for k of them"
            )
        expected = self.initial_carry(None if observation.ndim == 1 else len(observation))
        if jax.tree.map(jnp.shape, carry) != jax.tree.map(jnp.shape, expected):
            which = "initial_carry()" if observation.ndim == 1 else f"initial_carry({len(observation)})"
            raise InputError(f"a carry that does not fit the observation: expected one such as {which} gives")
        return self._step(observation, carry, key)

    @functools.cached_property
    def _step(self) -> Any:
        def one(observation: jax.Array, carry: Carry, key: jax.Array | None) -> tuple[jax.Array, Carry]:
            statistics = self.deployed.statistics
            seen = observation if statistics is None else statistics.normalize(observation)
            carry, distribution = self.policy.apply(self.deployed.params, carry, seen)
            return (distribution.mode() if key is None else distribution.sample(key)), carry

        def step(observation: jax.Array, carry: Carry, key: jax.Array | None) -> tuple[jax.Array, Carry]:
            if observation.ndim == 1:
                return one(observation, carry, key)
            keys = None if key is None else jax.random.split(key, len(observation))
            return jax.vmap(one)(observation, carry, keys)

        return jax.jit(step)


@pinned()
def load_policy(run: str | os.PathLike[str], policy: Any = None) -> TrainedPolicy | TrainedText:
    """The deployed policy of a run: at its score, or as far as an unfinished run has come. Of a language model a
    function that goes on with a prompt.

    Args:
        run: the run's directory.
        policy: the run's network where it is of the user's own: `path/to/file.py:NAME` or the object. None for a
            built-in one.

    Raises:
        InputError: where there is no run, its policy is missing or damaged, or the network is another.
    """
    directory = RunDirectory.open(run)
    if directory.manifest.task["suite"] == TEXT:
        return TrainedText.of(directory)
    deployed, record = directory.load_policy(), directory.manifest.policy
    if not record:
        raise InputError(f"{directory.path}: its problem brings its own network; there is no policy")
    network, spaces = network_from(record, policy), directory.manifest.spaces
    try:
        observation_space, action_space = spaces_from(spaces or spaces_of_mlp(deployed.params, record["n_layers"]))
        made = network.bind(observation_space, action_space)
        observation = jnp.zeros(observation_space.shape, jnp.float32)
        expected = jax.eval_shape(lambda key: made.init(key, made.initial_carry(), observation), jax.random.key(0))
        fits = jax.tree.map(jnp.shape, expected) == jax.tree.map(jnp.shape, deployed.params)
    except (KeyError, TypeError):
        fits = False
    if not fits:
        raise InputError(f"{directory.path}: its policy is no {network.name} of the settings in its manifest")
    return TrainedPolicy(deployed, made, observation_space)
