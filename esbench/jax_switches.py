"""JAX's global switches that numbers depend on: pinned for the thread while esbench's programs are traced and run."""

import contextlib
from collections.abc import Generator

import jax

# Each is a context manager of its own thread. What raises instead of computing is let through: some suite does it.
_PINNED = (
    lambda: jax.enable_x64(False),
    lambda: jax.threefry_partitionable(True),
    lambda: jax.default_prng_impl("threefry2x32"),
    lambda: jax.numpy_rank_promotion("allow"),
    lambda: jax.numpy_dtype_promotion("standard"),
)


@contextlib.contextmanager
def pinned() -> Generator[None]:
    """Inside, JAX computes as it does where no switch is set, whatever the environment or the process has set."""
    with contextlib.ExitStack() as stack:
        for switch in _PINNED:
            stack.enter_context(switch())
        yield
