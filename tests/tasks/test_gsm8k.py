"""A file in the format of GSM8K as a task: verdicts, the split, demonstrations, whole runs. Problems are made up."""

import json
import random
import re
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import esbench
from esbench.cli import main
from esbench.errors import InputError
from esbench.experiment.one_run.prepare import Prepared, reuse
from esbench.experiment.one_run.resume import differences
from esbench.experiment.options.config import resolve
from esbench.results.run_directory import RunDirectory
from esbench.tasks import registry
from esbench.tasks.environment import evaluation
from esbench.tasks.suites.gsm8k import adapter
from esbench.tasks.suites.gsm8k.problems import Problems

NUMBERS = ["7", "0", "-3", "1,234", "12", "0.5", "-0.25", "10.50", "100", "2,000,000", "1.05", "-40"]
TINY = ["--set", "pop_size=4", "hidden_size=4", "n_layers=1", "narrow=0"]


def problem(number, answer=None):
    """One of many: some with several lines, some beyond ASCII."""
    working = ["", "Half of it is <<4/2=2>>2.\n", "Ein Apfel für 2 €.\nThat is all.\n"][number % 3]
    answer = NUMBERS[number % len(NUMBERS)] if answer is None else answer
    return {"question": f"Ann has {number} bags.\n How many?", "answer": f"{working}#### {answer}"}


def lines(count=60):
    return "".join(json.dumps(problem(number), ensure_ascii=number % 2 == 0) + "\n" for number in range(count))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("gsm8k") / "made up.jsonl"
    path.write_text(lines(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def environment(file):
    return registry.make(f"gsm8k:{file}")


def is_right(number, text):
    """By the rules, in plain Python: the first whole line that begins with the mark has an equal number, alone."""
    marked = [line[5:] for line in text.split("\n")[:-1] if line.startswith("#### ")]
    if not marked or not re.fullmatch(r"-?[0-9,]*(\.[0-9]*)?", marked[0]) or not re.search("[0-9]", marked[0]):
        return False
    return Decimal(marked[0].replace(",", "")) == Decimal(number.replace(",", ""))


def judged(numbers, texts, length=48):
    """What the judge says to each text, for the number that is asked for: bool, and where it ends, -1 for nowhere."""
    content = "".join(json.dumps(problem(k, number)) + "\n" for k, number in enumerate(numbers)) + lines()
    read = Problems.of(content.encode(), "numbers")
    tokens = np.full((len(texts), length), -1, np.int32)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text.encode())] = list(text.encode())
    targets = jax.tree.map(lambda values: values[: len(numbers)], read.numbers)

    @jax.jit
    @jax.vmap
    def judge(target, row):
        def step(carry, byte):
            answer, over, right, count = carry
            after, ends, good = adapter.follow(answer, target, byte)
            now = ~over & (byte >= 0)
            return (after, over | now & ends, right | now & good, count + now), None

        no = jnp.bool_(False)
        (_, over, right, count), _ = jax.lax.scan(step, (adapter.blank(), no, no, 0), row)
        return right, jnp.where(over, count, -1)

    return jax.device_get(judge(targets, tokens))


KNOWN = [
    ("12", "#### 12\n", True),
    ("12", "3*4=12\n\n#### 12\n", True),
    ("12", "#### 12", False),  # the line has no end
    ("12", "#### 12 \n", False),
    ("12", "####12\n", False),
    ("12", " #### 12\n", False),
    ("12", "##### 12\n", False),
    ("12", "#### 13\n#### 12\n", False),
    ("12", "#### 12\n#### 13\n", True),
    ("12", "#### 012.00\n", True),
    ("12", "#### 1,2.\n", True),
    ("12", "#### 12.0,0\n", False),
    ("12", "#### 12.01\n", False),
    ("12", "#### 120\n", False),
    ("12", "#### 1.2\n", False),
    ("12", "#### 1\n", False),
    ("12", "#### -12\n", False),
    ("12", "#### +12\n", False),
    ("12", "#### 12-\n", False),
    ("12", "#### 1.2.\n", False),
    ("-12", "#### -12\n", True),
    ("-12", "#### --12\n", False),
    ("-12", "#### 12\n", False),
    ("1,234", "#### 1234\n", True),
    ("1234", "#### 1,234\n", True),
    ("0", "#### 0\n", True),
    ("0", "#### -0.0\n", True),
    ("0", "#### \n", False),
    ("0", "#### .\n", False),
    ("0", "#### -,.\n", False),
    ("0", "#### 0.1\n", False),
    ("0.5", "#### .50\n", True),
    ("0.5", "#### 0.05\n", False),
    ("0.05", "#### 0.05\n", True),
    ("0.05", "#### 0.5\n", False),
    ("10.50", "#### 10.5\n", True),
    ("10.50", "#### 105\n", False),
    ("10.50", "#### 10\n", False),
]


