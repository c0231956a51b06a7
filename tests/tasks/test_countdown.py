"""Countdown: its verdicts are those of the rules, its instances are held out, and what it shows is right."""

import functools
import itertools
import random
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.tasks.environment import evaluation, picture
from esbench.tasks.suites.countdown import adapter
from esbench.tasks.suites.countdown.specs import COUNTDOWN
from tests.tasks.countdown_answers import answers, is_right, judged, parsed, random_instance, result, written


def text_of(tokens):
    return "".join(adapter.SYMBOLS[int(token)] for token in tokens)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("text", "right"),
        [
            ("9+3=12;12*7=84;84*1=84.", True),
            ("3+9=12;7*1=7;12*7=84.", True),
            ("9+3=12;7/1=7;7*12=84.", True),
            ("9+3=12;12*7=84.", False),  # 1 is left
            ("9+3=12;12*7=84;84*1=84;", False),
            ("9+3=12;12*7=84;84*1=84", False),
            ("9+3=12;12*7=84;84/1=84.", True),
            ("9+3=12;12*7=84;84+1=85.", False),
            ("9+3=12;12*7=84;84-1=84.", False),
            ("9+3=12;12*7=84;84*01=84.", False),
            ("9+3=12;2*7=14;", False),
            ("9+3=12;9*7=63;63*1=63.", False),
            (".", False),
            ("84.", False),
        ],
    )
    def test_known_answers(self, text, right):
        instance = (9, 7, 3, 1), 84
        assert judged([instance], [text])[0].item() is is_right(instance, text) is right

    def test_nothing_and_parts_of_numbers(self):
        """0 may come up and be used, but not divided by; a number is not used by its first digits."""
        cases = {
            ((3, 3, 8, 9), 72): {"3-3=0;0+9=9;9*8=72.": True, "3-3=0;9+0=9;8*9=72.": True, "3-3=0;8/0=0;": False},
            ((9, 9, 1, 8), 10): {"9*9=81;8+1=9;81/9=9.": False, "9*9=81;81+1=82;82-8=74.": False},
            ((9, 9, 8, 8), 80): {"9*9=81;8/8=1;81-1=80.": True, "9*9=81;8/8=1;8-1=7.": False},
        }
        for instance, texts in cases.items():
            found, _ = judged([instance] * len(texts), list(texts))
            assert found.tolist() == list(texts.values()) == [is_right(instance, text) for text in texts]

    def test_near_misses(self):
        rng = random.Random(0)
        instances, texts = answers(rng, 20_000, lambda: random_instance(rng))
        expected = [is_right(*pair) for pair in zip(instances, texts, strict=True)]
        found, counts = judged(instances, texts)
        cases = zip(instances, texts, found, expected, strict=True)
        assert [case for case in cases if case[2] != case[3]] == []
        assert 0.3 < np.mean(expected) < 0.6
        # A right answer is read to its end.
        assert all(count == len(text) for count, text, right in zip(counts, texts, expected, strict=True) if right)

    @pytest.mark.parametrize("numbers", [(9, 7, 3, 1), (9, 9, 1, 1), (8, 4, 2, 2)])
    def test_legal_is_what_a_legal_calculation_begins_with(self, numbers):
        whole, target = every_calculation(numbers), 72
        right = {f"{text}." for text in whole if text.endswith(f"={target}")}
        begun = {text[:length] for text in [*whole, *right] for length in range(len(text) + 1)}
        rng = random.Random(1)
        prefixes = [text[: rng.randrange(len(text) + 1)] for text in rng.choices(sorted(whole), k=300)]
        found = masks(numbers, target, prefixes)
        for prefix, mask in zip(prefixes, found, strict=True):
            assert {s for s, legal in zip(adapter.SYMBOLS, mask, strict=True) if legal} == {
                symbol for symbol in adapter.SYMBOLS if prefix + symbol in begun
            }

    def test_the_first_illegal_character_is_the_last(self):
        instance = (9, 7, 3, 1), 84
        texts = ["5", "9=", "9+3=11", "9+3=12.", "9+3=12;9", "9+3=12;12*7=84;84*1=84;", ">", "3-7", "7/3"]
        found, counts = judged([instance] * len(texts), [f"{text}9+3=12" for text in texts])
        assert not found.any() and counts.tolist() == [len(text) for text in texts]


