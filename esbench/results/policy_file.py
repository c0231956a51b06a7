"""A deployed policy as one NumPy archive without pickles: parameters by path, statistics, action mode."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esbench.errors import InputError
from esbench.results.files import replacing

if TYPE_CHECKING:  # reading rows must not load JAX
    from esbench.problem import DeployedPolicy

PARAMETERS = "parameters"
STATISTICS = "statistics"
ACTION_MODE = "action_mode"


def save_policy(path: Path, deployed: "DeployedPolicy") -> None:
    """Writes `deployed` to `path`, atomically: a reader sees the old file or the new one, never a part. Statistics are
    left out where they are of nothing.

    ValueError for parameters that an archive cannot hold: no nested dictionary, '/' in a name, or a dtype NumPy does
    not have.
    """
    arrays = _flatten(deployed.params, PARAMETERS)
    statistics = deployed.statistics
    if statistics is not None and statistics.count > 0:  # of nothing they say nothing
        named = {"count": statistics.count, "mean": statistics.mean, "deviations": statistics.deviations}
        arrays |= _flatten(named, STATISTICS)
    arrays[ACTION_MODE] = np.array(deployed.action_mode)
    with replacing(path) as file:
        np.savez(file, **arrays)  # ty: ignore[invalid-argument-type]  (no path is named allow_pickle)


def load_policy(path: Path) -> "DeployedPolicy":
    """What `save_policy` wrote; the leaves are NumPy arrays. InputError where there is none, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return deployed_policy({name: archive[name] for name in archive.files}, str(path))
    except FileNotFoundError:
        raise InputError(f"no policy {path}") from None
    except InputError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a policy that esbench wrote, or is damaged") from error


def deployed_policy(arrays: Mapping[str, np.ndarray], where: str) -> "DeployedPolicy":
    """The policy of the arrays of an archive, by name; InputError, naming `where`, for an unknown action mode."""
    from esbench.policies.normalization import Moments
    from esbench.problem import DeployedPolicy

    mode = str(arrays[ACTION_MODE])
    if mode not in ("sample", "greedy"):
        raise InputError(f"{where}: action mode {mode!r} is neither 'sample' nor 'greedy'")
    tree = _unflatten({name: array for name, array in arrays.items() if name != ACTION_MODE})
    statistics = tree.get(STATISTICS)
    return DeployedPolicy(tree.get(PARAMETERS, {}), None if statistics is None else Moments(**statistics), mode)


def _flatten(tree: Any, path: str) -> dict[str, np.ndarray]:
    if isinstance(tree, Mapping):
        arrays = {}
        for name, child in tree.items():
            if not isinstance(name, str) or "/" in name:
                raise ValueError(f"{path}: {name!r} cannot name parameters in a file")
            arrays |= _flatten(child, f"{path}/{name}")
        return arrays
    array = np.asarray(tree)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{path}: {array.dtype} cannot be stored in a NumPy archive without pickles")
    return {path: array}


def _unflatten(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, array in arrays.items():
        *parents, name = path.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = array
    return tree
