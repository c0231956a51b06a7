"""`esbench speed`.

examples:
  esbench speed                                              the policy alone: 3 x 256, 1024 rows, rank 1
  esbench speed --width 1024 --rank 4 --format json
  esbench speed --task CartPole-v1 --population 2048
  esbench speed --sizes --task CartPole-v1 --population 4096 finds the sizes of this machine, for all runs to come

Without a task: the policy applied to one observation of 32 numbers a row. Every row has its own member's parameters,
which are made before the clock starts. OpenES gets as many rows as fit 1 GiB.
With a task: `population` episodes through the lanes of training. environment: random actions, no network. inference:
the unperturbed policy, the limit. eggroll and open_es: a whole generation, update included.

steps/s: useful steps over the median of repeats that take turns (A B C, A B C, ...), without compilation. occupancy:
useful steps over all that the lanes computed. memory: what XLA plans for the program's inputs, outputs and temporaries
together, on every device; the process itself comes on top. compilation_cache (JSON): cold or off means that compile
seconds are a compilation's, warm that programs were read from JAX's cache.

--sizes measures a generation of EGGROLL at half and at twice each size, and keeps the best for this kind of device in
~/.config/esbench/sizes.json, or the file that ESBENCH_SIZES names. Runs read it, and record their sizes; a run that is
resumed keeps its own. Without the file sizes are esbench's own.
"""

from typing import Annotated

from esbench.cli.output import print_columns, print_json
from esbench.cli.values import Format, option


def speed(
    *,
    task: Annotated[str | None, option("a task's id, or path/to/file.py:NAME (default: the policy alone)")] = None,
    width: Annotated[int, option("of the three layers")] = 256,
    population: Annotated[int, option("members")] = 1024,
    rank: Annotated[int, option("of EGGROLL's noise")] = 1,
    sizes: Annotated[bool, option("find this machine's sizes and keep them (default task: CartPole-v1)")] = False,
    form: Format = "table",
) -> int:
    """Useful steps a second, ratios, compilation, occupancy and memory."""
    if sizes:
        return _sizes(task or "CartPole-v1", width, population, rank, form)
    from esbench.speed.report import measure

    report = measure(task, width, population, rank)
    if form == "json":
        print_json(report.to_json())
        return 0
    print(f"{report.task or 'the policy alone'} on {report.device['kind']} ({report.device['platform']})")
    print(", ".join(f"{name} {value}" for name, value in report.settings.items()))
    rows = [("", "steps/s", "ratio", "compile s", "occupancy", "memory MiB")]
    for m in report.measurements:
        speed, occupancy = f"{m.steps_per_second:,.0f}", "-" if m.lane_occupancy is None else f"{m.lane_occupancy:.2f}"
        rest = f"{m.compile_seconds:.1f}", occupancy, f"{m.peak_memory_bytes / 2**20:.1f}"
        rows.append((m.name, speed, f"{m.ratio_to_inference:.3f}", *rest))
    print_columns(rows)
    return 0


def _sizes(task: str, width: int, population: int, rank: int, form: str) -> int:
    from esbench.speed.sizes import keep_best

    report = keep_best(task, width, population, rank)
    if form == "json":
        print_json(report.to_json())
        return 0
    print(f"a generation of {population} members on {report.task}, {report.device['kind']}")
    names = list(report.best)
    rows: list[tuple[str, ...]] = [(*names, "steps/s", "occupancy", "")]
    for one in report.tried:
        measured = f"{one.steps_per_second:,.0f}", f"{one.lane_occupancy:.2f}"
        rows.append((*map(str, one.sizes.values()), *measured, "best" if one.sizes == report.best else ""))
    print_columns(rows)
    print(f"kept in {report.file}")
    return 0
