"""How many runs share a program: as many as fill the device, and as fit its memory. Rows do not depend on it."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import psutil
from jax.extend.core import ClosedJaxpr, Jaxpr, Var

from esbench.algorithms.interface import Learner
from esbench.experiment.options.config import RunConfig
from esbench.problem import Problem
from esbench.sizes import Kind, kind_here

USABLE = 0.8
"""The share of a device's memory that programs may plan for: the compiled code and its own buffers need some, too."""


@dataclass(frozen=True)
class Together:
    """How many runs a device has room for.

    lanes: of one run. run_bytes: of one run, state and program. memory: of the device in bytes, in all.
    """

    kind: Kind
    lanes: int
    run_bytes: int
    memory: int

    @property
    def fitting(self) -> int:
        """Runs whose bytes fit the device, 0 where not even one's do."""
        return int(USABLE * self.memory) // max(self.run_bytes, 1)

    @property
    def runs(self) -> int:
        """Runs side by side, at least one: a device that one fills has one."""
        return max(1, min(self.kind.together // max(self.lanes, 1), self.fitting))

    def shortage(self, asked: int) -> str:
        """Why so many runs are too many, with the numbers; empty where they fit."""
        if asked <= max(self.fitting, 1):
            return ""
        return (
            f"{asked} runs together need {_gigabytes(asked * self.run_bytes)}, {_gigabytes(self.run_bytes)} each, of "
            f"the {_gigabytes(self.memory)} of this device: {max(self.fitting, 1)} together"
        )


def room(problem: Problem, learner: Learner, config: RunConfig) -> Together:
    """Of the runs of a configuration on this process's device. Lanes are the parts that a step counts apart."""
    with config.options.arithmetic():
        state = jax.eval_shape(learner.init, jax.random.key(0))
        traced = jax.jit(learner.step).trace(state)
    _, metrics = traced.out_info
    return Together(
        kind_here(),
        metrics.computed_steps.size,
        planned_bytes(traced.jaxpr.jaxpr),
        memory_of(jax.devices()[0]),
    )


def memory_of(device: jax.Device) -> int:
    """Bytes that a device has in all: what JAX may take of an accelerator's, of a CPU the machine's."""
    stats = device.memory_stats() or {}
    return stats.get("bytes_limit") or psutil.virtual_memory().total


def planned_bytes(jaxpr: Jaxpr) -> int:
    """The most bytes that the values of a traced program (`jax.jit(step).trace(state).jaxpr.jaxpr`) take at a time.

    Known before anything is compiled, and more than the compiled program takes: XLA does not keep what it fuses.
    """
    last = {var: place for place, equation in enumerate(jaxpr.eqns) for var in equation.invars if isinstance(var, Var)}
    last |= {var: len(jaxpr.eqns) for var in jaxpr.outvars if isinstance(var, Var)}
    live = {var: _bytes(var) for var in (*jaxpr.constvars, *jaxpr.invars)}
    most = now = sum(live.values())
    for place, equation in enumerate(jaxpr.eqns):
        inner = max((planned_bytes(part) - _inputs(part) for part in _parts(equation.params)), default=0)
        made = {var: _bytes(var) for var in equation.outvars}
        now += sum(made.values())
        most = max(most, now + inner)
        live |= made
        for var in (*equation.invars, *equation.outvars):
            if isinstance(var, Var) and last.get(var, place) <= place:
                now -= live.pop(var, 0)
    return most


def _inputs(jaxpr: Jaxpr) -> int:
    return sum(_bytes(var) for var in (*jaxpr.constvars, *jaxpr.invars))


def _parts(params: dict[str, Any]) -> list[Jaxpr]:
    """The programs inside of an equation: bodies of loops, branches, calls."""
    values = [one for value in params.values() for one in (value if isinstance(value, tuple | list) else (value,))]
    closed = [value.jaxpr if isinstance(value, ClosedJaxpr) else value for value in values]
    return [value for value in closed if isinstance(value, Jaxpr)]


def _bytes(var: Any) -> int:
    aval = var.aval
    if not hasattr(aval, "dtype"):  # an effect's token
        return 0
    if jax.dtypes.issubdtype(aval.dtype, jax.dtypes.prng_key):
        aval = jax.eval_shape(jax.random.key_data, aval)
    return math.prod(aval.shape) * aval.dtype.itemsize


def _gigabytes(size: float) -> str:
    return f"{size / 2**30:.3g} GiB"
