"""`esbench speed --sizes`: the sizes at which a generation is fastest on this machine, kept for the runs to come."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax

from esbench.algorithms.eggroll import EGGROLL
from esbench.errors import StorageError
from esbench.experiment.one_run import compilation_cache, provenance
from esbench.experiment.options.run_options import RunOptions
from esbench.jax_switches import pinned
from esbench.population.members import MemberStore
from esbench.results.files import replacing
from esbench.sizes import MAX_UNROLL, Sizes, Widths, all_kept, file_of_sizes, resolve
from esbench.speed.generation import evolution, generation
from esbench.speed.report import check
from esbench.speed.timing import Timing, interleave
from esbench.tasks import registry
from esbench.tasks.suites.gymnasium.adapter import faults

GENERATIONS = 3
"""Before the one that is measured: a fresh policy's episodes are unlike those of training."""
GAIN = 1.03
"""So many times as fast another size must be to be better: less is noise."""
Effect = tuple[Widths, int, int]
_ORDER = ("jobs_per_lane", "lanes", "block", "unroll", "refill", "narrow")


@dataclass(frozen=True)
class Tried:
    """One generation of EGGROLL at some sizes. steps_per_second: useful steps of the median repeat. lane_occupancy:
    useful over computed steps."""

    sizes: dict[str, int]
    steps_per_second: float
    lane_occupancy: float


@dataclass(frozen=True)
class SizesReport:
    """What was tried, in order, and the best: by name, all but `devices`. file: where it was kept."""

    task: str
    settings: dict[str, Any]
    tried: list[Tried]
    best: dict[str, int]
    file: str
    device: dict[str, Any]
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@pinned()
@faults()
def keep_best(
    task: str = "CartPole-v1", width: int = 256, population: int = 4096, rank: int = 1, seconds: float = 30.0
) -> SizesReport:
    """Measures a generation of EGGROLL at half and at twice each size, one size after the other, and keeps the best
    for this kind of device: about `seconds` of timed calls, and a dozen compilations.

    Sizes that come to the same lanes are not measured twice. Raises InputError for a value out of range and for a task
    that cannot be made, StorageError where the file cannot be written.
    """
    check(width, population, rank, seconds)
    found = registry.task(task)
    environment = registry.environment_of(found)
    strategy = EGGROLL(pop_size=population, rank=rank)
    best, tried = resolve({}), {}
    with compilation_cache.watch(), RunOptions().arithmetic():
        loop = evolution(environment, best, width, strategy)
        state, step = jax.jit(loop.init)(jax.random.key(0)), jax.jit(loop.step)
        for _ in range(GENERATIONS):
            state, _ = step(state)
        own_bytes = MemberStore.of(loop.ask(state.key, state.strategy)[0]).own_bytes

        def effect(sizes: Sizes) -> Effect:
            """What sizes come to: with the same, programs are the same."""
            return sizes.widths(population, own_bytes), sizes.block, sizes.unrolled

        for name in _ORDER:
            others = [s for s in half_and_twice(best, name, effect) if effect(s) not in tried]
            if not others:
                continue
            programs = {
                str(number): (sizes, generation(str(number), evolution(environment, sizes, width, strategy), state))
                for number, sizes in enumerate([best, *others])
            }
            timings = interleave([program for _, program in programs.values()], seconds / len(_ORDER))
            for number, (sizes, _) in programs.items():
                tried[effect(sizes)] = _tried(sizes, timings[number])
            fastest = max(timings, key=lambda number: timings[number].steps_per_second)
            if timings[fastest].steps_per_second > GAIN * timings["0"].steps_per_second:
                best = programs[fastest][0]
    return SizesReport(
        task=found.spec.id,
        settings={"width": width, "population": population, "rank": rank},
        tried=list(tried.values()),
        best=_named(best),
        file=str(_keep(jax.devices()[0].device_kind, _named(best))),
        device=provenance.device().model_dump(),
        versions=provenance.versions(found.spec.requires),
    )


def half_and_twice(best: Sizes, name: str, effect: Callable[[Sizes], Effect]) -> list[Sizes]:
    """`best` with one of its sizes halved and doubled, as far as that has another effect."""
    widths, *_ = effect(best)
    now = {"lanes": widths.lanes, "refill": widths.refill, "narrow": widths.narrow}.get(name, getattr(best, name))
    most = MAX_UNROLL if name == "unroll" else now * 2
    others = [replace(best, **{name: size}) for size in (now // 2, now * 2) if 0 < size <= most]
    return [sizes for sizes in others if effect(sizes) != effect(best)]


def _tried(sizes: Sizes, timing: Timing) -> Tried:
    return Tried(_named(sizes), timing.steps_per_second, timing.useful / (timing.computed or timing.useful))


def _named(sizes: Sizes) -> dict[str, int]:
    return {name: size for name, size in asdict(sizes).items() if name != "devices"}


def _keep(device: str, sizes: dict[str, int]) -> Path:
    """Writes them beside those of other devices."""
    file = file_of_sizes()
    text = json.dumps({**all_kept(), device: sizes}, indent=1) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as out:
            out.write(text.encode())
    except OSError as error:
        raise StorageError(f"cannot keep sizes in {file}: {error}") from error
    return file
