"""The devices of a run: this process's, or those of all processes that a scheduler started together."""

from contextlib import AbstractContextManager, nullcontext

import jax
from jax.sharding import NamedSharding, PartitionSpec

from esbench.errors import InputError
from esbench.population.devices import mesh


def join() -> None:
    """Joins the processes that Slurm or Open MPI started for this run, if any.

    Only before JAX computes anything: a program that has used it already has joined by itself, or runs alone.
    """
    if jax.distributed.is_initialized():
        return
    try:
        jax.distributed.initialize()
    except ValueError:  # JAX finds no scheduler it knows: this process is alone
        return
    except RuntimeError as error:
        if "must be called before" not in str(error):
            raise


def claim(devices: int) -> None:
    """InputError where there are fewer than `devices` devices, or a process would get none of them."""
    there = jax.device_count()
    if devices > there:
        hint = "; JAX_NUM_CPU_DEVICES=N splits a CPU in N" if jax.default_backend() == "cpu" else ""
        raise InputError(f"--devices {devices}: expected at most {there}, all that JAX finds{hint}")
    if jax.process_count() > 1 and devices != there:
        raise InputError(f"--devices {devices}: expected {there}, all devices of the {jax.process_count()} processes")


def ambient(devices: int) -> AbstractContextManager[object]:
    """What is traced inside shares its work over `devices` devices."""
    return nullcontext() if devices == 1 else jax.set_mesh(mesh(devices))


def replicated(devices: int) -> NamedSharding | None:
    """The sharding of what every device has whole; None, JAX's own choice, for one device."""
    return None if devices == 1 else NamedSharding(mesh(devices), PartitionSpec())


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return jax.process_index() == 0
