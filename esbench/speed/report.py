"""`esbench speed`: how fast episodes and generations run on this machine, next to unperturbed inference."""

from dataclasses import asdict, dataclass
from typing import Any

from esbench.errors import InputError
from esbench.experiment.one_run import compilation_cache, provenance
from esbench.experiment.options.run_options import RunOptions
from esbench.jax_switches import pinned
from esbench.sizes import resolve
from esbench.speed import generation, policy_alone
from esbench.speed.timing import interleave
from esbench.tasks import registry
from esbench.tasks.suites.gymnasium.adapter import faults


@dataclass(frozen=True)
class Measurement:
    """One of `environment` (with a task only), `inference`, `eggroll`, `open_es`.

    steps_per_second: useful steps of the median repeat, a step being one policy application of one row. lane_occupancy:
    useful over computed steps, None without lanes. peak_memory_bytes: what XLA plans for the program's inputs, outputs
    and temporaries.
    """

    name: str
    steps_per_second: float
    ratio_to_inference: float
    compile_seconds: float
    lane_occupancy: float | None
    peak_memory_bytes: int


@dataclass(frozen=True)
class SpeedReport:
    """What one `esbench speed` measured, and where. compilation_cache: warm makes compile_seconds mean nothing."""

    task: str | None
    settings: dict[str, Any]
    measurements: list[Measurement]
    compilation_cache: compilation_cache.Status
    device: dict[str, Any]
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def check(width: int, population: int, rank: int, seconds: float) -> None:
    """InputError for a value out of range."""
    for name, value, valid, expected in (
        ("width", width, width >= 1, "at least 1"),
        ("population", population, population >= 2 and population % 2 == 0, "an even number, at least 2"),
        ("rank", rank, rank >= 1, "at least 1"),
        ("seconds", seconds, seconds > 0, "more than 0"),
    ):
        if not valid:
            raise InputError(f"{name} {value}: expected {expected}")


@pinned()
@faults()
def measure(
    task: str | None = None, width: int = 256, population: int = 1024, rank: int = 1, seconds: float = 20.0
) -> SpeedReport:
    """Measures the policy alone or, with a task's name, generations on it: about `seconds` of timed calls in all.

    width: units of each of the three hidden layers. population: members, an even number. Raises InputError for a
    value out of range, an unknown task or one whose suite is not installed, TaskError where Gymnasium's raises.
    """
    check(width, population, rank, seconds)
    options = RunOptions()
    settings: dict[str, Any] = {"width": width, "population": population, "rank": rank, **options.numeric}
    found = None if task is None else registry.task(task)
    environment = None if found is None else registry.environment_of(found)
    with compilation_cache.watch() as use, options.arithmetic():
        if environment is None:
            settings |= {
                "observation": policy_alone.OBSERVATION,
                "actions": policy_alone.ACTIONS,
                "open_es_rows": policy_alone.open_es_rows(width, population),
            }
            programs = policy_alone.programs(width, population, rank)
        else:
            sizes = resolve({})
            settings |= asdict(sizes)
            programs = generation.programs(environment, sizes, width, population, rank)
        timings = interleave(programs, seconds)
    limit = timings["inference"].steps_per_second
    measurements = [
        Measurement(
            name=program.name,
            steps_per_second=timing.steps_per_second,
            ratio_to_inference=timing.steps_per_second / limit,
            compile_seconds=program.compile_seconds,
            lane_occupancy=None if timing.computed is None else timing.useful / timing.computed,
            peak_memory_bytes=program.peak_memory_bytes,
        )
        for program, timing in ((program, timings[program.name]) for program in programs)
    ]
    return SpeedReport(
        task=None if found is None else found.spec.id,
        settings={**settings, "repeats": len(timings["inference"].seconds)},
        measurements=measurements,
        compilation_cache=use.status,
        device=provenance.device().model_dump(),
        versions=provenance.versions(found.spec.requires if found else ""),
    )
