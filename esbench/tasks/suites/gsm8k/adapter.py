"""Questions with a number as the answer, of a file of the user's in the format of GSM8K: the working and the number are
written out, a byte at a step.

    Ann has 3 bags of 4 apples. How many apples has she?
    She has 3 * 4 = 12 apples.
    #### 12
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.tasks import user_file
from esbench.tasks.environment import Demonstration, Transition
from esbench.tasks.spec import GSM8K, REASONING, TaskSpec, slug
from esbench.tasks.suites.countdown.specs import SOLVED
from esbench.tasks.suites.gsm8k.problems import MARK, Number, Problems
from esbench.tasks.tiers import Budgets

BYTES = 256
BUDGETS = Budgets(smoke=20_000, lite=5_000_000, standard=50_000_000, paper=500_000_000)
_NEWLINE, _MINUS, _COMMA, _POINT, _ZERO = b"\n-,.0"
_NAMED = re.compile(r"(.+?)(?: sha256:([0-9a-f]{64}))?", re.DOTALL)


class Written(NamedTuple):
    """A number as far as it is written. begun, negative, point, digit: bool (), whether anything, a minus in front, a
    point and a digit are there. place: int32 (), how many digits but zeros in front. fits: bool (), whether it is the
    number that is asked for so far."""

    begun: jax.Array
    negative: jax.Array
    point: jax.Array
    digit: jax.Array
    place: jax.Array
    fits: jax.Array


class Answer(NamedTuple):
    """What has been written. marked: int32 (), the bytes of MARK that the line begins with, -1 where it is another
    line. number: what is behind them."""

    marked: jax.Array
    number: Written


class Writing(NamedTuple):
    """An episode. problem: int32 (), its number in the file. at: int32 (), the place of the byte that was seen last, up
    to the question's end."""

    problem: jax.Array
    at: jax.Array
    answer: Answer


