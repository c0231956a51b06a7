"""What a network reads and gives, as JSON: with it a policy is rebuilt without its task."""

import math
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from esbench.policies.networks import ActionSpace, Params


def describe_spaces(observation_space: gymnasium.spaces.Box, action_space: ActionSpace) -> dict[str, Any]:
    """{"observation": {"shape": [n]}, "action": {"n": actions}}; of a Box the action is {"low": [...], "high": [...]},
    with None for "unbounded"."""
    if isinstance(action_space, gymnasium.spaces.Box):
        action = {"low": _bounds(action_space.low), "high": _bounds(action_space.high)}
    else:
        action = {"n": int(action_space.n)}
    return {"observation": {"shape": list(observation_space.shape)}, "action": action}


def spaces_from(spaces: Mapping[str, Any]) -> tuple[gymnasium.spaces.Box, ActionSpace]:
    """The observation space, unbounded, and the action space that `describe_spaces` gave `spaces` of."""
    action = spaces["action"]
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, tuple(spaces["observation"]["shape"]), np.float32)
    if "n" in action:
        return observation_space, gymnasium.spaces.Discrete(action["n"])
    low = np.array([-np.inf if bound is None else bound for bound in action["low"]], np.float32)
    high = np.array([np.inf if bound is None else bound for bound in action["high"]], np.float32)
    return observation_space, gymnasium.spaces.Box(low, high)


def spaces_of_mlp(params: Params, n_layers: int) -> dict[str, Any]:
    """The spaces of an MLP with these parameters, for runs that did not record them: a Box without bounds. KeyError or
    TypeError for parameters that are no MLP's."""
    layers = params["params"]["MLP_0"]
    actions = len(layers[f"Dense_{n_layers}"]["bias"])
    unbounded = {"low": [None] * actions, "high": [None] * actions}
    action = unbounded if "log_std" in params["params"] else {"n": actions}
    return {"observation": {"shape": [len(layers["Dense_0"]["kernel"])]}, "action": action}


def _bounds(values: np.ndarray) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
