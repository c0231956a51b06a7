"""Countdown: four numbers become a target by calculations that are written out, a character at a step.

    9731>84  9+3=12;12*7=84;84*1=84.

All of it is integer arithmetic on whole arrays, so that thousands of answers are checked side by side.
"""

from dataclasses import dataclass
from typing import NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks.environment import Demonstration, Transition
from esbench.tasks.spec import TaskSpec
from esbench.tasks.suites.countdown.render import picture

SYMBOLS = "0123456789+-*/=;.>"
"""A token is the place of a character here."""
NUMBERS = 4
LARGEST = 9
"""Numbers are 1 to this."""
TARGETS = (30, 99)
HELD_OUT = 10
"""One instance of so many is held out."""
PROMPT = NUMBERS + 3
"""Tokens of a prompt: the numbers from the largest on, `>`, two digits of the target."""
READING = PROMPT - 1
"""Steps whose action is ignored: the next token is the prompt's."""
LONGEST = 25
"""Tokens of the longest right answer, such as 9*9=81;81*9=729;729/9=81."""

_PLUS, _MINUS, _TIMES, _OVER = OPERATORS = range(10, 14)
_EQUALS, _NEXT, _END, _GIVES = range(14, 18)
_NONE = -1  # in the place of a number: there is none
_LONGEST_SHOWN = 23  # of demonstrations, whose numbers have two digits at most
# Every two of the numbers.
_ONE, _OTHER = np.triu_indices(NUMBERS, 1)


class Instance(NamedTuple):
    """numbers: int32 (4,), the largest first. target: int32 (). moves: int32 (3, 4), a calculation that reaches it, of
    which each is left, operator's token, right, result."""

    numbers: jax.Array
    target: jax.Array
    moves: jax.Array


class Answer(NamedTuple):
    """What has been written, as far as what may follow depends on it.

    pool: int32 (4,), the numbers that are there to be used, -1 where none is. wanted: int32 (4,), those that may be
    written now, -1 likewise. written: int32 (), the digits of one so far as a number, -1 before the first. left: int32
    (), the calculation's first number. operator: int32 (), its token. stage: int32 (), what is written: 0 the first
    number, 1 the second, 2 the result.
    """

    pool: jax.Array
    wanted: jax.Array
    written: jax.Array
    left: jax.Array
    operator: jax.Array
    stage: jax.Array


class Writing(NamedTuple):
    """An episode. prompt: int32 (7,), tokens. at: int32 (), which of them was seen last. target: int32 ()."""

    prompt: jax.Array
    at: jax.Array
    target: jax.Array
    answer: Answer