@dataclass(frozen=True, eq=False)
class WordProblems:
    """The problems of a file and the judge of their answers. held_out: whether problems are those that are never
    trained on."""

    problems: Problems
    held_out: bool = False

    observation_space = gymnasium.spaces.Box(0.0, BYTES - 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(BYTES)

    def evaluation(self) -> "WordProblems":
        return WordProblems(self.problems, held_out=True)

    def reset(self, key: jax.Array) -> tuple[Writing, jax.Array]:
        problem = self._draw(key)
        state = Writing(problem, jnp.int32(0), blank())
        return state, _seen(self._byte(problem, state.at))

    def step(self, key: jax.Array, state: Writing, action: jax.Array) -> tuple[Writing, Transition]:
        reading = ~self.acts(state)
        target = jax.tree.map(lambda values: jnp.asarray(values)[state.problem], self.problems.numbers)
        answer, over, right = follow(state.answer, target, action)
        at = state.at + reading
        return Writing(
            state.problem, at, jax.tree.map(lambda old, new: jnp.where(reading, old, new), state.answer, answer)
        ), Transition(
            obs=_seen(jnp.where(reading, self._byte(state.problem, at), action)),
            reward=jnp.where(reading, 0.0, right.astype(jnp.float32)),
            terminated=~reading & over,
            truncated=jnp.bool_(False),
        )

    def acts(self, state: Writing) -> jax.Array:
        return state.at >= jnp.asarray(self.problems.questions)[state.problem] - 1

    def written(self, tokens: np.ndarray) -> tuple[str, str]:
        question, _, answer = bytes(np.asarray(tokens, np.uint8)).partition(b"\n")
        return _in_one_line(question), _in_one_line(answer)

    def demonstration(self, key: jax.Array) -> Demonstration:
        """The question of `reset(key)` and the file's answer to it."""
        of, problem = self.problems, self._draw(key)
        place = jnp.arange(of.lengths.max())
        tokens = self._byte(problem, place)  # past the last of the file it is repeated, and not counted
        place = place[:-1]
        return Demonstration(
            observations=tokens[:-1, None].astype(jnp.float32),
            actions=tokens[1:],
            counted=(place >= jnp.asarray(of.questions)[problem] - 1) & (place < jnp.asarray(of.lengths)[problem] - 1),
        )

    def _draw(self, key: jax.Array) -> jax.Array:
        among = self.problems.held_out if self.held_out else self.problems.train
        return jnp.asarray(among)[jax.random.randint(key, (), 0, len(among))]

    def _byte(self, problem: jax.Array, at: jax.Array) -> jax.Array:
        return jnp.asarray(self.problems.text)[jnp.asarray(self.problems.starts)[problem] + at].astype(jnp.int32)


def describe(name: str) -> tuple[TaskSpec, WordProblems]:
    """The spec of `gsm8k:PATH`, whose source id has the file's digest, and its environment, without a cap. A source id
    is a name too. InputError where the file is not in the format, or not of the digest."""
    named: Any = _NAMED.fullmatch(name)
    name, expected = named.groups()
    content = user_file.read(name)
    if expected is not None:
        user_file.check(name, content, expected)
    problems = Problems.of(content, name)
    path = name.removeprefix(f"{GSM8K}:")
    answers = problems.lengths - problems.questions
    spec = TaskSpec(
        id=slug(f"{GSM8K}-{Path(path).name}"),
        suite=GSM8K,
        source_id=f"{name} sha256:{user_file.digest(content)}",
        max_episode_steps=int(problems.questions.max() - 1 + 2 * answers.max()),
        action_kind="discrete",
        description=f"Answer the questions of {path}, a byte at a step; 1 for the right number.",
        budgets=BUDGETS,
        track=REASONING,
        measure=SOLVED,
        cost="tokens",
    )
    return spec, WordProblems(problems)


def blank() -> Answer:
    """Nothing is written yet."""
    no = jnp.bool_(False)
    return Answer(jnp.int32(0), Written(no, no, no, no, jnp.int32(0), jnp.bool_(True)))


def follow(answer: Answer, target: Number, byte: jax.Array) -> tuple[Answer, jax.Array, jax.Array]:
    """The answer with one more byte; whether it is over, bool (), and whether it is right.

    It is over at the end of the first line that begins with MARK. It is right where the rest of that line is a number,
    with at most a minus in front, commas before the point and any zeros, and equal to the target.
    """
    marked, number = answer
    last, ends = marked == len(MARK), byte == _NEWLINE
    goes_on = (marked >= 0) & (jnp.frombuffer(MARK, jnp.uint8)[jnp.clip(marked, 0, len(MARK) - 1)] == byte)
    after = Answer(
        jnp.select([last, ends, goes_on], [marked, jnp.int32(0), marked + 1], jnp.int32(-1)),
        jax.tree.map(lambda old, new: jnp.where(last, new, old), number, _with(number, target, byte)),
    )
    signed = (number.negative == target.negative) | (target.length == 0)
    whole = (number.point | (number.place == target.point)) & (number.place >= target.length)
    return after, last & ends, last & ends & number.fits & number.digit & signed & whole


def _with(number: Written, target: Number, byte: jax.Array) -> Written:
    value = byte - _ZERO
    digit = (value >= 0) & (value <= 9)
    counts = digit & ((value != 0) | (number.place > 0) | number.point)
    # Behind the target's digits only zeros are right; before the point there the place is wrong then.
    place = jnp.minimum(number.place, target.digits.shape[-1] - 1)
    expected = jnp.where(number.place < target.length, target.digits[place], 0)
    minus = (byte == _MINUS) & ~number.begun
    point = (byte == _POINT) & ~number.point
    comma = (byte == _COMMA) & ~number.point
    right = (digit & (~counts | (value == expected))) | minus | comma | (point & (number.place == target.point))
    return Written(
        begun=jnp.bool_(True),
        negative=number.negative | minus,
        point=number.point | point,
        digit=number.digit | digit,
        place=number.place + counts,
        fits=number.fits & right,
    )


def _seen(token: jax.Array) -> jax.Array:
    return jnp.asarray(token, jnp.float32)[None]


def _in_one_line(text: bytes) -> str:
    """What cannot be shown, and ends of lines, as Python writes them."""
    characters = text.decode(errors="replace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in characters)
