"""Tokens a second of EGGROLL's rollout of a language model, against its generation without noise.

    python -m baselines.studies.reasoning_speed

RWKV-7 answers Countdown from the committed start file, through the lanes of training: for each population four answers
a member, by members of EGGROLL's at rank 1, and as many by the one network that the file holds. EGGROLL freezes
embedding and head, or all but the other matrices, as the paper does. The programs take turns. Writes
`results/reasoning/speed.csv`, and the figure beside it. It takes minutes, in which the machine should do nothing else.
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from baselines.studies.reasoning import START, TASK
from esbench.algorithms.frozen import frozen_leaves
from esbench.experiment.one_run.prepare import make_problem
from esbench.experiment.options.config import resolve
from esbench.population.gaussian import Gaussian
from esbench.population.interface import Population
from esbench.population.repeated import Repeated
from esbench.problem import Evolution
from esbench.report.digits import csv
from esbench.report.style import drawing, render
from esbench.rollout.episodes import run_episodes
from esbench.rollout.problem import EpisodicProblem
from esbench.speed.timing import Program, Steps, compiled, interleave

RESULTS = Path(__file__).resolve().parents[2] / "results" / "reasoning"
POPULATIONS = (64, 256, 512, 1024, 4096)
LANES = 512
ANSWERS = 4
SIGMA = 0.01
FROZEN = {"eggroll": "emb,head", "eggroll_matrices": "emb,head,ln*,x_*,r_k,k_a,k_k,a0,v0,w0"}
SECONDS = 20.0
"""Of timed calls, a population."""


def programs(problem: EpisodicProblem, population: int) -> list[Program]:
    """`ANSWERS` of each of so many members, and as many without noise."""
    key = jax.random.key(0)
    params = problem.init_params(key)
    layout = problem.objective(Evolution()).layout(params)

    def answers(name: str, members: Population, episodes: int) -> Program:
        def run(members: Population, key: jax.Array) -> tuple[Steps, Any]:
            played = run_episodes(problem, members, key, episodes=episodes, greedy=jnp.bool_(True))
            return Steps(played.lengths, played.computed_steps), played.returns

        return compiled(name, run, members, key)

    found = [answers("inference", Repeated(params, size=1), ANSWERS * population)]
    for name, patterns in FROZEN.items():
        frozen = frozen_leaves(patterns, params)
        noise = Gaussian(params, key, jnp.float32(SIGMA), size=population, rank=1, layout=layout, frozen=frozen)
        found.append(answers(name, noise, ANSWERS))
    return found


def measured(population: int) -> dict[str, Any]:
    """Tokens a second of each, EGGROLL's over those without noise, and shares of the lanes' steps that were useful."""
    config = resolve(TASK, "eggroll", policy="rwkv7", start=START, settings={"lanes": LANES})
    problem = make_problem(config)
    assert isinstance(problem, EpisodicProblem)
    with config.options.arithmetic():
        timings = interleave(programs(problem, population), SECONDS)
    row: dict[str, Any] = {"population": population, "lanes": LANES}
    for name, timing in timings.items():
        assert timing.computed is not None
        row[name] = round(timing.steps_per_second)
        row[f"{name}_occupancy"] = round(timing.useful / timing.computed, 3)
    return row | {f"{name}_ratio": round(row[name] / row["inference"], 3) for name in FROZEN}


@drawing()
def figure(rows: pd.DataFrame) -> Figure:
    made, axes = plt.subplots(figsize=(4.5, 3.2), layout="constrained")
    axes.plot(rows["population"], rows["inference"], color="grey", marker="s", label="without noise")
    axes.plot(rows["population"], rows["eggroll_matrices"], color="black", marker="^", label="EGGROLL, matrices alone")
    axes.plot(rows["population"], rows["eggroll"], color="black", marker="o", label="EGGROLL, and vectors")
    axes.set_xscale("log", base=2)
    axes.set(xlabel="members", ylabel="tokens a second", ylim=(0, None))
    axes.grid(True)
    axes.legend()
    return made


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rows = []
    for population in POPULATIONS:
        rows.append(measured(population))
        print(rows[-1], flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    (RESULTS / "speed.csv").write_text(csv(table))
    (RESULTS / "speed.png").write_bytes(render(figure(table), "png"))


if __name__ == "__main__":
    main()