def every_calculation(numbers):
    """All legal calculations with all of the numbers, written out without their end."""
    if len(numbers) == 1:
        return {""}
    found = set()
    for one, other in itertools.permutations(range(len(numbers)), 2):
        rest = tuple(number for place, number in enumerate(numbers) if place not in (one, other))
        for operator in "+-*/":
            after = result(numbers[one], operator, numbers[other])
            if after is not None:
                step = f"{numbers[one]}{operator}{numbers[other]}={after}"
                found |= {f"{step};{later}" if later else step for later in every_calculation((*rest, after))}
    return found


def masks(numbers, target, prefixes):
    """What is legal after each prefix."""

    @jax.jit
    @jax.vmap
    def after(tokens):
        def write(answer, token):
            following = adapter.follow(answer, jnp.int32(target), token)[0]
            return jax.tree.map(lambda old, new: jnp.where(token < 0, old, new), answer, following), None

        answer, _ = jax.lax.scan(write, adapter.blank(jnp.array(numbers, jnp.int32)), tokens)
        prompt = jnp.zeros(adapter.PROMPT, jnp.int32)
        return adapter.legal(adapter.Writing(prompt, jnp.int32(adapter.READING), jnp.int32(target), answer))

    longest = max(map(len, prefixes))
    tokens = [[adapter.SYMBOLS.index(s) for s in prefix] + [-1] * (longest - len(prefix)) for prefix in prefixes]
    return np.asarray(after(jnp.array(tokens, jnp.int32)))


@functools.cache
def drawn(held_out, count=1000):
    """Instances, each as its numbers in order and its target."""
    keys = jax.random.split(jax.random.key(7), count)
    instances = jax.device_get(jax.jit(jax.vmap(lambda key: adapter.draw(key, held_out)))(keys))
    return [(tuple(sorted(n)), int(t)) for n, t in zip(instances.numbers.tolist(), instances.target, strict=True)]


class TestInstances:
    def test_those_of_evaluations_are_never_trained_on(self):
        trained, held_out = set(drawn(False)), set(drawn(True))
        assert len(trained) > 800 and len(held_out) > 400
        assert not trained & held_out
        lowest, highest = adapter.TARGETS
        assert all(lowest <= target <= highest for _, target in trained | held_out)

    def test_which_are_held_out_is_a_matter_of_their_numbers_and_target_alone(self):
        numbers = np.array([numbers for numbers, _ in drawn(True)], np.int32)
        targets = np.array([target for _, target in drawn(True)], np.int32)
        shuffled = np.random.default_rng(0).permuted(numbers, axis=1)
        held_out = jax.jit(jax.vmap(adapter.is_held_out))
        assert held_out(shuffled, targets).all()
        some = np.random.default_rng(1).integers(1, 10, (20_000, 4)), np.random.default_rng(2).integers(30, 100, 20_000)
        assert np.mean(held_out(*some)) == pytest.approx(1 / adapter.HELD_OUT, abs=0.015)

    def test_the_longest_right_answer_fits_the_cap(self):
        rng, longest = random.Random(0), 0
        for numbers in [(9, 9, 9, 9), (9, 9, 9, 8), (9, 9, 8, 8), (9, 8, 8, 8), (9, 9, 9, 1), (9, 9, 9, 2)]:
            whole = [text for text in every_calculation(numbers) if int(text.rpartition("=")[2]) <= 99]
            longest = max(longest, *(len(text) + 1 for text in whole))
        assert longest == adapter.LONGEST
        # A number has at most the digits of 9 to the fourth power, which four numbers cannot pass.
        assert max(written(rng, (9, 9, 9, 9))[1] for _ in range(2000)) <= 9**4


