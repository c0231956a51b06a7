"""How wide a machine runs rollouts: constants, so that the same run on the same kind of machine has the same rows.

Each kind of device has sizes of its own, and `esbench speed --sizes` keeps better ones for the machine at hand.
"""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import jax
from pydantic import Field

from esbench.errors import InputError
from esbench.settings import build

Positive = Annotated[int, Field(ge=1)]

MIN_LANES = 64
"""That a queue of many jobs has, however few a lane they are."""
MAX_UNROLL = 64
"""Each step that is unrolled is compiled on its own."""


@dataclass(frozen=True)
class Sizes:
    """Chosen once per run, recorded in its manifest, reused on resume.

    lanes: the most episodes stepped side by side. jobs_per_lane: lanes are fewer, but no fewer than 64, where a lane
    would get less than so many episodes: those that wait for the last one would be many. narrow: the second, smaller
    width for the last long episodes; 0 for none. Both widths are rounded up to eights. block: steps between two looks
    for finished episodes. unroll: how many of them are compiled one after the other instead of as a loop; what divides
    both it and block counts. refill: how many idle lanes are given new episodes at a time. member_bytes: what the own
    parameters of all lanes may take; where members are large, as OpenES's are, lanes are fewer. devices: how many share
    a population's work, each with lanes of its own.

    The defaults are a CPU's, the fastest or near it on 2 cores for CartPole, Knapsack, Snake, InvertedDoublePendulum
    and CraftaxClassic alike. 10 MiB fit its cache, in which OpenES (3 x 256) runs four times as fast as with 64 lanes.
    """

    lanes: Positive = 128
    jobs_per_lane: Positive = 8
    narrow: Annotated[int, Field(ge=0)] = 8
    block: Positive = 2
    unroll: Annotated[int, Field(ge=1, le=MAX_UNROLL)] = 1
    refill: Positive = 8
    member_bytes: Positive = 10 * 2**20
    devices: Positive = 1

    @property
    def unrolled(self) -> int:
        """Steps of a block that are compiled one after the other."""
        return math.gcd(self.block, self.unroll)

    def widths(self, jobs: int, own_bytes: int) -> "Widths":
        """Of a queue of so many jobs, whose members have so many bytes of their own.

        The narrow lanes are an eighth of the lanes at most, and so many idle ones are refilled: the others wait.
        """
        fitting = self.member_bytes // max(own_bytes, 1) // 8 * 8
        lanes = _whole(min(self.lanes, max(jobs // self.jobs_per_lane, MIN_LANES), jobs, max(fitting, 8)))
        narrow = _whole(min(self.narrow, lanes // 8))
        return Widths(lanes, narrow if narrow < lanes else 0, min(self.refill, max(lanes // 8, 8)))


@dataclass(frozen=True)
class Widths:
    """What the lanes of one queue are: how many, how many narrow ones, how many are refilled at a time."""

    lanes: int
    narrow: int
    refill: int


@dataclass(frozen=True)
class Kind:
    """A kind of device.

    name: with its article. sizes: those that are not `Sizes`' own. together: lanes, narrow ones too, of several runs
    side by side that fill it; 0 where one run does.
    """

    name: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    together: int = 0


CPU = Kind("a CPU")
# On an H100 a step of 512 lanes takes 45 microseconds, one of 8,192 lanes 170, one of 32,768 lanes 600: few lanes leave
# it idle. So a lane gets four jobs, not eight. The other widths follow the population; these are what a quarter million
# members can use. Together eight runs of 4,096 members fill it, with 1,024 wide and 128 narrow lanes each.
H100 = Kind(
    "an H100 or H200",
    {
        "lanes": 32_768,
        "jobs_per_lane": 4,
        "narrow": 4096,
        "block": 4,
        "unroll": 4,
        "refill": 4096,
        "member_bytes": 2 * 2**30,
    },
    together=9216,
)
# An estimate: narrower machines with less memory.
OTHER = Kind("another accelerator", {**H100.sizes, "lanes": 8192, "narrow": 1024, "refill": 1024}, together=4608)


def kind_of(platform: str, device: str) -> Kind:
    """The kind of a device, by JAX's names for its platform and itself."""
    if platform == "cpu":
        return CPU
    return H100 if re.search(r"\bH[12]00\b", device) else OTHER


def kind_here() -> Kind:
    """The kind of this process's devices."""
    device = jax.devices()[0]
    return kind_of(device.platform, device.device_kind)


def resolve(given: Mapping[str, Any]) -> Sizes:
    """The sizes for this process's devices: those of their kind, in their place those that `esbench speed --sizes` kept
    for them, and those that are `given` (numbers, or text) as they are.

    Raises InputError for an unknown name, for a value that is no whole number or out of range, and for a file of kept
    sizes that is none.
    """
    return build(Sizes, {**kind_here().sizes, **kept(jax.devices()[0].device_kind), **given})


def file_of_sizes() -> Path:
    """Where kept sizes are: `ESBENCH_SIZES`, or sizes.json in the user's folder of settings."""
    if named := os.environ.get("ESBENCH_SIZES"):
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "esbench" / "sizes.json"


def kept(device: str) -> dict[str, int]:
    """The sizes that were measured and kept for a device of this name, empty where none were."""
    return all_kept().get(device, {})


def all_kept() -> dict[str, dict[str, int]]:
    """All kept sizes, by the device's name; InputError for a file that does not hold them."""
    file = file_of_sizes()
    try:
        found = json.loads(file.read_text())
        for values in found.values():
            build(Sizes, values)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, InputError) as error:
        raise InputError(
            f"{file}: {error}: expected sizes by device, as `esbench speed --sizes` writes them; or remove the file"
        ) from error
    return found


def _whole(width: int) -> int:
    """`width` rounded up to eights: a few lanes more or less leave other last bits in a narrower batch's rows."""
    return -(-width // 8) * 8
