"""What a run begins from instead of fresh parameters: a policy file that another run left."""

import hashlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from esbench.errors import InputError
from esbench.policies.normalization import Moments
from esbench.problem import DeployedPolicy
from esbench.results.policy_file import load_policy
from esbench.rollout.setup import Setup


def digest(file: str | Path, expected: str | None = None) -> str:
    """sha256 of a start file, in hexadecimal. InputError where it cannot be read, or is not the `expected` one."""
    try:
        found = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"start {file}: {error.strerror}: expected a policy file, such as RUN/policy.npz") from error
    if expected not in (None, found):
        raise InputError(f"start {file} has the sha256 {found}: expected {expected}")
    return found


def read_start(file: str | Path, sha256: str, setup: Setup) -> DeployedPolicy:
    """The policy in a start file, for the network and the observations of `setup`.

    InputError for another digest, for what is no policy file, for parameters of another network, and for numbers that
    are not finite.
    """
    digest(file, sha256)
    found = load_policy(Path(file))
    like = jax.eval_shape(setup.init_params, jax.random.key(0))
    expected, given = _described(like), _described(found.params)
    for name in expected | given:
        one, other = given.get(name, "nothing"), expected.get(name, "nothing")
        if one != other:
            raise InputError(
                f"start {file}: {name} is {one}: this network for this task has {other}; expected a policy file of it"
            )
    size = setup.blank_observation.size
    if found.statistics is not None and np.shape(found.statistics.mean) != (size,):
        raise InputError(f"start {file}: its statistics are not of observations of {size} numbers, as this task's are")
    for name, leaf in _leaves((found.params, found.statistics)).items():
        if not np.isfinite(leaf).all():
            raise InputError(f"start {file}: {name} holds a number that is not finite")
    params = jax.tree.unflatten(jax.tree.structure(like), map(jnp.asarray, jax.tree.leaves(found.params)))
    statistics = None if found.statistics is None else Moments(*map(jnp.asarray, jax.tree.leaves(found.statistics)))
    return found.replace(params=params, statistics=statistics)


def _leaves(tree: Any) -> dict[str, Any]:
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in jax.tree.leaves_with_path(tree)
    }


def _described(params: Any) -> dict[str, str]:
    return {name: f"{leaf.dtype}{list(leaf.shape)}" for name, leaf in _leaves(params).items()}