class TestEpisodes:
    def test_a_demonstration_is_an_episode_that_is_done_rightly(self, environment):
        trained, held_out = environment(COUNTDOWN.id), evaluation(environment(COUNTDOWN.id))
        assert held_out.observation_space == trained.observation_space
        assert held_out.action_space == trained.action_space

        @jax.jit
        @jax.vmap
        def played(key):
            shown = held_out.demonstration(key)
            state, obs = held_out.reset(key)

            def step(carry, shown):
                state, obs, over = carry
                observation, action, counted = shown
                state, after = held_out.step(key, state, action)
                same = over | (obs == observation).all()
                return (state, after.obs, over | after.terminated), (same, after.reward * ~over, counted & over)

            end, (same, rewards, too_long) = jax.lax.scan(step, (state, obs, jnp.bool_(False)), shown)
            return end[2], same.all(), rewards.sum(), too_long.any(), shown

        over, same, total, too_long, shown = jax.device_get(played(jax.random.split(jax.random.key(7), 500)))
        assert over.all() and same.all() and (total == 1).all() and not too_long.any()
        assert shown.observations.shape == (500, 29, 1) and shown.observations.dtype == np.float32
        for seen, actions, counted in zip(shown.observations[..., 0], shown.actions, shown.counted, strict=True):
            assert not counted[: adapter.READING].any()
            prompt, answer = text_of(seen[: adapter.PROMPT]), text_of(actions[counted])
            assert re.fullmatch(r"[1-9]{4}>[3-9]\d", prompt)
            instance = tuple(map(int, prompt[:4])), int(prompt[5:])
            assert is_right(instance, answer)
            assert all(left >= right and claimed <= 99 for left, _, right, claimed in parsed(answer))

    def test_actions_are_ignored_while_the_prompt_is_read(self, environment):
        countdown = environment(COUNTDOWN.id)

        def read(key, action):
            state, first = countdown.reset(key)
            _, after = jax.lax.scan(lambda s, _: countdown.step(key, s, action), state, length=adapter.READING)
            return jnp.concatenate([first[None], after.obs])[:, 0], after.terminated.any() | after.reward.any()

        reading = jax.jit(jax.vmap(read, (None, 0)))
        prompts, over = reading(jax.random.key(3), jnp.arange(len(adapter.SYMBOLS)))
        assert len({text_of(prompt) for prompt in prompts}) == 1 and not over.any()

    def test_a_picture_shows_what_is_there_and_what_is_written(self, environment):
        countdown, key = environment(COUNTDOWN.id), jax.random.key(3)
        state, _ = countdown.reset(key)
        for _ in range(adapter.READING):
            state, _ = countdown.step(key, state, jnp.int32(0))
        before = picture(countdown, state)
        digit = jnp.argmax(adapter.legal(state.inner))
        after = picture(countdown, countdown.step(key, state, digit)[0])
        assert before.dtype == np.uint8 and before.shape == after.shape == (120, 320, 3)
        assert (before != after).any() and (before == after).mean() > 0.9


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_verdicts_are_those_of_reasoning_gym():
    """Half of the instances are its own. It judges formulas: what a step claims is asked of it as a problem of two
    numbers, and the whole as one formula, which a text has where every result is used by a later step but the last."""
    from reasoning_gym import create_dataset

    lowest, highest = adapter.TARGETS
    sizes = {"min_numbers": 4, "max_numbers": 4, "min_value": 1, "max_value": adapter.LARGEST}
    dataset = create_dataset("countdown", **sizes, min_target=lowest, max_target=highest, size=2000, seed=1)
    theirs = [(tuple(entry["metadata"]["numbers"]), entry["metadata"]["target"]) for entry in dataset]
    assert len(theirs) == 2000 and all(max(numbers) <= adapter.LARGEST for numbers, _ in theirs)
    rng = random.Random(0)
    ours, texts = answers(rng, 100_000, lambda: rng.choice(theirs) if rng.random() < 0.5 else random_instance(rng))

    @functools.cache
    def accepts(numbers, target, formula):
        return dataset.score_answer(formula, {"metadata": {"numbers": list(numbers), "target": target}}) >= 1

    def judge(instance, text):
        numbers, target = instance
        steps, made = parsed(text), []
        for left, operator, right, claimed in steps or []:
            if not accepts((left, right), claimed, f"{left}{operator}{right}"):
                return False
            parts = []
            for number in (left, right):
                place = next((place for place, (value, _) in enumerate(made) if value == number), None)
                parts.append(str(number) if place is None else f"({made.pop(place)[1]})")
            made.append((claimed, operator.join(parts)))
        return len(made) == 1 and accepts(tuple(sorted(numbers)), target, made[0][1])

    found, _ = judged(ours, texts)
    expected = [judge(*pair) for pair in zip(ours, texts, strict=True)]
    cases = list(zip(ours, texts, found.tolist(), expected, strict=True))
    print(f"{len(set(cases))} cases, {np.mean(expected):.3f} right, {accepts.cache_info()}", end=" ")
    assert [case for case in cases if case[2] != case[3]] == []
    assert 0.2 < np.mean(expected) < 0.6
