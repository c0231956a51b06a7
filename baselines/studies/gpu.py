"""What a GPU does in at most eight minutes, each figure beside what it is compared with; the most useful come first.

    python -m baselines.studies.gpu [--rehearse] [--parts NAME ...] [--minutes 8] [--out results/speed]

Writes `throughput-<device>.json` and its figure after every part, so what was measured is there whenever the time is
over. The figure has useful steps a second against the population and against the runs that share a program.
`--rehearse` takes the same way in small, on a CPU.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import esbench
import esbench.in_memory
from baselines.studies.speed import RESULTS, device_name
from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.open_es import OpenES
from esbench.algorithms.ppo import PPO
from esbench.counts import total
from esbench.experiment.one_run import provenance
from esbench.experiment.options.run_options import RunOptions
from esbench.jax_switches import pinned
from esbench.report.style import appearance, drawing, legend_above, legend_line, render
from esbench.results.files import replacing
from esbench.sizes import resolve
from esbench.speed import policy_alone
from esbench.speed.timing import interleave
from esbench.tasks.registry import task_specs
from esbench.tasks.spec import RL

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
STOPPED = 75
"""Exit status where the time is over before the last part is."""


@dataclass(frozen=True)
class Scale:
    """How large everything is. seconds: of generations of one case, at most but for the second generation."""

    members: int = 4096
    many: int = 65_536
    generations: int = 6
    seconds: float = 4.0
    layer_size: int = 256
    rows: int = 16_384
    together: tuple[int, ...] = (1, 2, 4, 8, 16)
    populations: tuple[int, ...] = tuple(2**k for k in range(8, 19))
    envs: tuple[int, ...] = tuple(2**k for k in range(6, 15))
    seeds: int = 10
    compared: int = 256
    task_runs: int = 5
    tasks: tuple[str, ...] = ()


FULL = Scale()
REHEARSAL = Scale(
    members=64,
    many=128,
    generations=3,
    seconds=0.5,
    layer_size=16,
    rows=128,
    together=(1, 2),
    populations=(32, 64),
    envs=(16,),
    seeds=2,
    compared=16,
    task_runs=2,
    tasks=("CartPole-v1", "Knapsack-v1"),
)
# Light ones first: their programs compile in seconds and their episodes are short.
SUITES = ("gymnax", "jumanji", "navix", "kinetix", "craftax", "brax")


@dataclass(frozen=True)
class Case:
    """Runs of one algorithm on one task, side by side in one program. size: members, or environments of PPO. sizes:
    those that are not the device's own."""

    task: str
    algorithm: str
    size: int
    runs: int = 1
    sizes: dict[str, int] = field(default_factory=dict)

    def learner(self, scale: Scale) -> esbench.in_memory.BoundLearner:
        made = {
            "eggroll": lambda: EGGROLL(pop_size=self.size),
            "open_es": lambda: OpenES(pop_size=self.size),
            "ppo": lambda: PPO(num_envs=self.size),
        }[self.algorithm]()
        settings = {"layer_size": scale.layer_size, **self.sizes}
        return esbench.learner(self.task, made, steps=10**12, settings=settings)


@dataclass(frozen=True)
class Ready:
    """A case, compiled. state: of all its runs, where it is one run's without their axis."""

    case: Case
    step: Callable[[Any], tuple[Any, Any]]
    state: Any
    compile_seconds: float


def ready(case: Case, scale: Scale) -> Ready:
    start = time.perf_counter()
    learner = case.learner(scale)
    init, step = (learner.init, learner.step) if case.runs == 1 else (jax.vmap(learner.init), jax.vmap(learner.step))
    state = jax.jit(init)(0 if case.runs == 1 else jnp.arange(case.runs))
    return Ready(case, jax.jit(step).lower(state).compile(), state, time.perf_counter() - start)


