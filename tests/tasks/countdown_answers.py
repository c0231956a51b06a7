"""Answers to instances of Countdown, right ones and near misses, and two judges of them: the environment, and rules in
plain Python that share nothing with it."""

import functools
import random
import re
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.suites.countdown import adapter

Instance = tuple[tuple[int, ...], int]
STEP = re.compile(r"(0|[1-9]\d*)([-+*/])(0|[1-9]\d*)=(0|[1-9]\d*)")
LENGTH = 40
"""Characters of the longest answer that is judged."""


def result(left: int, operator: str, right: int) -> int | None:
    """None where it is no whole number, 0 or more."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right if left >= right else None
        case "*":
            return left * right
    return left // right if right and left % right == 0 else None


def parsed(text: str) -> list[tuple[int, str, int, int]] | None:
    """The steps of an answer; None where it is not written as one."""
    if not text.endswith("."):
        return None
    steps = [STEP.fullmatch(part) for part in text[:-1].split(";")]
    return None if None in steps else [(int(one[1]), one[2], int(one[3]), int(one[4])) for one in steps if one]


def is_right(instance: Instance, text: str) -> bool:
    """By the rules: all numbers are used up, each step is true, and the target is left."""
    numbers, target = instance
    pool, steps = list(numbers), parsed(text)
    for left, operator, right, claimed in steps or []:
        for number in (left, right):
            if number not in pool:
                return False
            pool.remove(number)
        if result(left, operator, right) != claimed:
            return False
        pool.append(claimed)
    return bool(steps) and pool == [target]


def judged(instances: Sequence[Instance], texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """What the environment pays for each text, bool, and how many of its characters it takes before the end."""
    tokens = np.full((len(texts), LENGTH), -1, np.int32)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = [adapter.SYMBOLS.index(character) for character in text]
    numbers, targets = (np.array(part, np.int32) for part in zip(*instances, strict=True))
    return jax.device_get(_judged(numbers, targets, tokens))


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, 0, 0))
def _judged(numbers: jax.Array, target: jax.Array, tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
    environment, key = adapter.Countdown(), jax.random.key(0)
    prompt = jnp.zeros(adapter.PROMPT, jnp.int32)
    start = adapter.Writing(prompt, jnp.int32(adapter.READING), target, adapter.blank(numbers))

    def step(carry, token):
        state, over, total, count = carry
        after, transition = environment.step(key, state, token)
        on = ~over & (token >= 0)
        total = total + jnp.where(on, transition.reward, 0.0)
        return (after, over | transition.terminated, total, count + on), None

    (_, _, total, count), _ = jax.lax.scan(step, (start, jnp.bool_(False), 0.0, 0), tokens)
    return total == 1, count


def written(rng: random.Random, numbers: Sequence[int]) -> tuple[list[str], int]:
    """The steps of a legal calculation with all of the numbers, and what it leaves."""
    pool, steps = list(numbers), []
    while len(pool) > 1:
        rng.shuffle(pool)
        left, right, *rest = pool
        operator = rng.choice("+-*/")
        after = result(left, operator, right)
        if after is not None:
            pool = [*rest, after]
            steps.append(f"{left}{operator}{right}={after}")
    return steps, pool[0]


def answers(rng: random.Random, count: int, instance: Callable[[], Instance]) -> tuple[list[Instance], list[str]]:
    """`count` instances with an answer each. Most are near misses of every kind; about a third are right."""
    instances, texts = [], []
    while len(texts) < count:
        numbers, target = instance()
        steps, reached = written(rng, numbers)
        if rng.random() < 0.8:
            target = reached
        text = ";".join(steps) + "."
        instances.append((tuple(numbers), target))
        text = _spoilt(rng, numbers, target, steps, text)[:LENGTH] if rng.random() < 0.6 else text
        texts.append(re.sub(r"\..+", ".", text))  # nothing is written after the end
    return instances, texts


def _spoilt(rng: random.Random, numbers: Sequence[int], target: int, steps: list[str], text: str) -> str:
    place = rng.randrange(len(text))
    which = rng.randrange(len(steps))
    left, operator, right, claimed = parsed(f"{steps[which]}.")[0]
    changed = lambda step: ";".join([*steps[:which], step, *steps[which + 1 :]]) + "."  # noqa: E731
    match rng.randrange(12):
        case 0:  # another character
            return text[:place] + rng.choice(adapter.SYMBOLS) + text[place + 1 :]
        case 1:
            return text[:place] + text[place + 1 :]
        case 2:
            return text[:place] + rng.choice(adapter.SYMBOLS) + text[place:]
        case 3:  # two that change places
            return text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
        case 4:  # a wrong result, with which the others go on
            other = max(claimed + rng.choice([-10, -1, 1, 10]), 0)
            later = [re.sub(rf"\b{claimed}\b(?!$)", str(other), step) for step in steps[which + 1 :]]
            return ";".join([*steps[:which], f"{left}{operator}{right}={other}", *later]) + "."
        case 5:  # another way round, right for + and *
            return changed(f"{right}{operator}{left}={claimed}")
        case 6:  # another operator with its own result, or none
            other = rng.choice("+-*/")
            after = result(left, other, right)
            return changed(f"{left}{other}{right}={claimed if after is None else after}")
        case 7:  # not all numbers
            return ";".join(steps[: which + 1]) + "."
        case 8:  # a number twice
            return ";".join([*steps, f"{target}*{rng.choice(numbers)}={target * numbers[0]}"])[: LENGTH - 1] + "."
        case 9:  # in another order, right where no step needs the one before
            return ";".join(rng.sample(steps, len(steps))) + "."
        case 10:  # zeros in front
            return changed(f"{left}{operator}{right}=0{claimed}" if rng.random() < 0.5 else f"0{steps[which]}")
    return text[:place] + "."


def random_instance(rng: random.Random) -> Instance:
    """Any numbers, with a target that a legal calculation reaches."""
    numbers = [rng.randint(1, adapter.LARGEST) for _ in range(adapter.NUMBERS)]
    return tuple(numbers), written(rng, numbers)[1]
