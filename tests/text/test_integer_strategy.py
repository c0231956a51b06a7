"""Pairs vote and weights move by whole steps: as a slow version of the same does it, alike in both directions."""

import functools
from statistics import NormalDist

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.algorithms.eggroll_int import IntegerEGGROLL
from esbench.algorithms.evolution import EvolutionAlgorithm
from esbench.errors import InputError
from esbench.population.lattice import IntegerNoise
from esbench.tasks.user_file import digest
from esbench.text.egg import Egg
from esbench.text.problem import TextFile
from tests.text.test_integer_noise import whole_noise

NETWORK = Egg(20, 16, 1)


def started(**settings):
    strategy = IntegerEGGROLL(**{"pop_size": 32, **settings})
    return strategy, strategy.init(jax.random.key(1), NETWORK.init(jax.random.key(0)))


@functools.partial(jax.jit, static_argnums=0)
def told(strategy, state, fitness, generation=0):
    population, state = strategy.ask(jax.random.key(generation), state)
    return population, strategy.tell(jax.random.key(0), state, population, fitness)


@pytest.mark.parametrize("settings", [{}, {"rank": 2}, {"full_rank": True}, {"momentum": 3}])
def test_the_update_equals_a_slow_reference(settings):
    strategy, state = started(**settings, alpha=0.5, alpha_decay=0.1)
    rng = np.random.default_rng(0)
    memory = [np.zeros(leaf.shape, np.int64) for leaf in jax.tree.leaves(state.mean)]
    for generation in range(4):
        fitness = rng.integers(-50, 50, 32)
        before = [np.asarray(leaf, np.int64) for leaf in jax.tree.leaves(state.mean)]
        population, after = told(strategy, state, jnp.asarray(fitness, jnp.int32), generation)
        alpha = 0.5 / (0.1 * generation + 1)
        moved, noises = 0, [whole_noise(population, pair) for pair in range(16)]
        for number, leaf in enumerate(jax.tree.leaves(after.mean)):
            votes = [
                np.sign(fitness[2 * pair] - fitness[2 * pair + 1]) * noise[number] for pair, noise in enumerate(noises)
            ]
            if strategy.momentum:
                old = memory[number]
                memory[number] = old - np.sign(old) * ((np.abs(old) + 4) // 8) + sum(votes)
                least = 256 * 4 / (4 * alpha)
            else:
                memory[number] = sum(votes)
                least = 256 * 4 * NormalDist().inv_cdf(1 - alpha / 2)
            # The schedule has steps of a sixteenth of a doubling: at most 5% above the generation's own.
            sure = np.abs(memory[number]) >= 1.05 * least
            never = np.abs(memory[number]) < 0.95 * least
            step = np.asarray(leaf, np.int64) - before[number]
            ends = np.clip(before[number] + np.sign(memory[number]), -127, 127) - before[number]
            assert (step[sure] == ends[sure]).all() and (step[never] == 0).all()
            assert ((step == 0) | (step == ends)).all()
            threshold = int(after.thresholds[int(16 * np.log2(generation + 1)), 0])
            assert ((np.abs(memory[number]) >= threshold) * ends == step).all()
            if strategy.momentum:
                memory[number] -= np.sign(memory[number]) * (np.abs(memory[number]) >= threshold) * threshold
                np.testing.assert_array_equal(jax.tree.leaves(after.velocity)[number], memory[number])
            moved += (step != 0).sum()
        assert after.moved == moved
        state = after


def test_in_an_unroll_votes_are_for_the_noise_of_all_its_generations():
    strategy, state = started(unroll=3)
    sums = jax.jit(IntegerNoise.votes)
    for generation in range(5):
        fitness = jnp.asarray(np.random.default_rng(generation).integers(-50, 50, 32), jnp.int32)
        population, after = told(strategy, state, fitness, generation)
        assert population.begins == (generation % 3 == 0)
        past = [IntegerNoise(state.mean, jax.random.key(g), 32) for g in range(generation // 3 * 3, generation + 1)]
        votes = jnp.sign(fitness[0::2] - fitness[1::2]).astype(jnp.int8)
        expected = jax.tree.map(lambda *parts: sum(parts), *(sums(one, votes) for one in past))
        jax.tree.map(np.testing.assert_array_equal, sums(population, votes), expected)
        state = after
    ratio = state.thresholds[:, 2] / state.thresholds[:, 0]
    assert float(ratio[100]) == pytest.approx(3**0.5, rel=1e-3)


def test_equal_members_move_nothing():
    strategy, state = started()
    _, after = told(strategy, state, jnp.full(32, 7, jnp.int32))
    assert after.moved == 0 and after.ties == 16
    for one, other in zip(jax.tree.leaves(after.mean), jax.tree.leaves(state.mean), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("momentum", [0, 4])
def test_both_signs_of_the_noise_are_treated_alike(momentum):
    """From weights of 0, exchanged members move every weight by the opposite, in every generation."""
    strategy, state = started(momentum=momentum, alpha=0.3)
    zero = jax.tree.map(jnp.zeros_like, state.mean)
    one, other = state.replace(mean=zero), state.replace(mean=zero)
    rng = np.random.default_rng(3)
    for generation in range(5):
        fitness = jnp.asarray(rng.integers(-50, 50, (16, 2)), jnp.int32)
        _, one = told(strategy, one, fitness.reshape(-1), generation)
        _, other = told(strategy, other, fitness[:, ::-1].reshape(-1), generation)
        for a, b in zip(jax.tree.leaves(one.mean), jax.tree.leaves(other.mean), strict=True):
            np.testing.assert_array_equal(a, -b)
    assert one.moved > 0


def test_votes_by_chance_do_not_drift():
    """The floor of a negative number is further from 0: weights that followed it would all sink."""
    strategy, state = started(pop_size=64, alpha=0.3, alpha_decay=0.0)
    zero = state.replace(mean=jax.tree.map(jnp.zeros_like, state.mean))
    rng = np.random.default_rng(0)
    for generation in range(200):
        _, zero = told(strategy, zero, jnp.asarray(rng.integers(-9, 9, 64), jnp.int32), generation)
    weights = np.concatenate([np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(zero.mean)])
    assert abs(weights.mean()) < 5 * weights.std() / np.sqrt(len(weights))


def test_about_a_share_alpha_moves_by_chance():
    strategy, state = started(pop_size=512, alpha=0.2, alpha_decay=0.0)
    _, after = told(strategy, state, jnp.asarray(np.random.default_rng(0).integers(-9, 9, 512), jnp.int32))
    metrics = strategy.metrics(after)
    assert metrics["alpha"] == pytest.approx(0.2)
    assert metrics["moved"] == pytest.approx(0.2, abs=0.05)
    assert 0 < metrics["ties"] < 0.2


def floats(jaxpr):
    """Types of the floats in a jaxpr and all below it."""
    found = set()
    for equation in jaxpr.eqns:
        for variable in (*equation.invars, *equation.outvars):
            if jnp.issubdtype(getattr(variable.aval, "dtype", jnp.int32), jnp.inexact):
                found.add(f"{variable.aval.dtype} in {equation.primitive}")
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                if isinstance(inner, jax.extend.core.ClosedJaxpr):
                    found |= floats(inner.jaxpr)
                elif isinstance(inner, jax.extend.core.Jaxpr):
                    found |= floats(inner)
    return found


@pytest.mark.parametrize("settings", [{"rank": 2, "momentum": 4, "unroll": 3}, {"full_rank": True}])
def test_ask_evaluate_and_tell_have_no_float(settings, verses):
    problem = TextFile(path=str(verses), sha256=digest(verses.read_bytes()), width=16, tokens=4)
    loop = EvolutionAlgorithm(IntegerEGGROLL(pop_size=16, **settings)).bind(problem)
    state = jax.eval_shape(loop.init, jax.random.key(0))

    def generation(key, strategy, objective):
        population, strategy = loop.ask(key, strategy)
        evaluation, objective = loop.objective.evaluate(key, objective, population)
        return loop.checked.tell(key, strategy, population, evaluation.fitness), objective

    strategy = state.strategy.replace(alpha=None)  # for the record, where it is a float
    traced = jax.make_jaxpr(generation)(jax.random.key(0), strategy, state.objective)
    assert floats(traced.jaxpr) == set()


def test_a_float_would_be_found():
    assert floats(jax.make_jaxpr(lambda x: jax.lax.scan(lambda c, _: (c + x / 2, None), 0.0, None, 3))(1).jaxpr)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pop_size": 1_000_000}, "votes could overflow 32 bits: expected at most 9"),
        ({"pop_size": 2**19, "rank": 4}, "votes could overflow"),
        ({"rank": 8}, "rank = 8: expected at most 4"),
    ],
)
def test_what_does_not_fit_the_network_is_refused(settings, message):
    params = jax.eval_shape(Egg(20, 4, 1).init, jax.random.key(0))
    with pytest.raises(InputError, match=message):
        IntegerEGGROLL(**settings).check(params)
    IntegerEGGROLL(pop_size=2**18, momentum=12).check(params)


def test_float_parameters_are_refused():
    with pytest.raises(InputError, match="eggroll_int moves int8 parameters"):
        IntegerEGGROLL().check({"w": jnp.zeros((3, 3))})


def test_members_forget_where_an_unroll_begins(verses):
    problem = TextFile(path=str(verses), sha256=digest(verses.read_bytes()), width=4, tokens=4)
    loop = EvolutionAlgorithm(IntegerEGGROLL(pop_size=8, unroll=2)).bind(problem)
    state = jax.jit(loop.init)(jax.random.key(0))
    noise = loop.ask(jax.random.key(1), state.strategy)[0]
    blank = state.objective.replace(place=jnp.int32(3))  # not at a document's beginning
    used = blank.replace(memory=jnp.full_like(blank.memory, 90))
    evaluate = jax.jit(lambda population, reading: loop.objective.evaluate(jax.random.key(0), reading, population)[0])
    fresh, begun = evaluate(noise, blank), evaluate(noise, used)
    goes_on = evaluate(noise.replace(age=jnp.int32(1)), used)
    np.testing.assert_array_equal(fresh.fitness, begun.fitness)
    assert (fresh.fitness != goes_on.fitness).any()
