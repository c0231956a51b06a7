"""The anchors of tasks that are measured: the mean return of random actions, and of a simple rule where there is one.

    python baselines/studies/anchors.py                            all of them: about an hour, most of it Craftax-v0
    python baselines/studies/anchors.py --tasks CartPole-v1,Snake-v1 --policies heuristic,legal

Writes `anchors.csv` beside this file; tasks and policies that were not asked for keep their rows. The catalogue's
values are these, rounded. Episode i has the i-th key split from key 0.
"""

import argparse
import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

import esbench
from esbench.keys import stream
from esbench.tasks.catalogue import CATALOGUE
from esbench.tasks.environment import Environment
from esbench.tasks.suites.brax.specs import STILL
from esbench.tasks.suites.jumanji.specs import LEGAL
from esbench.tasks.suites.kinetix.specs import NOOP

OUT = Path(__file__).with_suffix(".csv")
COLUMNS = ("task", "policy", "rule", "episodes", "mean", "standard_error", "mean_length")
LANES = 1000

# A rule gives an action for a key and an observation.
Rule = Callable[[jax.Array, jax.Array], jax.Array]


def random_actions(space: Any, key: jax.Array, obs: jax.Array) -> jax.Array:
    if isinstance(space, gymnasium.spaces.Discrete):
        return jax.random.randint(key, (), 0, int(space.n), jnp.int32)
    return jax.random.uniform(key, space.shape, minval=jnp.asarray(space.low), maxval=jnp.asarray(space.high))


def nothing(space: Any, key: jax.Array, obs: jax.Array) -> jax.Array:
    return jnp.zeros(space.shape)


def legal(mask: slice, space: Any, key: jax.Array, obs: jax.Array) -> jax.Array:
    return jax.random.categorical(key, jnp.where(obs[mask] > 0, 0.0, -jnp.inf)).astype(jnp.int32)


def against_the_fall(space: Any, key: jax.Array, obs: jax.Array) -> jax.Array:
    return (obs[2] + 0.5 * obs[3] > 0).astype(jnp.int32)


def greedy_packing(space: Any, key: jax.Array, obs: jax.Array) -> jax.Array:
    weights, values, fits = obs[:50], obs[50:100], obs[150:]
    return jnp.argmax(jnp.where(fits > 0, values / weights, -1.0)).astype(jnp.int32)


RULES: dict[tuple[str, str], tuple[str, Callable]] = {
    **{(spec.id, "random"): ("uniformly random actions", random_actions) for spec in CATALOGUE},
    ("CartPole-v1", "heuristic"): ("push where the pole falls: the sign of angle + velocity / 2", against_the_fall),
    ("Ant-v0", "heuristic"): (STILL, nothing),
    ("Humanoid-v0", "heuristic"): (STILL, nothing),
    ("InvertedDoublePendulum-v0", "heuristic"): ("no force", nothing),
    ("Game2048-v1", "heuristic"): (LEGAL, partial(legal, slice(16, 20))),
    ("Snake-v1", "heuristic"): (LEGAL, partial(legal, slice(721, 725))),
    ("Knapsack-v1", "heuristic"): ("greedy by value per weight", greedy_packing),
    ("Knapsack-v1", "legal"): (LEGAL, partial(legal, slice(150, 200))),
    ("HardPinball-v0", "heuristic"): (NOOP, nothing),
    ("ThrustControlLeft-v0", "heuristic"): (NOOP, nothing),
    ("ThrustOverBall-v0", "heuristic"): (NOOP, nothing),
}
EPISODES = {
    **{(spec.id, "random"): 10_000 for spec in CATALOGUE},
    **{(spec.id, "random"): 20_000 for spec in CATALOGUE if spec.suite == "navix"},
    **{(spec.id, "random"): 1000 for spec in CATALOGUE if spec.suite in ("brax", "kinetix")},
    ("InvertedDoublePendulum-v0", "random"): 2000,
    ("CraftaxClassic-v0", "random"): 1000,
    ("Craftax-v0", "random"): 256,
    ("Game2048-v1", "random"): 4000,
    ("CartPole-v1", "heuristic"): 10_000,
    ("Ant-v0", "heuristic"): 64,
    ("Humanoid-v0", "heuristic"): 256,
    ("InvertedDoublePendulum-v0", "heuristic"): 1000,
    ("Game2048-v1", "heuristic"): 4000,
    ("Snake-v1", "heuristic"): 10_000,
    ("Knapsack-v1", "heuristic"): 20_000,
    ("Knapsack-v1", "legal"): 10_000,
    # One start, no chance: every episode is the same.
    ("HardPinball-v0", "heuristic"): 1,
    ("ThrustControlLeft-v0", "heuristic"): 1,
    ("ThrustOverBall-v0", "heuristic"): 1,
}


def episode(environment: Environment, rule: Rule, key: jax.Array) -> tuple:
    """The return and the length of one episode."""
    state, obs = environment.reset(stream(key, "reset"))

    def step(carry):
        state, obs, total, length, _ = carry
        step_key = jax.random.fold_in(stream(key, "step"), length)
        action = rule(stream(step_key, "action"), obs)
        state, transition = environment.step(stream(step_key, "environment"), state, action)
        over = transition.terminated | transition.truncated
        return state, transition.obs, total + transition.reward, length + 1, over

    start = (state, obs, jnp.float32(0), jnp.int32(0), jnp.bool_(False))
    _, _, total, length, _ = jax.lax.while_loop(lambda carry: ~carry[4], step, start)
    return total, length


def measure(task: str, policy: str, episodes: int) -> dict[str, Any]:
    """The row of a task and policy."""
    name, rule = RULES[task, policy]
    environment = esbench.make(task)
    play = jax.jit(jax.vmap(partial(episode, environment, partial(rule, environment.action_space))))
    keys = jax.random.split(jax.random.key(0), episodes)
    played = [play(keys[start : start + LANES]) for start in range(0, episodes, LANES)]
    returns, lengths = (np.concatenate(part).astype(float) for part in zip(*jax.device_get(played), strict=True))
    error = returns.std(ddof=1) / np.sqrt(episodes) if episodes > 1 else 0.0
    return dict(zip(COLUMNS, (task, policy, name, episodes, returns.mean(), error, lengths.mean()), strict=True))


def read(path: Path = OUT) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of the file by task and policy."""
    with path.open(newline="") as file:
        return {(row["task"], row["policy"]): row for row in csv.DictReader(file)}


def main(wanted: list[tuple[str, str]], episodes: int | None = None, out: Path = OUT) -> None:
    rows: dict[tuple[str, str], Any] = dict(read(out)) if out.exists() else {}
    for pair in wanted:
        row = measure(*pair, episodes or EPISODES[pair])
        row |= {name: f"{row[name]:.6g}" for name in ("mean", "standard_error", "mean_length")}
        rows[pair] = row
        print(*row.values(), sep="  ", flush=True)
        with out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[pair] for pair in RULES if pair in rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(spec.id for spec in CATALOGUE))
    parser.add_argument("--policies", default="random,heuristic,legal")
    parser.add_argument("--episodes", type=int, help="of each (default: as committed)")
    arguments = parser.parse_args()
    tasks, policies = arguments.tasks.split(","), arguments.policies.split(",")
    main([pair for pair in RULES if pair[0] in tasks and pair[1] in policies], arguments.episodes)
