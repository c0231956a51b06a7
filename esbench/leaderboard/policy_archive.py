"""Reading a deployed policy that a stranger sends: every array is what the network needs, or nothing of it is read."""

import io
import math
import struct
import zipfile
from typing import IO

import jax
import numpy as np

from esbench.errors import InputError
from esbench.problem import DeployedPolicy
from esbench.results.policy_file import ACTION_MODE, PARAMETERS, STATISTICS, deployed_policy
from esbench.rollout.problem import EpisodicProblem

# What `zipfile` raises on bytes that are no archive; NotImplementedError is a RuntimeError.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    struct.error,
)
_MEMBER_BYTES = 1024
"""At most, of each array: names, headers and what a zip archive adds. 400 are usual."""
_MODES = {np.array(mode).tobytes(): mode for mode in ("sample", "greedy")}


def read_policy(content: bytes, where: str, problem: EpisodicProblem, action_mode: str) -> DeployedPolicy:
    """The policy in an archive as `save_policy` writes it, for the network and the observations of `problem`.

    There are no pickles, and no header is parsed. Every array must begin with the very bytes that NumPy writes for its
    shape and type. The archive must be uncompressed, and no larger than all arrays together: it takes the same in
    memory and on disk. InputError for everything else, for numbers that are not finite, and for another action mode
    than `action_mode`.
    """
    expected = _expected(problem)
    arrays: dict[str, np.ndarray] = {}
    try:
        most = sum(dtype.itemsize * math.prod(shape) + _MEMBER_BYTES for shape, dtype in expected.values())
        if len(content) > most:
            raise ValueError(f"{len(content):,} bytes, expected at most {most:,}")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name in arrays or member.filename == name or member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{member.filename!r} is there twice, is no array or is compressed")
                if name not in expected:
                    raise ValueError(f"{name!r} is no parameter of it")
                with archive.open(member) as file:
                    arrays[name] = _array(file, name, *expected[name])
    except _ZIP_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{where} is not a policy for this task's network: {reason}") from error
    with_statistics = any(name.startswith(f"{STATISTICS}/") for name in arrays)
    needed = {name for name in expected if with_statistics or not name.startswith(f"{STATISTICS}/")}
    if absent := sorted(needed - set(arrays)):
        raise InputError(f"{where} is not a policy for this task's network: it lacks {absent[0]}")
    mode = _MODES.get(arrays[ACTION_MODE].tobytes(), "unknown")
    if mode != action_mode:
        raise InputError(f"{where}: action mode {mode!r}: the run's manifest says {action_mode!r}")
    return deployed_policy(arrays, where)


def _expected(problem: EpisodicProblem) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of every array that an archive may hold, by name; nothing is computed."""
    size = problem.environment.observation_space.shape
    single = np.dtype(np.float32)
    found = {f"{STATISTICS}/{name}": (size, single) for name in ("mean", "deviations")}
    found[f"{STATISTICS}/count"] = ((), single)
    found[ACTION_MODE] = ((), np.array("greedy").dtype)  # "sample" is as long
    params = jax.eval_shape(problem.init_params, jax.random.key(0))
    for path, leaf in jax.tree.flatten_with_path(params)[0]:
        found["/".join([PARAMETERS, *(part.key for part in path)])] = (leaf.shape, np.dtype(leaf.dtype))
    return found


def _array(file: IO[bytes], name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    header = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    if file.read(len(header.getvalue())) != header.getvalue():
        raise ValueError(f"{name} does not begin as NumPy's format 1.0 does: expected {dtype}{list(shape)}")
    size = dtype.itemsize * math.prod(shape)
    content = file.read(size + 1)
    if len(content) != size:
        raise ValueError(f"{name}: an array of {size} bytes has {'more' if len(content) > size else len(content)}")
    numbers = np.frombuffer(content, dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds a number that is not finite")
    return numbers
