"""Networks of floats beside the integers, trained by their gradient on the same text in the same order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.cli import main
from esbench.results.run_directory import RunDirectory
from esbench.tasks.user_file import digest
from esbench.text.corpus import SEPARATOR
from esbench.text.egg import Egg
from esbench.text.floats import FloatEgg, Transformer
from esbench.text.problem import TextFile
from tests.text.test_egg import random_params


def read(network, params, tokens):
    """What the network predicts after each token, (tokens, symbols)."""
    return jax.jit(lambda: jax.lax.scan(lambda m, t: network.step(params, m, t), network.blank(), tokens)[1])()


def test_in_floats_it_is_the_same_network_but_for_rounding():
    whole, real = Egg(20, 64, 2), FloatEgg(20, 64, 2)
    params = random_params(whole)
    tokens = jnp.asarray(np.random.default_rng(0).integers(1, 20, 12))
    rounded = np.asarray(read(whole, params, tokens), float) / 16
    exact = np.asarray(read(real, jax.tree.map(lambda leaf: leaf / 16.0, params), tokens))
    # An error of at most a sixteenth in every number, over some twenty operations a token.
    assert np.abs(rounded - exact)[:2].mean() < 0.25 * np.abs(exact).mean()
    assert np.corrcoef(rounded.ravel(), exact.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    "network", [FloatEgg(20, 16, 2), Transformer(20, 16, 2, context=6)], ids=["egg", "transformer"]
)
def test_a_separator_is_a_new_beginning(network):
    params = network.init(jax.random.key(0))
    params["head"] = jax.random.normal(jax.random.key(1), params["head"].shape)
    text = jnp.asarray([SEPARATOR, 3, 9, 9, 2])
    alone = read(network, params, text)
    after = read(network, params, jnp.concatenate([jnp.asarray([5, 7, 11]), text]))[3:]
    np.testing.assert_allclose(alone, after, rtol=1e-5, atol=1e-6)
    assert not np.allclose(read(network, params, text[1:]), alone[1:])


def test_a_transformer_sees_its_context_and_no_more():
    network = Transformer(20, 16, 1, context=4)
    params = network.init(jax.random.key(0))
    params["head"] = jax.random.normal(jax.random.key(1), params["head"].shape)
    tokens = np.array([5, 6, 7, 8, 9, 10])
    other = [tokens.copy() for _ in range(2)]
    other[0][1], other[1][2] = 1, 1
    last = [np.asarray(read(network, params, jnp.asarray(one)))[-1] for one in (tokens, *other)]
    np.testing.assert_allclose(last[0], last[1], rtol=1e-5)
    assert not np.allclose(last[0], last[2], rtol=1e-3)


def test_the_gradient_is_that_of_bits_per_symbol(verses):
    problem = TextFile(path=str(verses), sha256=digest(verses.read_bytes()), network="float_egg", width=4, tokens=5)
    objective = problem.differentiable()
    params, reading = objective.init(jax.random.key(0), 3)
    loss = jax.jit(lambda params: objective.loss(params, reading)[0])
    bits = []
    part = len(problem.corpus().train) // 3
    for start in (0, part, 2 * part):
        text = problem.corpus().train[start : start + 6].astype(int)
        logits = np.asarray(read(problem.model, params, jnp.asarray(text[:-1])), float)
        shares = 2**logits / (2**logits).sum(1, keepdims=True)
        bits += list(-np.log2(shares[np.arange(5), text[1:]]))
    assert float(loss(params)) == pytest.approx(np.mean(bits), rel=1e-4)
    gradient = jax.grad(loss)(params)["head"]
    step = jnp.zeros_like(params["head"]).at[2, 1].set(1e-2)
    up, down = (loss({**params, "head": params["head"] + sign * step}) for sign in (1, -1))
    assert float(gradient[2, 1]) == pytest.approx(float(up - down) / 2e-2, abs=2e-3)


@pytest.mark.parametrize(("network", "optimizer"), [("float_egg", "adam"), ("transformer", "sgd")])
def test_it_learns_in_the_same_unit(network, optimizer, verses, tmp_path):
    command = ["run", "--task", f"text:{verses}", "--algorithm", "backprop", "--tier", "smoke", "--out", str(tmp_path)]
    settings = [
        f"network={network}",
        "width=16",
        "tokens=8",
        "batch=16",
        f"optimizer={optimizer}",
        "learning_rate=0.02",
    ]
    assert main([*command, "--steps", "12800", "--set", *settings]) == 0
    run = RunDirectory.open(tmp_path / "smoke" / "text-verses.txt-v0" / "backprop" / "seed-0")
    assert run.rows[-1].value < run.rows[0].value - 0.5
    assert run.rows[-1].useful_steps == 128 * run.rows[-1].generation == 12_800
    assert run.rows[-1].scores.keys() == {"bits per byte"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "verses"], "network = egg: integers have no gradient: expected float_egg or transformer"),
        (["--task", "CartPole-v1"], "backprop needs a loss of a text"),
        (["--task", "verses", "--set", "network=gru"], "network = 'gru'"),
    ],
)
def test_bad_input_is_one_line(arguments, message, verses, tmp_path, capsys):
    given = [f"text:{verses}" if argument == "verses" else argument for argument in arguments]
    assert main(["run", *given, "--algorithm", "backprop", "--tier", "smoke", "--out", str(tmp_path / "runs")]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "runs").exists()