def test_known_verdicts():
    numbers, texts, expected = zip(*KNOWN, strict=True)
    found, _ = judged(numbers, texts)
    assert [case for case, right in zip(KNOWN, found, strict=True) if right != case[2]] == []
    assert tuple(map(is_right, numbers, texts)) == expected


def test_verdicts_on_near_misses_are_those_of_plain_python():
    rng = random.Random(0)
    numbers, texts = [], []
    for _ in range(10_000):
        number = rng.choice(NUMBERS)
        text = rng.choice(["", "x\n", "# \n", "é ####\n"]) + f"#### {rng.choice(['', '', '0', ','])}{number}"
        text += rng.choice(["", "", "", ".", "0", ".0"]) + "\n" + rng.choice(["", "#### 1\n"])
        for _ in range(rng.choice([0, 0, 1, 2])):
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(["", *"0123456789-,.# \n"]) + text[place + rng.randrange(2) :]
        numbers.append(number)
        texts.append(text)
    expected = [is_right(*pair) for pair in zip(numbers, texts, strict=True)]
    found, ends = judged(numbers, texts)
    cases = zip(numbers, texts, found, expected, strict=True)
    assert [case for case in cases if case[2] != case[3]] == []
    assert 0.3 < np.mean(expected) < 0.7
    for text, end in zip(texts, ends, strict=True):
        whole = re.search(r"^#### [^\n]*\n", text, re.MULTILINE)
        assert end == (-1 if whole is None else len(text[: whole.end()].encode()))


@pytest.mark.parametrize("wrong", ["", "1"])
def test_what_the_policy_sees_and_when_it_acts(environment, wrong):
    """The question goes by, whatever is done; then the file's answer ends the episode with 1, one less wrong with 0."""
    step, acts = jax.jit(environment.step), jax.jit(environment.acts)
    asked = dict(map(shown, range(60)))
    state, obs = environment.reset(jax.random.key(3))
    seen, rewards, over = bytes([int(obs[0])]), [], False
    while not acts(state):
        assert not over
        state, after = step(jax.random.key(0), state, jnp.int32(ord("\n")))
        seen, over = seen + bytes([int(after.obs[0])]), after.terminated
        rewards.append(float(after.reward))
    question, _, answer = *seen.decode().partition("\n")[:2], asked[seen.decode()[:-1]] + wrong + "\n"
    assert seen.decode() == f"{question}\n"
    for byte in answer.encode():
        assert not over and acts(state)
        state, after = step(jax.random.key(0), state, jnp.int32(byte))
        seen, over = seen + bytes([int(after.obs[0])]), after.terminated
        rewards.append(float(after.reward))
    assert over and not after.truncated and seen.decode() == f"{question}\n{answer}"
    assert rewards == [0.0] * (len(rewards) - 1) + [0.0 if wrong else 1.0]
    assert environment.written(np.frombuffer(seen, np.uint8)) == (question, answer.replace("\n", "\\n"))


