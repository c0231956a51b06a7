"""How wide a machine runs rollouts: constants, so that the same run on the same kind of machine has the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import jax
from pydantic import Field

from esbench.settings import build

Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Sizes:
    """Chosen once per run, recorded in its manifest, reused on resume.

    lanes: the most episodes stepped side by side. jobs_per_lane: lanes are fewer, but no fewer than 64, where a lane
    would get less than so many episodes: those that wait for the last one would be many. narrow: the second, smaller
    width for the last long episodes; 0 for none. Both widths are rounded up to eights. block: steps between two looks
    for finished episodes. refill: how many idle lanes are given new episodes at a time. member_bytes: what the lanes'
    own parameters may take; where members are large, as OpenES's are, lanes are fewer. devices: how many share a
    population's work, each with lanes of its own.

    The defaults are a CPU's, the fastest or near it on 2 cores for CartPole, Knapsack, Snake, InvertedDoublePendulum
    and CraftaxClassic alike. 10 MiB fit its cache, in which OpenES (3 x 256) runs four times as fast as with 64 lanes.
    """

    lanes: Positive = 128
    jobs_per_lane: Positive = 8
    narrow: Annotated[int, Field(ge=0)] = 8
    block: Positive = 2
    refill: Positive = 8
    member_bytes: Positive = 10 * 2**20
    devices: Positive = 1


# For machines that are wide: an estimate, not measured on one yet.
ACCELERATOR = {"lanes": 4096, "narrow": 512, "block": 8, "refill": 512, "member_bytes": 2 * 2**30}


def resolve(given: Mapping[str, Any]) -> Sizes:
    """The sizes for this process's devices, with those that are `given` (numbers, or text) as they are.

    Raises InputError for an unknown name and for a value that is no whole number or out of range.
    """
    return build(Sizes, {**({} if jax.default_backend() == "cpu" else ACCELERATOR), **given})
