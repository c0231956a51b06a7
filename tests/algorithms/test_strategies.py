"""ARS, the file of `esbench new strategy` and evosax's strategies: directions, signs, equal scores, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.algorithms.ars import ARS
from esbench.algorithms.evosax_adapter import evosax_class, evosax_names
from esbench.algorithms.open_es import OpenES
from esbench.algorithms.registry import build_algorithm, describe, setting_names, settings_of
from esbench.errors import InputError
from esbench.experiment.one_run.prepare import make_problem
from esbench.experiment.options.config import resolve
from esbench.population.stacked import Stacked
from esbench.templates.my_strategy import MyStrategy
from tests.algorithms.test_evolution import TARGET, Analytic, distance, flat, run


def evosax(name, **values):
    return build_algorithm(f"evosax:{name}", values).strategy


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


@pytest.mark.parametrize(
    "strategy",
    [
        ARS(pop_size=4096, sigma=0.01),
        ARS(pop_size=4096, sigma=0.01, rank=1),
        evosax("Open_ES", pop_size=4096, std_init=0.01, optimizer="sgd"),
        evosax("SNES", pop_size=4096, std_init=0.01),
        evosax("PGPE", pop_size=4096, std_init=0.01, optimizer="sgd"),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_a_step_goes_along_the_gradient(strategy):
    state, _ = run(strategy, Analytic(), 1)
    deployed = flat(strategy.deployed(state.strategy))
    assert cosine(deployed, flat(TARGET)) > 0.97  # the start is 0, and the gradient there is TARGET


def test_the_best_directions_alone_go_along_the_gradient_and_their_signs_too():
    few, _ = run(ARS(pop_size=4096, top_directions=256, sigma=0.01), Analytic(), 1)
    assert cosine(flat(few.strategy.mean), flat(TARGET)) > 0.9
    signs, _ = run(MyStrategy(pop_size=4096, sigma=0.01), Analytic(), 1)
    direction, step = flat(TARGET), flat(signs.strategy.mean)
    assert (np.sign(step) == np.sign(direction))[np.abs(direction) > 0.3].all()
    assert np.unique(np.abs(step)) == pytest.approx([0.005])


def test_the_step_of_ars_by_hand():
    strategy = ARS(pop_size=6, top_directions=2, sigma=0.3, learning_rate=0.1)
    state = strategy.init(jax.random.key(0), TARGET)
    population, _ = strategy.ask(jax.random.key(1), state)
    fitness = jnp.array([1.0, 5.0, 2.0, 2.0, 9.0, 0.0])  # the first and the third pair have the best members
    told = strategy.tell(jax.random.key(2), state, population, fitness)
    noise = [flat(population.member(jnp.int32(i))) - flat(TARGET) for i in range(6)]
    used = np.array([1.0, 5.0, 9.0, 0.0])
    expected = 0.1 / (2 * used.std()) * ((1 - 5) * noise[0] + (9 - 0) * noise[4]) / 0.3
    np.testing.assert_allclose(flat(told.mean) - flat(TARGET), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "strategy",
    [
        ARS(pop_size=64),
        ARS(pop_size=64, top_directions=8),
        MyStrategy(pop_size=64),
        evosax("SNES", pop_size=64),
        evosax("PGPE", pop_size=64),
        evosax("SimpleGA", pop_size=64),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_members_that_all_score_the_same_leave_the_parameters_unchanged(strategy):
    moving, _ = run(strategy, Analytic(), 2)
    still, _ = run(strategy, Analytic(score=lambda member: jnp.float32(0.3)), 2)
    assert flat(strategy.deployed(moving.strategy)).any()
    assert not flat(strategy.deployed(still.strategy)).any()


def test_top_directions_beyond_the_population_are_refused():
    with pytest.raises(InputError, match="top_directions = 9: expected at most pop_size / 2 = 8"):
        build_algorithm("ars", {"pop_size": "16", "top_directions": "9"})


def test_open_es_is_evosaxs_on_the_same_noise():
    sigma, members = 0.2, 64
    ours = OpenES(pop_size=members, sigma=sigma, learning_rate=0.1, optimizer="sgd", rank_transform=True)
    # Ours scales the mean of score * noise by sigma * sqrt(members), evosax's by 1 / sigma.
    theirs = evosax("Open_ES", pop_size=members, optimizer="sgd", std_init=sigma, learning_rate=0.1 * sigma**2 * 8)
    key = jax.random.key(0)
    our_state, their_state = ours.init(key, TARGET), theirs.init(key, TARGET)
    for generation in range(3):
        population, _ = ours.ask(jax.random.key(generation), our_state)
        fitness = jnp.round(2 * jax.random.normal(jax.random.key(100 + generation), (members,)))  # with ties
        same = Stacked(jax.vmap(population.member)(jnp.arange(members)))
        our_state = ours.tell(key, our_state, population, fitness)
        their_state = theirs.tell(key, their_state, same, fitness)
        np.testing.assert_allclose(
            flat(ours.deployed(our_state)), flat(theirs.deployed(their_state)), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("values", [{"name": "SimpleGA", "initial_std": 0.3}, {"name": "Sep_CMA_ES"}], ids=str)
def test_evosax_maximises(values):
    strategy = evosax(pop_size=64, **values)
    state, metrics = run(strategy, Analytic(), 40)
    assert float(metrics.training["fitness_mean"]) > 0.5 * float(distance({name: 0 * TARGET[name] for name in TARGET}))
    assert float(distance(strategy.deployed(state.strategy))) > float(metrics.training["fitness_mean"]) - 0.1


def test_the_best_so_far_is_what_a_strategy_without_a_mean_deploys():
    strategy = evosax("SimpleGA", pop_size=16)
    state = strategy.init(jax.random.key(0), TARGET)
    np.testing.assert_array_equal(flat(strategy.deployed(state)), flat(TARGET))  # there is none yet
    scores = [jnp.arange(16.0), -jnp.arange(16.0), 20.0 + jnp.arange(16.0)]
    kept = []
    for generation, fitness in enumerate(scores):
        population, state = strategy.ask(jax.random.key(generation), state)
        state = strategy.tell(jax.random.key(9), state, population, fitness)
        kept.append((flat(population.member(15)), flat(strategy.deployed(state))))
    np.testing.assert_array_equal(kept[0][0], kept[0][1])
    np.testing.assert_array_equal(kept[1][1], kept[0][1])
    np.testing.assert_array_equal(kept[2][0], kept[2][1])


def test_settings_of_evosax_by_their_names_there():
    assert {"pop_size", "std_init", "std_lr", "optimizer", "learning_rate", "deterministic_policy"} <= set(
        setting_names("evosax:PGPE")
    )
    assert "deploys" not in setting_names("evosax:PGPE")
    summary, settings = describe("evosax:SimpleGA")
    assert summary == "SimpleGA of evosax." and settings["deploys"] == "best"
    algorithm = build_algorithm("evosax:PGPE", {"std_lr": "0.25", "std_init": "0.5"})
    assert settings_of(algorithm)["deploys"] == "mean"
    state = algorithm.strategy.init(jax.random.key(0), TARGET)
    assert float(state.params.std_lr) == 0.25 and float(state.params.std_max_change) == pytest.approx(0.2)
    assert (np.asarray(state.evosax.std) == 0.5).all()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("SNESS", {}, "unknown strategy of evosax 'SNESS': did you mean 'SNES'"),
        ("RandomSearch", {}, "cannot train a policy here: it needs a function that draws parameters"),
        ("PersistentES", {}, "it needs fitness of parts of an episode"),
        ("PGPE", {"std_lrr": 1}, "did you mean 'std_lr'"),
        ("PGPE", {"optimizer": "adem"}, "adam"),
        ("PGPE", {"std_init": "-1"}, "std_init = '-1'"),
        ("PGPE", {"deploys": "best"}, "unknown setting of evosax:PGPE 'deploys'"),
    ],
)
def test_what_evosax_cannot_do_is_one_line(name, values, message):
    with pytest.raises(InputError, match=message):
        build_algorithm(f"evosax:{name}", values)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("CMA_ES", {}, r"cannot work with 133,378 parameters: one of its arrays takes 66 GiB .*smaller policy"),
        ("xNES", {}, r"cannot work with 133,378 parameters"),
        ("PGPE", {"pop_size": 7}, r"evosax:PGPE: Population size must be even"),
    ],
)
def test_what_cannot_work_with_the_policy_is_refused_when_it_is_bound(name, values, message):
    config = resolve("CartPole-v1", f"evosax:{name}", settings=values)
    with pytest.raises(InputError, match=message):
        config.algorithm.bind(make_problem(config))
    if not values:
        small = resolve("CartPole-v1", f"evosax:{name}", settings={"n_layers": 1, "layer_size": 8})
        small.algorithm.bind(make_problem(small))


@pytest.mark.slow
@pytest.mark.parametrize("name", evosax_names())
def test_every_strategy_of_evosax_runs_two_generations(name):
    size = {"pop_size": 17, "num_groups": 4} if name == "GESMR_GA" else {"pop_size": 16}
    _, metrics = run(evosax(name, **size), Analytic(), 2)
    assert int(metrics.useful_steps.sum()) == size["pop_size"]  # each generation, the first too
    assert not any(metrics.faults.values())
    assert evosax_class(name) is evosax_class(name)