def test_a_babbler_is_cut_off(environment, file):
    cap = environment.max_episode_steps
    longest = [max(len(text.encode()) + 1 for text in texts) for texts in zip(*map(shown, range(60)), strict=True)]
    assert cap == registry.task(f"gsm8k:{file}").spec.cap == longest[0] - 1 + 2 * longest[1]

    def step(carry, _):
        state, after = environment.step(jax.random.key(0), carry, jnp.int32(ord("9")))
        return state, after

    _, after = jax.lax.scan(step, environment.reset(jax.random.key(0))[0], None, cap)
    assert after.truncated.sum() == 1 and after.truncated[-1] and not after.terminated.any() and not after.reward.any()


def shown(number):
    one = problem(number)
    return " ".join(one["question"].split()), one["answer"]


def drawn(environment, count=400):
    keys = jax.random.split(jax.random.key(0), count)
    return set(np.asarray(jax.vmap(lambda key: environment.reset(key)[0].inner.problem)(keys)).tolist())


def test_every_tenth_is_held_out_by_its_question_wherever_it_stands(environment, file):
    train, held_out = drawn(environment), drawn(evaluation(environment))
    assert train.isdisjoint(held_out) and train | held_out == set(range(60)) and 2 <= len(held_out) <= 14
    more = [json.dumps(problem(number, "5")) for number in reversed(range(60))]  # other answers, another order
    again = Problems.of("\n".join(more).encode(), "again")
    assert {59 - number for number in again.held_out.tolist()} == held_out
    many = Problems.of(lines(2000).encode(), "many")
    assert 0.08 < len(many.held_out) / 2000 < 0.12


def test_demonstrations_are_the_files_answers_and_pay(environment):
    for one in (environment, evaluation(environment)):

        @jax.jit
        @jax.vmap
        def play(key, one=one):
            state, obs = one.reset(key)
            shown = one.demonstration(key)

            def step(carry, pair):
                state, obs, over, total = carry
                seen, action, counted = pair
                acts = one.acts(state)
                after, transition = one.step(key, state, action)
                agrees = over | ((obs == seen).all() & (counted == acts))
                total = total + jnp.where(over, 0.0, transition.reward)
                return (after, transition.obs, over | transition.terminated, total), agrees

            begin = (state, obs, jnp.bool_(False), 0.0)
            (_, _, over, total), agrees = jax.lax.scan(step, begin, shown)
            return over, total, agrees.all(), shown.counted.sum()

        over, total, agrees, counted = play(jax.random.split(jax.random.key(1), 200))
        assert over.all() and agrees.all() and (total == 1).all() and counted.min() >= len("#### 7\n")


def run(file, out, *arguments, policy="gru", algorithm="eggroll"):
    given = ["run", "--task", f"gsm8k:{file}", "--algorithm", algorithm, "--policy", policy, "--tier", "smoke"]
    return main([*given, "--preset", "defaults", "--steps", "3000", "--out", str(out), *arguments])


def test_a_run_goes_on_and_is_played_until_the_file_changes(file, tmp_path, capsys):
    mine = tmp_path / "mine.jsonl"
    whole = file.read_bytes()
    changed = whole.replace(b"#### 7", b"#### 8")
    mine.write_bytes(whole)
    assert run(mine, tmp_path, *TINY, "--max-seconds", "0.0001") == 75
    found = RunDirectory.open(tmp_path / "smoke" / "gsm8k-mine.jsonl-v0" / "eggroll" / "seed-0")
    settings = {"pop_size": 4, "hidden_size": 4, "n_layers": 1, "narrow": 0}
    options = {"policy": "gru", "tier": "smoke", "preset": "defaults", "steps": 3000, "settings": settings}
    assert differences(found.manifest, resolve(f"gsm8k:{mine}", "eggroll", **options)) == []
    mine.write_bytes(changed)
    assert run(mine, tmp_path, *TINY, "--resume") == 2
    assert re.search(r"task.source_id was gsm8k:.* sha256:\w+, is now gsm8k:", capsys.readouterr().err)
    mine.write_bytes(whole)
    assert {"return", "return_sample", "pass@8"} <= found.rows[-1].scores.keys()
    assert (found.manifest.task["track"], found.manifest.task["cost"]) == ("reasoning", "tokens")
    capsys.readouterr()
    assert main(["play", str(found.path), "--episodes", "3"]) == 0
    *played, last = capsys.readouterr().out.splitlines()
    held_out = [shown(number)[0] for number in Problems.of(whole, "mine").held_out.tolist()]
    assert len(played) == 3 and all(any(line.startswith(one) for one in held_out) for line in played)
    assert last == "0 of 3 right"
    mine.write_bytes(changed)
    assert main(["play", str(found.path)]) == 2
    assert "that it had before" in capsys.readouterr().err


