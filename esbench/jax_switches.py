"""Switches outside esbench that could change its numbers: JAX's and Flax's own, and what XLA and NumPy read.

All code that makes keys, traces or runs programs does so under `pinned`. A run, an episode and a policy are then the
same under all switches of the process and its environment. A switch that a part of a process cannot change is refused.
One that changes only last bits and speed is left as it is, and manifests carry it (`recorded`).
"""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from enum import Enum
from typing import Any

from esbench.errors import InputError

# JAX's defaults, and those of the versions before and after; None: what JAX does without the setting.
_PINNED: dict[str, Any] = {
    # Other random numbers.
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
    "jax_high_dynamic_range_gumbel": False,
    "jax_enable_custom_prng": False,
    # Other types, or an error where types or ranks meet.
    "jax_enable_x64": False,
    "jax_explicit_x64_dtypes": "warn",
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
    # Other arithmetic, or elsewhere. A run states its own precision inside.
    "jax_default_matmul_precision": None,
    "jax_default_device": None,
    "jax_softmax_custom_jvp": False,
    "jax_enable_custom_vjp_by_custom_transpose": False,
    # Aids to debugging: what they refuse is sound here, and the suites' own.
    "jax_disable_jit": False,
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_debug_key_reuse": False,
    "jax_check_tracer_leaks": False,
    "jax_enable_checks": False,
    "jax_legacy_prng_key": "allow",
    "jax_no_tracing": False,
    "jax_no_execution": False,
    "jax_error_checking_behavior_nan": "ignore",
    "jax_error_checking_behavior_divide": "ignore",
    "jax_error_checking_behavior_oob": "ignore",
    "jax_use_simplified_jaxpr_constants": False,
    "jax_transfer_guard_host_to_device": "allow",
    "jax_transfer_guard_device_to_device": "allow",
    "jax_transfer_guard_device_to_host": "allow",
}
# Other initial parameters, for the whole process.
_FLAX: dict[str, Any] = {"flax_fix_rng_separator": False, "flax_preserve_adopted_names": False}
# How programs are compiled: the last bits of a number and its speed.
_RECORDED: dict[str, Any] = {
    "jax_disable_most_optimizations": False,
    "jax_optimization_level": "UNKNOWN",
    "jax_exec_time_optimization_effort": 0.0,
    "jax_memory_fitting_effort": 0.0,
    "jax_memory_fitting_level": "O2",
    "jax_compiler_enable_remat_pass": True,
    "jax_enable_pgle": False,
    "jax_xla_profile_version": 0,
    "jax_use_shardy_partitioner": True,
    "jax_use_direct_linearize": True,
    "eager_constant_folding": False,
    "jax_cpu_collectives_implementation": "gloo",
}
_VARIABLES = (
    "XLA_FLAGS",
    "LIBTPU_INIT_ARGS",
    "NVIDIA_TF32_OVERRIDE",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
)
# Of XLA_FLAGS: what only writes files, and how many devices there are, which a run states itself.
_WITHOUT_NUMBERS = ("--xla_dump", "--xla_force_host_platform_device_count", "--xla_hlo_profile")


@contextmanager
def pinned() -> Generator[None]:
    """Inside, in this thread, JAX computes what it does without any switch; also a decorator.

    InputError, one line, for a switch that this version of JAX, or Flax, cannot have another way inside.
    """
    import jax

    with ExitStack() as stack:
        for name, wanted in _PINNED.items():
            value = getattr(jax.config, name, wanted)  # versions of JAX differ in the switches they have
            if _as_wanted(value, wanted):
                continue
            context = getattr(jax, name.removeprefix("jax_"), None)
            if context is None:
                raise _refusal(name, value, wanted, "jax")
            stack.enter_context(context(wanted))
        for name, value in _flax_in_force().items():
            raise _refusal(name, value, _FLAX[name], "flax")
        yield


def recorded() -> dict[str, str]:
    """The switches in force, by name, that `pinned` leaves as they are and that could change the last bits of a
    number."""
    import jax

    values = jax.config.values
    found = {
        name: _text(values[name])
        for name, usual in _RECORDED.items()
        if name in values and not _as_wanted(values[name], usual)
    }
    for name in _VARIABLES:
        flags = [flag for flag in os.environ.get(name, "").split() if not flag.startswith(_WITHOUT_NUMBERS)]
        if flags:
            found[name] = " ".join(flags)
    return found


def in_force() -> dict[str, str]:
    """Every switch in force that could matter, by name: its value, and what esbench makes of it."""
    import jax

    found = {}
    for name, wanted in _PINNED.items():
        value = getattr(jax.config, name, wanted)
        if not _as_wanted(value, wanted):
            can = getattr(jax, name.removeprefix("jax_"), None) is not None
            found[name] = f"{_text(value)} ({f'{_text(wanted)} inside esbench' if can else 'refused'})"
    found |= {name: f"{_text(value)} (refused)" for name, value in _flax_in_force().items()}
    return found | {name: f"{value} (recorded)" for name, value in recorded().items()}


def _flax_in_force() -> dict[str, Any]:
    from flax import configurations

    values = {name: getattr(configurations.config, name, usual) for name, usual in _FLAX.items()}
    return {name: value for name, value in values.items() if not _as_wanted(value, _FLAX[name])}


def _as_wanted(value: Any, wanted: Any) -> bool:
    return value == wanted or value is None or _text(value) == _text(wanted)


def _text(value: Any) -> str:
    return value.name.lower() if isinstance(value, Enum) else str(value)


def _refusal(name: str, value: Any, wanted: Any, library: str) -> InputError:
    return InputError(
        f"{name.upper()} is {_text(value)}, and {library} has no other here: expected {_text(wanted)}; unset the "
        f"variable, or {library}.config.update({name!r}, {wanted!r})"
    )