@dataclass(frozen=True)
class Countdown:
    """Instances and the judge of their answers. held_out: whether instances are those that are never trained on."""

    held_out: bool = False

    observation_space = gymnasium.spaces.Box(0.0, len(SYMBOLS) - 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(len(SYMBOLS))

    def evaluation(self) -> "Countdown":
        return Countdown(held_out=True)

    def reset(self, key: jax.Array) -> tuple[Writing, jax.Array]:
        instance = draw(key, self.held_out)
        state = Writing(prompt(instance), jnp.int32(0), instance.target, blank(instance.numbers))
        return state, _seen(state.prompt[0])

    def step(self, key: jax.Array, state: Writing, action: jax.Array) -> tuple[Writing, Transition]:
        reading = state.at < READING
        answer, legal, right = follow(state.answer, state.target, action)
        answer = jax.tree.map(lambda before, after: jnp.where(reading, before, after), state.answer, answer)
        at = jnp.minimum(state.at + 1, READING)
        token = jnp.where(reading, state.prompt[at], action)
        return state._replace(at=at, answer=answer), Transition(
            obs=_seen(token),
            reward=jnp.where(reading, 0.0, right.astype(jnp.float32)),
            terminated=~reading & (right | ~legal),
            truncated=jnp.bool_(False),
        )

    def acts(self, state: Writing) -> jax.Array:
        return state.at >= READING

    def written(self, tokens: np.ndarray) -> tuple[str, str]:
        characters = "".join(SYMBOLS[int(token)] for token in tokens)
        return characters[:PROMPT], characters[PROMPT:]

    def render(self, state: Writing) -> np.ndarray:
        problem, _ = self.written(np.asarray(state.prompt))
        return picture(problem, np.asarray(state.answer.pool).tolist(), int(state.answer.written))

    def demonstration(self, key: jax.Array) -> Demonstration:
        """The prompt of `reset(key)` and a right answer to it."""
        instance = draw(key, self.held_out)
        written, count = text(instance.moves)
        tokens = jnp.concatenate([prompt(instance), written])
        place = jnp.arange(len(tokens) - 1)
        return Demonstration(
            observations=tokens[:-1, None].astype(jnp.float32),
            actions=tokens[1:],
            counted=(place >= READING) & (place < READING + count),
        )


def make(spec: TaskSpec) -> Countdown:
    return Countdown()


def draw(key: jax.Array, held_out: bool) -> Instance:
    """An instance whose target a random calculation reaches; of those that are held out, or of the others."""

    def fits(drawn: tuple[jax.Array, Instance]) -> jax.Array:
        _, instance = drawn
        in_range = (instance.target >= TARGETS[0]) & (instance.target <= TARGETS[1])
        return in_range & (is_held_out(instance.numbers, instance.target) == held_out)

    def again(drawn: tuple[jax.Array, Instance]) -> tuple[jax.Array, Instance]:
        count, _ = drawn
        return count + 1, _calculation(jax.random.fold_in(key, count))

    nothing = Instance(jnp.zeros(NUMBERS, jnp.int32), jnp.int32(0), jnp.zeros((NUMBERS - 1, 4), jnp.int32))
    return jax.lax.while_loop(lambda drawn: ~fits(drawn), again, (jnp.int32(0), nothing))[1]


def is_held_out(numbers: jax.Array, target: jax.Array) -> jax.Array:
    """bool (): whether the instance is never trained on. It depends on its numbers, int32 (4,), whose order does not
    matter, and its target alone."""
    parts = jnp.append(jnp.sort(numbers), target).astype(jnp.uint32)
    code = jnp.uint32(0)
    for part in parts:  # of a polynomial hash, finished as MurmurHash3 is
        code = (code + part) * jnp.uint32(0x9E3779B1)
        code = code ^ (code >> 15)
    for factor in (0x85EBCA6B, 0xC2B2AE35):
        code = (code ^ (code >> 13)) * jnp.uint32(factor)
    return (code ^ (code >> 16)) % HELD_OUT == 0


def _calculation(key: jax.Array) -> Instance:
    """Four numbers, and three moves that leave one: each drawn from those whose result is 1 to 99, the larger number
    first, without divisions by 1."""
    numbers_key, *keys = jax.random.split(key, NUMBERS)
    numbers = jax.random.randint(numbers_key, (NUMBERS,), 1, LARGEST + 1, jnp.int32)
    numbers = jnp.sort(numbers, descending=True)
    pool, moves = numbers, []
    operators = jnp.array(OPERATORS)[:, None]
    for move_key in keys:
        left, right = jnp.maximum(pool[_ONE], pool[_OTHER]), jnp.minimum(pool[_ONE], pool[_OTHER])
        results = calculate(left, operators, right)  # (operators, pairs)
        usable = allowed(left, operators, right) & (right > 0) & (results > 0) & (results <= 99)
        usable &= (operators != _OVER) | (right != 1)
        # The one of the usable ones whose number is drawn.
        wanted = jax.random.randint(move_key, (), 0, usable.sum(), jnp.int32)
        move = jnp.argmax(jnp.cumsum(usable.ravel()) > wanted)
        operator, pair = move // len(_ONE), move % len(_ONE)
        result = results[operator, pair]
        moves.append(jnp.stack([left[pair], operators[operator, 0], right[pair], result]))
        places = jnp.arange(NUMBERS)
        pool = jnp.where(places == jnp.array(_ONE)[pair], result, pool)
        pool = jnp.where(places == jnp.array(_OTHER)[pair], _NONE, pool)
    return Instance(numbers, pool.max(), jnp.stack(moves))


def calculate(left: jax.Array, operator: jax.Array, right: jax.Array) -> jax.Array:
    """The result where it is `allowed`, elementwise."""
    results = [left + right, left - right, left * right, left // jnp.maximum(right, 1)]
    return jnp.select([operator == one for one in OPERATORS[:-1]], results[:-1], results[-1])


def allowed(left: jax.Array, operator: jax.Array, right: jax.Array) -> jax.Array:
    """Whether the result is a whole number, 0 or more, elementwise."""
    divides = (right > 0) & (left % jnp.maximum(right, 1) == 0)
    return ((operator != _MINUS) | (left >= right)) & ((operator != _OVER) | divides)


def prompt(instance: Instance) -> jax.Array:
    """int32 (7,), tokens."""
    target = jnp.stack([jnp.int32(_GIVES), instance.target // 10, instance.target % 10])
    return jnp.concatenate([instance.numbers, target])


def text(moves: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Moves written out, int32 (23,), tokens, and how many of these they are."""
    blank_token = -1

    def digits(number: jax.Array) -> list[jax.Array]:
        return [jnp.where(number < 10, blank_token, number // 10), number % 10]

    spread = []
    for which, (left, operator, right, result) in enumerate(moves):
        end = _END if which == len(moves) - 1 else _NEXT
        spread += [*digits(left), operator, *digits(right), jnp.int32(_EQUALS), *digits(result), jnp.int32(end)]
    tokens = jnp.stack(spread)
    order = jnp.argsort(tokens == blank_token, stable=True)
    return jnp.maximum(tokens[order][:_LONGEST_SHOWN], 0), (tokens != blank_token).sum()


def blank(numbers: jax.Array) -> Answer:
    """Nothing is written yet."""
    return Answer(numbers, numbers, jnp.int32(_NONE), jnp.int32(0), jnp.int32(0), jnp.int32(0))


def follow(answer: Answer, target: jax.Array, token: jax.Array) -> tuple[Answer, jax.Array, jax.Array]:
    """The answer with one more character; whether it is a legal one, bool (), and whether it ends a right answer.

    Legal is what an unfinished answer of legal calculations begins with: each uses two numbers that are there, in the
    place of which its result is then there, a whole number, 0 or more. `.` is legal where it ends a right answer, which
    leaves the target alone.
    """
    pool, wanted, written, left, operator, stage = answer
    begun = jnp.where(written == _NONE, token, 10 * written + token)
    # A number begins with these digits where it is them after a few of its own are dropped; without zeros in front.
    dropped = wanted[:, None] // jnp.array([1, 10, 100, 1000])
    begins = (dropped == begun) & (dropped > 0) | (wanted[:, None] == begun)
    digit = (token < 10) & (written != 0) & begins.any()

    complete = (wanted == written) & (written != _NONE)
    whole = complete.any()
    rest = jnp.where(jnp.arange(NUMBERS) == jnp.argmax(complete), _NONE, pool)
    fitting = jnp.where((rest != _NONE) & allowed(written, token, rest), rest, _NONE)
    operates = (stage == 0) & (token >= _PLUS) & (token <= _OVER) & whole & (fitting != _NONE).any()

    equals = (stage == 1) & (token == _EQUALS) & whole
    result = jnp.full(NUMBERS, _NONE).at[0].set(calculate(left, operator, written))

    alone = (pool == _NONE).all()
    goes_on = (stage == 2) & (token == _NEXT) & whole & ~alone
    joined = jnp.where(jnp.arange(NUMBERS) == jnp.argmax(pool == _NONE), written, pool)
    right = (stage == 2) & (token == _END) & whole & alone & (written == target)

    none = jnp.int32(_NONE)
    after = [
        Answer(pool, wanted, begun, left, operator, stage),
        Answer(rest, fitting, none, written, token, stage + 1),
        Answer(rest, result, none, left, operator, stage + 1),
        Answer(joined, joined, none, left, operator, jnp.int32(0)),
    ]
    cases = [digit, operates, equals, goes_on]
    chosen = jax.tree.map(lambda before, *leaves: jnp.select(cases, leaves, before), answer, *after)
    return chosen, digit | operates | equals | goes_on | right, right


def legal(state: Writing) -> jax.Array:
    """bool (tokens,): which do not end the episode without a reward."""
    return jax.vmap(lambda token: follow(state.answer, state.target, token)[1])(jnp.arange(len(SYMBOLS)))


def _seen(token: jax.Array) -> jax.Array:
    return jnp.asarray(token, jnp.float32)[None]