def test_a_changed_file_is_another_program(file, tmp_path):
    mine = tmp_path / "mine.jsonl"
    mine.write_bytes(file.read_bytes())
    before = resolve(f"gsm8k:{mine}", "eggroll", policy="gru", tier="smoke", preset="defaults")
    prepared = Prepared(**dict.fromkeys(one.name for one in fields(Prepared)) | {"config": before})
    assert reuse(prepared, resolve(f"gsm8k:{mine}", "eggroll", policy="gru", tier="smoke", preset="defaults"))
    mine.write_bytes(mine.read_bytes().replace(b"#### 7", b"#### 8"))
    after = resolve(f"gsm8k:{mine}", "eggroll", policy="gru", tier="smoke", preset="defaults")
    assert reuse(prepared, after) is None


def test_it_can_be_imitated(file):
    settings = {"hidden_size": 8, "layer_size": 8, "batch": 8, "learning_rate": 0.03}
    learner = esbench.learner(f"gsm8k:{file}", "imitation", policy="gru", preset="defaults", settings=settings)

    def step(state, _):
        state, metrics = learner.step(state)
        return state, metrics.training["loss"]

    losses = jax.jit(lambda: jax.lax.scan(step, learner.init(0), None, 15)[1])()
    assert losses[0] > np.log(256) - 1 > losses[-1] + 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "gsm8k:bad.jsonl cannot be read: No such file or directory: expected gsm8k:PATH"),
        ("", "gsm8k:bad.jsonl: 0 problems, of which 0 are held out"),
        ("\n\n", "gsm8k:bad.jsonl: 0 problems"),
        (lines(1), "gsm8k:bad.jsonl: 1 problems, of which 0 are held out, by a hash of their questions: expected some"),
        (lines() + "question\n", "gsm8k:bad.jsonl, line 61 is not JSON"),
        ("[" * 100_000, "gsm8k:bad.jsonl, line 1 is not JSON"),
        ("\n[1]\n", 'gsm8k:bad.jsonl, line 2: expected {"question": "...", "answer": "..."}, both texts'),
        ('{"question": "?"}', "line 1: expected {"),
        ('{"question": "?", "answer": 7}', "line 1: expected {"),
        ('{"question": "\\ud800", "answer": "#### 7"}', "line 1 is not UTF-8"),
        (b'{"question": "\xff", "answer": "#### 7"}', "line 1 is not UTF-8"),
        ('{"question": " ", "answer": "#### 7"}', "line 1: the question is empty"),
        ('{"question": "?", "answer": "7"}', "line 1: the answer ends with '7': expected a last line such as"),
        ('{"question": "?", "answer": ""}', "line 1: the answer ends with ''"),
        ('{"question": "?", "answer": "#### 7 apples"}', "line 1: the answer ends with '#### 7 apples'"),
        ('{"question": "?", "answer": "#### 7\\nBye"}', "line 1: the answer ends with 'Bye'"),
        ('{"question": "?", "answer": "#### ,"}', "line 1: the answer ends with '#### ,'"),
        ('{"question": "?", "answer": "#### 7\\n#### 8"}', "line 1: a line of the answer before its last begins with"),
    ],
)
def test_bad_files_are_one_line_and_write_nothing(content, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("bad.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run("bad.jsonl", tmp_path / "runs") == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "runs").exists()


def test_a_name_with_a_digest_is_of_that_file(file):
    source = registry.task(f"gsm8k:{file}").spec.source_id
    assert registry.task(source).spec.source_id == source
    with pytest.raises(InputError, match=r"has the sha256 \w+: expected 0+, that it had before"):
        registry.task(f"gsm8k:{file} sha256:{'0' * 64}")