def measured(ready: Ready, scale: Scale) -> dict[str, Any]:
    """Generations one after the other; the figure is that of the third and later, or of the last where they are slow.

    useful_steps_per_second: of all runs together. occupancy: useful over computed steps, a generation each.
    """
    state, useful, computed, seconds = ready.state, [], [], []
    while len(seconds) < scale.generations and (len(seconds) < 2 or sum(seconds) < scale.seconds):
        start = time.perf_counter()
        state, metrics = jax.block_until_ready(ready.step(state))
        seconds.append(time.perf_counter() - start)
        useful.append(total(metrics.useful_steps))
        computed.append(total(metrics.computed_steps))
    settled = slice(min(2, len(seconds) - 1), None)
    return {
        **asdict(ready.case),
        "useful_steps_per_second": sum(useful[settled]) / sum(seconds[settled]),
        "computed_steps_per_second": sum(computed[settled]) / sum(seconds[settled]),
        "occupancy": [one / all_of_them for one, all_of_them in zip(useful, computed, strict=True)],
        "seconds": seconds,
        "compile_seconds": ready.compile_seconds,
    }


def cases(many: Sequence[Case], scale: Scale) -> list[dict[str, Any]]:
    """All cases; first their programs are compiled side by side, then nothing disturbs the clock. One that cannot be
    made or run is there with its error."""

    def attempt(case: Case) -> Ready | str:
        try:
            return ready(case, scale)
        except Exception as error:  # a suite that is not installed, memory: the others are measured all the same
            return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        programs = list(zip(many, pool.map(attempt, many), strict=True))
    found = []
    while programs:  # a program's memory is free once it is measured
        case, program = programs.pop(0)
        try:
            found.append(measured(program, scale) if isinstance(program, Ready) else {**asdict(case), "error": program})
        except Exception as error:
            found.append({**asdict(case), "error": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"})
        program = None
    return found


def generations(scale: Scale) -> list[dict[str, Any]]:
    one, task = scale.members, "Pendulum-v1"
    return cases(
        [
            Case("CartPole-v1", "eggroll", one),
            Case("CartPole-v1", "eggroll", one, runs=max(r for r in scale.together if r <= 8)),
            Case(task, "eggroll", one),
            Case(task, "eggroll", one, runs=max(r for r in scale.together if r <= 8)),
            Case(task, "eggroll", scale.many),
            Case("CartPole-v1", "eggroll", scale.many),
        ],
        scale,
    )


def sizes(scale: Scale) -> list[dict[str, Any]]:
    """What the device's own sizes are compared with, where populations are small and a card waits for its kernels."""
    usual, small = scale.members, scale.populations[0]
    return cases(
        [
            Case("CartPole-v1", "eggroll", usual, sizes={"jobs_per_lane": 2}),
            Case("CartPole-v1", "eggroll", usual, sizes={"block": 8}),
            Case("CartPole-v1", "eggroll", small),
            Case("CartPole-v1", "eggroll", small, sizes={"jobs_per_lane": 1}),
        ],
        scale,
    )


def policy(scale: Scale) -> list[dict[str, Any]]:
    """The policy without a task, by rank: ratios to unperturbed inference."""
    found = []
    for rank in (1, 4):
        with RunOptions().arithmetic():
            programs = policy_alone.programs(scale.layer_size, scale.rows, rank)
            timings = interleave(programs, scale.seconds)
        limit = timings["inference"].steps_per_second
        found += [
            {
                "name": name,
                "rank": rank,
                "rows": scale.rows,
                "steps_per_second": timing.steps_per_second,
                "ratio_to_inference": timing.steps_per_second / limit,
            }
            for name, timing in timings.items()
        ]
    return found


def ppo(scale: Scale) -> list[dict[str, Any]]:
    found = cases([Case("CartPole-v1", "ppo", 64, runs) for runs in (1, scale.seeds)], scale)
    speeds = [one.get("useful_steps_per_second", np.nan) for one in found]
    return [*found, {"seeds": scale.seeds, "times_one": speeds[1] / speeds[0]}]


def same_seed(scale: Scale) -> list[dict[str, Any]]:
    """The same seed twice: whether parameters have the same bits, and where not, whether they have with JAX's flag."""
    program = ready(Case("CartPole-v1", "eggroll", scale.members), scale)

    def once() -> list[np.ndarray]:
        state = program.state
        for _ in range(3):
            state, metrics = program.step(state)
        return [np.asarray(leaf) for leaf in jax.tree.leaves((state.strategy.mean, metrics))]

    same = all(np.array_equal(one, other) for one, other in zip(once(), once(), strict=True))
    flags = os.environ.get("XLA_FLAGS", "")
    found = [{"same_bits": same, "flags": flags}]
    if not same and DETERMINISTIC not in flags:
        environ = {**os.environ, "XLA_FLAGS": f"{flags} {DETERMINISTIC}", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "baselines.studies.gpu", "--parts", "same seed", "--out", folder]
            subprocess.run(command, env=environ, check=True, timeout=120)
            (file,) = Path(folder).glob("*.json")
            found += json.loads(file.read_text())["parts"]["same seed"]["measured"]
    return found


def like_a_cpu(scale: Scale) -> list[dict[str, Any]]:
    """The first generations' mean fitness here and on this machine's CPU, at the same sizes."""
    found = []
    for task in ("CartPole-v1", "Pendulum-v1"):
        learner = Case(task, "eggroll", scale.compared).learner(scale)
        fitness = {}
        for name, device in (("here", jax.devices()[0]), ("cpu", jax.devices("cpu")[0])):
            with jax.default_device(device):
                state, step = jax.jit(learner.init)(0), jax.jit(learner.step)
                of_device = []
                for _ in range(3):
                    state, metrics = step(state)
                    of_device.append(float(metrics.training["fitness_mean"]))
                fitness[name] = of_device
        apart = [abs(a - b) / abs(b) for a, b in zip(fitness["here"], fitness["cpu"], strict=True)]
        found.append({"task": task, "members": scale.compared, **fitness, "relative_difference": apart})
    return found


def light_tasks(scale: Scale) -> list[dict[str, Any]]:
    return _tasks(scale, slice(0, 8))


def heavy_tasks(scale: Scale) -> list[dict[str, Any]]:
    return _tasks(scale, slice(8, None))


def _tasks(scale: Scale, some: slice) -> list[dict[str, Any]]:
    specs = sorted((s for s in task_specs() if s.track == RL), key=lambda spec: (SUITES.index(spec.suite), spec.id))
    names = [spec.id for spec in specs if not scale.tasks or spec.id in scale.tasks]
    return cases([Case(name, "eggroll", scale.members, scale.task_runs) for name in names[some]], scale)


def usual_sizes(scale: Scale) -> dict[str, int]:
    """Members, or environments of PPO, that people use."""
    return {"eggroll": scale.members, "open_es": scale.populations[0], "ppo": 64}


def by_runs(scale: Scale) -> list[dict[str, Any]]:
    """Against the runs that share a program."""
    usual = usual_sizes(scale).items()
    return cases([Case("CartPole-v1", name, size, runs) for name, size in usual for runs in scale.together], scale)


def by_population(scale: Scale) -> list[dict[str, Any]]:
    """Against members, of PPO environments."""
    sizes = {"eggroll": scale.populations, "ppo": scale.envs, "open_es": scale.populations}
    return cases([Case("CartPole-v1", name, size) for name, some in sizes.items() for size in some], scale)


@dataclass(frozen=True)
class Part:
    """What is measured, and what it is compared with."""

    measure: Callable[[Scale], list[dict[str, Any]]]
    compared_with: str


_TASKS = "5 runs of 4,096 members: occupancy 0.8, where docs/gpu.md computes 0.58 to 1"
PARTS = {
    "generations": Part(
        generations,
        "useful steps/s: CartPole 12M with one run of 4,096 members (8.0M before, 2.6M before that), 30M with 8 runs; "
        "Pendulum 40M",
    ),
    "policy": Part(policy, "at 16,384 rows 0.85 of inference at rank 1 (0.69 before), 0.7 at rank 4 (0.50 before)"),
    "ppo": Part(ppo, "10 seeds of 64 x 128 together ten times as fast as one"),
    "sizes": Part(sizes, "one run of CartPole with the device's own: four jobs a lane, blocks of four steps"),
    "same seed": Part(same_seed, "the same bits, or the flag with which they are"),
    "like a cpu": Part(like_a_cpu, "relative differences below 1e-3"),
    "light tasks": Part(light_tasks, _TASKS),
    "by runs": Part(by_runs, "the figure's right half"),
    "by population": Part(by_population, "the figure's left half"),
    "heavy tasks": Part(heavy_tasks, _TASKS),
}


def draw(document: dict[str, Any]) -> Figure:
    """Useful steps a second on CartPole: left of one run against its population, right against the runs of the usual
    population that share a program. All parts' rows are shown; of a case that two parts have the first."""
    cases: dict[tuple[str, int, int], float] = {}
    for part in document["parts"].values():
        for row in part["measured"]:
            # Comparisons with a CPU have a task, and no speed.
            if row.get("task") == "CartPole-v1" and "useful_steps_per_second" in row and not row.get("sizes"):
                cases.setdefault((row["algorithm"], row["size"], row["runs"]), row["useful_steps_per_second"])
    usual = usual_sizes(Scale(**document["scale"]))
    looks = appearance(())
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    with drawing():
        left, right = figure.subplots(1, 2, sharey=True)
        for name, look in looks.items():
            of = [(size, runs, speed) for (algorithm, size, runs), speed in sorted(cases.items()) if algorithm == name]
            panels = (
                (left, [(size, speed) for size, runs, speed in of if runs == 1]),
                (right, [(runs, speed) for size, runs, speed in of if size == usual[name]]),
            )
            for axes, points in panels:
                if points:
                    axes.plot(*zip(*points, strict=True), **look.line)
        left.set(xlabel="members, or environments of PPO", ylabel="useful steps a second", yscale="log")
        drawn = [name for name in looks if any(algorithm == name for algorithm, _, _ in cases)]
        right.set(xlabel="runs side by side: " + ", ".join(f"{name} {usual[name]}" for name in drawn))
        for axes in (left, right):
            axes.set_xscale("log", base=2)
            axes.grid(True)
        legend_above(figure, [legend_line(name, looks[name]) for name in drawn])
    return figure


def report(document: dict[str, Any], out: Path) -> Path:
    """Writes what was measured until now."""
    file = out / f"throughput-{device_name()}.json"
    with replacing(file) as whole:
        whole.write((json.dumps(document, indent=1) + "\n").encode())
    return file


@pinned()
def main(scale: Scale, out: Path, parts: Iterable[str] = tuple(PARTS)) -> None:
    """Writes throughput-<device>.{json,png,svg} below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    document: dict[str, Any] = {
        "device": provenance.device().model_dump(),
        "versions": provenance.versions(""),
        "sizes": asdict(resolve({})),
        "scale": asdict(scale),
        "parts": {},
    }
    for name in parts:
        start = time.perf_counter()
        found = PARTS[name].measure(scale)
        seconds = time.perf_counter() - start
        document["parts"][name] = {
            "compared_with": PARTS[name].compared_with,
            "seconds": seconds,
            "flags": os.environ.get("XLA_FLAGS", ""),
            "measured": found,
        }
        file = report(document, out)
        print(f"{name}, {seconds:.0f} s; {PARTS[name].compared_with}", flush=True)
        for row in found:
            print(f"  {_line(row)}", flush=True)
        for form in ("png", "svg"):
            file.with_suffix(f".{form}").write_bytes(render(draw(document), form))


def _line(row: dict[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, list):
            return "[" + ", ".join(map(text, value)) + "]"
        if not isinstance(value, float):
            return str(value)
        return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"

    return ", ".join(f"{name} {text(value)}" for name, value in row.items() if value != {})


def stop(file: Path) -> None:
    print(f"the time is over; {file} has what was measured", flush=True)
    os._exit(STOPPED)  # whatever is being compiled


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rehearse", action="store_true", help="small, on a CPU")
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="NAME")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    watch = threading.Timer(60 * asked.minutes, stop, [asked.out])
    watch.daemon = True
    watch.start()
    main(REHEARSAL if asked.rehearse else FULL, asked.out, asked.parts)
