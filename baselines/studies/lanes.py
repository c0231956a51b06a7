"""What refilled lanes save: a generation of EGGROLL against one lane for every member, from a fresh policy.

    python -m baselines.studies.lanes

Writes `results/speed/lanes-<device>.md` and `.json`. Takes ten minutes, most of them on CraftaxClassic-v0, of which
the machine should do nothing else.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from baselines.studies.speed import RESULTS, device_name
from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.evolution import EvolutionLoop
from esbench.policies.mlp import MLP
from esbench.population.gaussian import Gaussian
from esbench.population.members import MemberStore
from esbench.rollout.fitness import EpisodicReturn
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from esbench.speed.timing import Program, Steps, Timing, compiled, interleave
from esbench.tasks.registry import task

KEY = jax.random.key(0)


@dataclass(frozen=True)
class Case:
    """A task, how many members, and whether the plain way goes on to the cap or stops with the last episode."""

    task: str
    population: int
    to_the_cap: bool = False


CASES = (Case("CartPole-v1", 2048, to_the_cap=True), Case("Snake-v1", 2048), Case("CraftaxClassic-v0", 1024))


def fresh(name: str, population: int) -> tuple[EvolutionLoop, Any]:
    """The loop of EGGROLL on a task, as in training, and its fresh state."""
    environment = task(name).make()
    policy: Any = MLP().bind(environment.observation_space, environment.action_space)
    problem = EpisodicProblem(environment, policy, Sizes())
    objective = EpisodicReturn(problem, episodes=1, greedy=False, normalize_observations=False)
    strategy: Any = EGGROLL(pop_size=population)
    loop = EvolutionLoop(strategy, objective)
    return loop, jax.jit(loop.init)(KEY)


def asked(loop: EvolutionLoop, state: Any) -> Gaussian:
    """The population that the loop's next step evaluates."""
    key = jax.random.fold_in(state.key, state.generation)
    population: Any = loop.ask(key, state.strategy)[0]
    return population


def generation(loop: EvolutionLoop, state: Any) -> Program:
    """A whole generation: noise, episodes over refilled lanes, shaping, update."""

    def step(state):
        state, metrics = loop.step(state)
        return Steps(metrics.useful_steps, metrics.computed_steps), state

    return compiled("refilled", step, state)


def one_lane_a_member(loop: EvolutionLoop, state: Any, cap: int | None) -> Program:
    """The plain way: a lane for every member, all of them stepped `cap` times, or (None) until the last one ends."""
    objective: Any = loop.objective
    problem, members = objective.problem, asked(loop, state)

    def run(members):
        index = jnp.arange(members.size)
        store = MemberStore.of(members)
        own = store.derive(members, index)
        keys = jax.vmap(lambda i: jax.random.fold_in(KEY, members.pair(i)))(index)
        environment_state, obs = jax.vmap(problem.environment.reset)(keys)

        def step(carry):
            t, environment_state, obs, total, length, running = carry
            _, distribution = store.apply(problem.policy.apply, own, (), obs)
            step_keys = jax.vmap(lambda key: jax.random.fold_in(key, t))(keys)
            action = jax.vmap(lambda d, key: d.sample(key))(distribution, step_keys)
            environment_state, after = jax.vmap(problem.step)(step_keys, environment_state, action)
            total = total + jnp.where(running, after.reward, 0)
            length = length + running
            running = running & ~(after.terminated | after.truncated)
            return t + 1, environment_state, after.obs, total, length, running

        def goes_on(carry):
            t, *_, running = carry
            return running.any() if cap is None else t < cap

        zeros = jnp.zeros(members.size)
        start = (jnp.int32(0), environment_state, obs, zeros, zeros.astype(jnp.int32), zeros == 0)
        steps, _, _, total, length, _ = jax.lax.while_loop(goes_on, step, start)
        return Steps(length, jnp.full(members.size, steps)), total

    return compiled("one lane a member", run, members)


def measure(case: Case, seconds: float = 60) -> dict[str, Timing]:
    loop, state = fresh(case.task, case.population)
    cap = task(case.task).spec.max_episode_steps if case.to_the_cap else None
    return interleave([generation(loop, state), one_lane_a_member(loop, state, cap)], seconds)


def main(out: Path = RESULTS, cases: tuple[Case, ...] = CASES) -> None:
    """Writes lanes-<device>.{json,md} below `out`."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        "A generation of EGGROLL (3 x 256, rank 1) from a fresh policy; seconds are medians, occupancy is useful over",
        "computed steps.",
        "",
        "| task | members | refilled lanes, s | occupancy | one lane a member, s | occupancy | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    documents = []
    for case in cases:
        timings = measure(case)
        seconds = {name: float(np.median(timing.seconds)) for name, timing in timings.items()}
        busy = {name: timing.useful / (timing.computed or timing.useful) for name, timing in timings.items()}
        ratio = seconds["one lane a member"] / seconds["refilled"]
        cells = [f"{seconds[name]:.2f} | {busy[name]:.2f}" for name in timings]
        lines.append(f"| {case.task} | {case.population} | {' | '.join(cells)} | {ratio:.1f} |")
        print(lines[-1], flush=True)
        documents.append({"task": case.task, "population": case.population, "seconds": seconds, "occupancy": busy})
    (out / f"lanes-{device_name()}.json").write_text(json.dumps(documents, indent=1) + "\n")
    (out / f"lanes-{device_name()}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
