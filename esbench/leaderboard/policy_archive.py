"""Reading a deployed policy that a stranger sends: every array is what the network needs, or nothing of it is read."""

import io
import zipfile
from typing import Any

import jax
import numpy as np

from esbench.errors import InputError
from esbench.problem import DeployedPolicy, Problem
from esbench.results.policy_file import ACTION_MODE, PARAMETERS, STATISTICS, deployed_policy

_HEADER = 10_000  # bytes at most, before the numbers of an array
_MODES = ("sample", "greedy")


def read_policy(content: bytes, where: str, problem: Problem, action_mode: str) -> DeployedPolicy:
    """The policy in an archive as `save_policy` writes it, for the network and the observations of `problem`.

    No pickles. Names, types and shapes are compared with the network's before a number is read, and the archive must
    not be compressed: what it takes in memory is what it takes on disk. InputError for everything else, for numbers
    that are not finite, and for another action mode than `action_mode`.
    """
    expected = _expected(problem)
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name in arrays or member.filename == name or member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{member.filename!r} is there twice, is no array or is compressed")
                with archive.open(member) as file:
                    arrays[name] = _mode(file) if name == ACTION_MODE else _array(file, name, expected)
    except (ValueError, OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{where} is not a policy for this task's network: {reason}") from error
    with_statistics = any(name.startswith(f"{STATISTICS}/") for name in arrays)
    needed = {name for name in expected if with_statistics or name.startswith(f"{PARAMETERS}/")} | {ACTION_MODE}
    if absent := sorted(needed - set(arrays)):
        raise InputError(f"{where} is not a policy for this task's network: it lacks {absent[0]}")
    if str(arrays[ACTION_MODE]) != action_mode:
        raise InputError(f"{where}: action mode {str(arrays[ACTION_MODE])!r}: the run's manifest says {action_mode!r}")
    return deployed_policy(arrays, where)


def _expected(problem: Problem) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of every array that an archive may hold, by name; nothing is computed."""
    size = problem.environment.observation_space.shape
    single = np.dtype(np.float32)
    found = {f"{STATISTICS}/{name}": (size, single) for name in ("mean", "deviations")}
    found[f"{STATISTICS}/count"] = ((), single)
    params = jax.eval_shape(problem.init_params, jax.random.key(0))
    for path, leaf in jax.tree.flatten_with_path(params)[0]:
        found["/".join([PARAMETERS, *(part.key for part in path)])] = (leaf.shape, np.dtype(leaf.dtype))
    return found


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array of another version than 1.0 of NumPy's format")
    return np.lib.format.read_array_header_1_0(file, max_header_size=_HEADER)


def _array(file: Any, name: str, expected: dict[str, tuple[tuple[int, ...], np.dtype]]) -> np.ndarray:
    if name not in expected:
        raise ValueError(f"{name!r} is no parameter of it")
    shape, fortran, dtype = _header(file)
    if (shape, dtype) != expected[name]:
        wanted_shape, wanted = expected[name]
        raise ValueError(f"{name} is {dtype}{list(shape)}: expected {wanted}{list(wanted_shape)}")
    numbers = np.frombuffer(_rest(file, dtype.itemsize * int(np.prod(shape))), dtype)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds a number that is not finite")
    return numbers.reshape(shape, order="F" if fortran else "C")


def _mode(file: Any) -> np.ndarray:
    shape, _, dtype = _header(file)
    if shape != () or dtype.kind != "U" or dtype.itemsize > 4 * max(map(len, _MODES)):
        raise ValueError(f"its action mode is {dtype}{list(shape)}")
    return np.frombuffer(_rest(file, dtype.itemsize), dtype).reshape(())


def _rest(file: Any, size: int) -> bytes:
    content = file.read(size + 1)
    if len(content) != size:
        raise ValueError(f"an array of {size} bytes has {'more' if len(content) > size else len(content)}")
    return content
