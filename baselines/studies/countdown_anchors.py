"""What Countdown-v0 has as anchors, of the instances that evaluations have.

    python baselines/studies/countdown_anchors.py                 writes countdown_anchors.csv here
    python baselines/studies/countdown_anchors.py --episodes 1000  a look: prints only

Random tokens, random legal characters, and an exhaustive search; then how many instances there are, and of each how
many values can be reached and in how many ways of play the target is.
"""

import argparse
import csv
import functools
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import esbench
from esbench.keys import stream
from esbench.tasks.environment import evaluation
from esbench.tasks.suites.countdown import adapter
from esbench.tasks.suites.countdown.specs import COUNTDOWN

OUT = Path(__file__).with_suffix(".csv")
COLUMNS = ("quantity", "value", "standard_error", "samples")
EPISODES = 100_000
LANES = 1000
SEARCHED = 2000


def played(legal: bool, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns and lengths of episodes of random tokens, or of random legal ones, whose keys are split from key 0."""
    environment = evaluation(esbench.make(COUNTDOWN.id))

    def episode(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        def step(carry):
            state, total, length, _ = carry
            own = jax.random.fold_in(stream(key, "action"), length)
            wanted = adapter.legal(state.inner) if legal else jnp.ones(len(adapter.SYMBOLS), bool)
            # Where nothing is legal one is as good as another.
            action = jax.random.categorical(own, jnp.where(wanted | ~wanted.any(), 0.0, -jnp.inf))
            state, transition = environment.step(key, state, action.astype(jnp.int32))
            over = transition.terminated | transition.truncated
            return state, total + transition.reward, length + 1, over

        start = (environment.reset(stream(key, "reset"))[0], jnp.float32(0), jnp.int32(0), jnp.bool_(False))
        _, total, length, _ = jax.lax.while_loop(lambda carry: ~carry[3], step, start)
        return total, length

    program = jax.jit(jax.vmap(episode))
    keys = jax.random.split(jax.random.key(0), episodes)
    parts = [jax.device_get(program(keys[at : at + LANES])) for at in range(0, episodes, LANES)]
    returns, lengths = (np.concatenate(part).astype(float) for part in zip(*parts, strict=True))
    return returns, lengths


def moves(pool: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The pools after each legal calculation with two of the numbers, in order."""
    for one, other in itertools.permutations(range(len(pool)), 2):
        left, right = pool[one], pool[other]
        rest = [number for place, number in enumerate(pool) if place not in (one, other)]
        results = [left + right, left * right]
        results += [left - right] if left >= right else []
        results += [left // right] if right and left % right == 0 else []
        for result in results:
            yield tuple(sorted([*rest, result]))


@functools.cache
def ways(pool: tuple[int, ...]) -> Counter[int]:
    """What all calculations of a pool give, and how many of them."""
    if len(pool) == 1:
        return Counter(pool)
    found: Counter[int] = Counter()
    for after in moves(pool):
        found += ways(after)
    return found


def solvable() -> list[tuple[tuple[int, ...], int]]:
    """All numbers, in order, with each target that they reach."""
    lowest, highest = adapter.TARGETS
    pools = itertools.combinations_with_replacement(range(1, adapter.LARGEST + 1), adapter.NUMBERS)
    return [(pool, target) for pool in pools for target in sorted(ways(pool)) if lowest <= target <= highest]


def held_out(instances: list[tuple[tuple[int, ...], int]]) -> np.ndarray:
    """bool (instances,)."""
    numbers, targets = (jnp.array(part, jnp.int32) for part in zip(*instances, strict=True))
    return np.asarray(jax.jit(jax.vmap(adapter.is_held_out))(numbers, targets))


def searched(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of `count` instances of evaluations: whether the search finds an answer, and the share of all calculations that
    are one."""
    keys = jax.random.split(jax.random.key(0), count)
    drawn = jax.device_get(jax.jit(jax.vmap(lambda key: adapter.draw(stream(key, "reset"), True)))(keys))
    found = [ways(tuple(sorted(numbers.tolist()))) for numbers in drawn.numbers]
    right = [each[int(target)] for each, target in zip(found, drawn.target, strict=True)]
    return np.array(right) > 0, np.array([one / each.total() for one, each in zip(right, found, strict=True)])


def anchors(episodes: int, count: int) -> dict[str, tuple[float, float, int]]:
    """Values by name, each with its standard error and how many samples it is of."""

    def mean(values: np.ndarray) -> tuple[float, float, int]:
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))), len(values)

    found = {}
    for name, legal in (("random", False), ("random legal", True)):
        returns, lengths = played(legal, episodes)
        found |= {name: mean(returns), f"tokens of {name}": mean(lengths)}
    solved, share = searched(count)
    found |= {"exhaustive": mean(solved.astype(float)), "share of calculations that are right": mean(share)}
    instances = solvable()
    kept = held_out(instances)
    return found | {"instances": (len(kept), 0.0, len(kept)), "held out": (int(kept.sum()), 0.0, len(kept))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=EPISODES)
    episodes = parser.parse_args().episodes
    found = anchors(episodes, min(SEARCHED, episodes))
    rows = [(name, f"{value:.6g}", f"{error:.2g}", samples) for name, (value, error, samples) in found.items()]
    for row in rows:
        print(*row, sep="  ")
    if episodes == EPISODES:
        with OUT.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
