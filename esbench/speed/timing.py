"""Compiled programs, timed in turn: A B C, A B C, ..., so that a machine's moods touch all of them alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import struct

from esbench.counts import total

MIN_ROUNDS, MAX_ROUNDS = 3, 25


class Steps(struct.PyTreeNode):
    """What one call of a program did: int32 partial counts of any shape. computed: None where no lane can be idle."""

    useful: jax.Array
    computed: jax.Array | None


@dataclass(frozen=True)
class Program:
    """A compiled program with its inputs. peak_memory_bytes: what XLA plans for its inputs, outputs and temporaries
    together; the compiled code itself and the rest of the process are not in it."""

    name: str
    call: Callable[[], tuple[Steps, Any]]
    compile_seconds: float
    peak_memory_bytes: int


def compiled(name: str, function: Callable[..., tuple[Steps, Any]], *inputs: Any) -> Program:
    """`function`, which gives its steps and whatever else it computes, compiled ahead of time for `inputs`; tracing
    is included in the seconds."""
    start = time.perf_counter()
    executable = jax.jit(function).lower(*inputs).compile()
    seconds = time.perf_counter() - start
    memory: Any = executable.memory_analysis()
    planned = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return Program(name, lambda: executable(*inputs), seconds, planned - memory.alias_size_in_bytes)


@dataclass(frozen=True)
class Timing:
    """useful, computed: steps of one call, computed None where no lane can be idle. seconds: of every timed call."""

    useful: int
    computed: int | None
    seconds: list[float]

    @property
    def steps_per_second(self) -> float:
        """Useful steps over the median call's seconds."""
        return self.useful / float(np.median(self.seconds))


def interleave(programs: Sequence[Program], seconds: float) -> dict[str, Timing]:
    """Times every program once a round, for about `seconds` in all but at least MIN_ROUNDS rounds, after one call of
    each that does not count."""
    steps = {program.name: jax.block_until_ready(program.call())[0] for program in programs}
    clocks: dict[str, list[float]] = {program.name: [] for program in programs}
    begin, rounds = time.perf_counter(), 0
    while rounds < MIN_ROUNDS or (rounds < MAX_ROUNDS and time.perf_counter() - begin < seconds):
        for program in programs:
            start = time.perf_counter()
            jax.block_until_ready(program.call())
            clocks[program.name].append(time.perf_counter() - start)
        rounds += 1
    return {
        name: Timing(total(s.useful), None if s.computed is None else total(s.computed), clocks[name])
        for name, s in steps.items()
    }
