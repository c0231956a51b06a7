"""EGGROLL and OpenES in their loop, on objectives whose gradient is known and on small real rollouts."""

from dataclasses import dataclass, replace
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import Field

from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.evolution import Evolution, EvolutionAlgorithm, EvolutionLoop
from esbench.algorithms.open_es import OpenES
from esbench.errors import InputError
from esbench.keys import stream
from esbench.policies.mlp import MLP
from esbench.policies.normalization import Moments
from esbench.population.gaussian import Gaussian
from esbench.population.low_rank import LowRank
from esbench.population.members import own_parts
from esbench.population.objective import Evaluation
from esbench.population.stacked import Stacked
from esbench.rollout.episodes import run_episodes
from esbench.rollout.fitness import EpisodicReturn
from esbench.rollout.problem import EpisodicProblem
from esbench.settings import Switch, build, number_names, settings
from esbench.sizes import Sizes
from tests.environments import Delay, Walk
from tests.policies.test_networks import densified

STRATEGIES = [pytest.param(EGGROLL(pop_size=512, rank=rank), id=f"eggroll-{rank}") for rank in (1, 4)]
STRATEGIES += [pytest.param(OpenES(pop_size=512), id="open_es")]
TARGET = {"bias": jnp.linspace(-1, 1, 4), "kernel": jax.random.normal(jax.random.key(8), (6, 4))}


def distance(params):
    """Minus half the squared distance to TARGET: its gradient is TARGET - params, smoothed or not."""
    leaves = {name: leaf.dense() if isinstance(leaf, LowRank) else leaf for name, leaf in params.items()}
    return -0.5 * sum(((leaves[name] - TARGET[name]) ** 2).sum() for name in TARGET)


@dataclass(frozen=True)
class Analytic:
    """An objective without any task: `score` of each member, the state counts generations."""

    score: object = staticmethod(distance)
    groups: int = 0

    def init(self, key, population_size):
        return jax.tree.map(jnp.zeros_like, TARGET), jnp.int32(0)

    def layout(self, params):
        return None

    def evaluate(self, key, state, population):
        index = jnp.arange(population.size)
        fitness = jax.vmap(lambda i: self.score(population.member(i)))(index)
        group = index % self.groups if self.groups else None
        ones = jnp.ones(population.size, jnp.int32)
        return Evaluation(fitness + (1e3 * group if self.groups else 0), group, ones, ones, jnp.int32(1)), state + 1

    def deploy(self, params, state):
        return params


def walk(**changes):
    policy = MLP(n_layers=1, layer_size=8).bind(Walk.observation_space, Walk.action_space)
    return EpisodicProblem(Walk(limit=20), policy, Sizes(lanes=16, narrow=8, block=4))


def run(strategy, objective, generations):
    loop = EvolutionLoop(strategy, objective)
    state = jax.jit(loop.init)(jax.random.key(0))
    step = jax.jit(loop.step)
    for _ in range(generations):
        state, metrics = step(state)
    return state, metrics


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_estimate_points_along_the_gradient(strategy):
    # SGD from 0 with learning rate 1: the parameters after one generation are the estimate, scaled.
    state, _ = run(replace(strategy, optimizer="sgd", learning_rate=1.0, sigma=0.01, pop_size=4096), Analytic(), 1)
    step, gradient = flat(state.strategy.mean), flat(TARGET)
    assert step @ gradient / np.linalg.norm(step) / np.linalg.norm(gradient) > 0.98


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_maximises(strategy):
    state, metrics = run(replace(strategy, sigma=0.05, learning_rate=0.05), Analytic(), 100)
    np.testing.assert_allclose(flat(state.strategy.mean), flat(TARGET), atol=0.2)
    assert float(metrics.training["fitness_mean"]) > -0.5


def test_scale_of_the_update_is_that_of_the_papers_release():
    strategy = OpenES(pop_size=64, optimizer="sgd", learning_rate=0.1, sigma=0.3)
    state = strategy.init(jax.random.key(0), TARGET)
    population, _ = strategy.ask(jax.random.key(1), state)
    fitness = jax.random.normal(jax.random.key(2), (64,))
    told = strategy.tell(jax.random.key(3), state, population, fitness)
    noise = jax.vmap(lambda i: jax.tree.map(lambda m, p: (p - m) / 0.3, TARGET, population.member(i)))(jnp.arange(64))
    score = (fitness - fitness.mean()) / fitness.std()
    for name in TARGET:
        estimate = np.sqrt(64) * np.mean(np.reshape(score, (64, *[1] * TARGET[name].ndim)) * 0.3 * noise[name], axis=0)
        np.testing.assert_allclose(told.mean[name] - TARGET[name], 0.1 * estimate, atol=1e-5)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("change", [{}, {"rank_transform": True}, {"optimizer": "adamw", "weight_decay": 0.1}], ids=str)
def test_equal_members_leave_the_parameters_unchanged(strategy, change):
    strategy = replace(strategy, **change)
    moving, _ = run(strategy, Analytic(), 3)
    still = EvolutionLoop(strategy, Analytic(score=lambda member: jnp.float32(0.3)))
    state, _ = jax.jit(still.step)(moving)  # momentum is there, and must not move them either
    np.testing.assert_array_equal(flat(state.strategy.mean), flat(moving.strategy.mean))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_members_without_a_finite_score_count_as_the_worst_and_never_reach_the_parameters(strategy):
    def partly_nan(member):
        bias = member["bias"][0]
        return jnp.where(bias > 0, jnp.nan, distance(member))

    state, metrics = run(strategy, Analytic(score=partly_nan), 2)
    assert 0 < int(metrics.training["nonfinite_members"]) < strategy.pop_size
    assert np.isfinite(flat(state.strategy)).all()
    assert float(state.strategy.mean["bias"][0]) < 0  # away from where scores are NaN


def test_noise_is_fresh_in_every_generation_and_decays_work():
    strategy = EGGROLL(pop_size=16, sigma=0.2, sigma_decay=0.5, learning_rate=0.1, lr_decay=0.9)
    seen = []
    loop = EvolutionLoop(strategy, Analytic())
    state = loop.init(jax.random.key(0))
    for generation in range(3):
        population, _ = strategy.ask(jax.random.fold_in(state.key, generation), state.strategy)
        seen.append(
            flat(population.replace(sigma=jnp.float32(1)).member(jnp.int32(0))["bias"] - state.strategy.mean["bias"])
        )
        state, metrics = loop.step(state)
    assert not np.allclose(seen[0], seen[1]) and not np.allclose(seen[1], seen[2])
    assert float(metrics.training["sigma"]) == pytest.approx(0.2 * 0.5**3)
    assert float(metrics.training["learning_rate"]) == pytest.approx(0.1 * 0.9**3)


def test_groups_with_other_offsets_do_not_change_what_is_learnt():
    strategy = EGGROLL(pop_size=256, sigma=0.05, learning_rate=0.05)
    state, _ = run(strategy, Analytic(groups=4), 100)
    np.testing.assert_allclose(flat(state.strategy.mean), flat(TARGET), atol=0.3)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "lion"])
def test_any_optax_optimizer_by_name(name):
    state, _ = run(EGGROLL(pop_size=64, optimizer=name, weight_decay=0.01), Analytic(), 2)
    assert np.isfinite(flat(state.strategy.mean)).all() and flat(state.strategy.mean).any()


def test_weight_decay_is_decoupled_and_the_same_for_every_optimizer():
    for optimizer in ("sgd", "adamw"):
        plain, _ = run(OpenES(pop_size=16, optimizer=optimizer, learning_rate=0.1), Analytic(), 1)
        start = plain.replace(strategy=plain.strategy.replace(mean=TARGET))
        steps = []
        for decay in (0.0, 0.5):
            strategy = OpenES(pop_size=16, optimizer=optimizer, learning_rate=0.1, weight_decay=decay)
            settings = jax.tree.map(jnp.float32, strategy)
            state = start.replace(strategy=start.strategy.replace(settings=settings))
            steps.append(flat(EvolutionLoop(strategy, Analytic()).step(state)[0].strategy.mean))
        np.testing.assert_allclose(steps[0] - steps[1], 0.1 * 0.5 * flat(TARGET), atol=1e-6)


def test_numbers_are_inputs_of_the_program_and_structure_is_not():
    def lowered(strategy, evolution=Evolution()):  # noqa: B008
        loop = EvolutionAlgorithm(strategy, evolution).bind(walk())
        return jax.jit(loop.step).lower(jax.eval_shape(loop.init, jax.random.key(0))).as_text()

    one = lowered(EGGROLL(pop_size=16, sigma=0.1, learning_rate=0.1, weight_decay=0.0))
    assert one == lowered(EGGROLL(pop_size=16, sigma=0.3, learning_rate=0.2, weight_decay=0.1, sigma_decay=0.9))
    assert one != lowered(EGGROLL(pop_size=18))
    assert one != lowered(EGGROLL(pop_size=16, rank=2))
    switched = Evolution(deterministic_policy=True, normalize_observations=True)
    assert one == lowered(EGGROLL(pop_size=16, rank_transform=True), switched)
    assert one != lowered(EGGROLL(pop_size=16), Evolution(n_parallel_evaluations=2))


def test_a_switch_is_a_number_and_a_plain_bool_is_not():
    @settings
    class Both:
        on: Switch = False
        flag: bool = False
        sigma: Annotated[float, Field(gt=0)] = 0.1

    assert number_names(Both()) == {"on", "sigma"}
    assert jax.tree.structure(Both()) == jax.tree.structure(Both(on=True, sigma=0.2))
    assert jax.tree.structure(Both()) != jax.tree.structure(Both(flag=True))
    assert build(Both, {"on": "true"}).on is True
    with pytest.raises(InputError, match="on = 'maybe': Input should be a valid boolean"):
        build(Both, {"on": "maybe"})


def test_deployed_policy_carries_frozen_statistics_and_its_mode():
    evolution = Evolution(n_parallel_evaluations=2, deterministic_policy=True, normalize_observations=True)
    loop = EvolutionAlgorithm(EGGROLL(pop_size=8), evolution).bind(walk())
    state, metrics = jax.jit(loop.step)(loop.init(jax.random.key(0)))
    deployed = loop.deployed(state)
    assert deployed.action_mode == "greedy"
    assert int(deployed.statistics.count) == int(metrics.useful_steps.sum())
    plain = EvolutionAlgorithm(EGGROLL(pop_size=8), Evolution()).bind(walk())
    deployed = plain.deployed(jax.jit(plain.step)(plain.init(jax.random.key(0)))[0])
    assert deployed.action_mode == "sample"
    assert deployed.statistics.count == 0
    observation = jnp.array([3.0, -np.inf])
    np.testing.assert_array_equal(deployed.statistics.normalize(observation), observation)


@pytest.mark.parametrize("normalize", [False, True])
def test_observations_are_normalized_and_gathered_where_the_switch_is_on_and_nowhere_else(normalize):
    """Beside episodes of a program that has no statistics, or always has them."""
    problem, key, size = walk(), jax.random.key(4), 24
    params = problem.init_params(jax.random.key(0))
    members = Gaussian(params, jax.random.key(1), jnp.float32(0.2), size=size, rank=1)
    seen = Moments.of(1 + jax.random.normal(jax.random.key(2), (9, 2)), jnp.ones(9, bool))
    objective = EpisodicReturn(problem, 2, False, normalize)
    _, state = objective.init(key, size)
    state = state.replace(moments=seen if normalize else state.moments)
    evaluation, after = jax.jit(objective.evaluate)(key, state, members)
    alone = jax.jit(
        lambda members: run_episodes(
            problem,
            members,
            stream(key, "episodes"),
            episodes=2,
            greedy=jnp.bool_(False),
            statistics=seen if normalize else None,
            gather=normalize,
        )
    )(members)
    np.testing.assert_array_equal(evaluation.fitness, alone.returns.mean(1))
    np.testing.assert_array_equal(evaluation.useful_steps, alone.lengths.sum(1))
    assert len(np.unique(evaluation.fitness)) > 10
    if normalize:
        assert int(after.moments.count) == 9 + int(alone.lengths.sum())
        expected = seen.merge(alone.observations)  # another program: other last bits
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), after.moments, expected)
    else:
        assert alone.observations is None
        jax.tree.map(np.testing.assert_array_equal, after.moments, Moments.empty(2))


def test_a_strategy_says_what_is_perturbed_densely():
    kernels, biases = "at rank 1, as a kernel that contracts axes (0,)", "densely"
    assert EvolutionAlgorithm(EGGROLL(pop_size=8), Evolution()).bind(walk()).describe() == [
        f"params/MLP_0/Dense_0/bias (8,): perturbed {biases}",
        f"params/MLP_0/Dense_0/kernel (2, 8): perturbed {kernels}",
        f"params/MLP_0/Dense_1/bias (2,): perturbed {biases}",
        f"params/MLP_0/Dense_1/kernel (8, 2): perturbed {kernels}",
        f"params/log_std (2,): perturbed {biases}",
    ]
    assert all("densely" in line for line in EvolutionAlgorithm(OpenES(), Evolution()).bind(walk()).describe())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"pop_size": 7}, "pop_size"),
        ({"pop_size": 0}, "pop_size"),
        ({"rank": 0}, "rank"),
        ({"sigma": 0.0}, "sigma"),
        ({"sigma": float("inf")}, "sigma"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"lr_decay": 1.5}, "lr_decay"),
        ({"optimizer": "adem"}, "adam"),
        ({"optimizer": "apply_updates"}, "optimizer"),
        ({"sgima": 1.0}, "sigma"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(values, named):
    with pytest.raises(InputError, match=named):
        build(EGGROLL, values)


# Parameters that stay as they are, and episodes that all members play.


@pytest.mark.parametrize("strategy", [EGGROLL(pop_size=16, sigma=0.3, rank=2), OpenES(pop_size=16, sigma=0.3)])
def test_frozen_parameters_are_neither_perturbed_nor_moved(strategy):
    problem = walk()
    frozen = replace(strategy, frozen="Dense_0, log_std", learning_rate=0.1, weight_decay=0.1, optimizer="lion")
    loop = EvolutionAlgorithm(frozen).bind(problem)
    state = jax.jit(loop.init)(jax.random.key(0))
    after, _ = jax.jit(loop.step)(state)
    population, _ = loop.ask(jax.random.key(1), state.strategy)
    member, own = population.member(jnp.int32(3)), own_parts(population, jnp.int32(3))
    weighted = jax.jit(lambda population: population.weighted_sum(jnp.arange(16.0)))(population)
    trees = (state.strategy.mean, after.strategy.mean, weighted)
    for path, first in jax.tree.leaves_with_path(state.strategy.mean):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        _, moved, total = (dict(jax.tree.leaves_with_path(tree))[path] for tree in trees)
        is_frozen = "Dense_0" in name or "log_std" in name
        assert (moved == first).all() == is_frozen and (total == 0).all() == is_frozen, name
    params = member["params"]
    assert params["MLP_0"]["Dense_0"]["kernel"] is state.strategy.mean["params"]["MLP_0"]["Dense_0"]["kernel"]
    assert len(own) == (3 if isinstance(strategy, EGGROLL) else 2)  # factors of one kernel and a bias; or both
    said = loop.describe()
    assert [line.endswith(": frozen") for line in said] == ["Dense_0" in line or "log_std" in line for line in said]


def test_members_that_share_their_frozen_parameters_run_as_each_alone():
    problem, key = walk(), jax.random.key(5)
    loop = EvolutionAlgorithm(EGGROLL(pop_size=10, sigma=0.3, frozen="Dense_1/kernel")).bind(problem)
    population, _ = loop.ask(key, jax.jit(loop.init)(key).strategy)
    dense = jax.vmap(densified, in_axes=(population.axes,))(population.members(jnp.arange(10)))
    dense["params"]["MLP_0"]["Dense_1"]["kernel"] = jnp.tile(dense["params"]["MLP_0"]["Dense_1"]["kernel"], (10, 1, 1))
    play = jax.jit(lambda members: run_episodes(problem, members, key, episodes=2, greedy=jnp.bool_(True), common=True))
    low, full = play(population), play(Stacked(dense))
    np.testing.assert_allclose(low.returns, full.returns, rtol=1e-4)


@pytest.mark.parametrize(
    ("frozen", "message"),
    [
        ("Dense_7", r"frozen = 'Dense_7' names no parameter: expected some of params/MLP_0/Dense_0/bias, .*log_std$"),
        ("log_std, head", "frozen = 'head' names no parameter"),
        ("Dense", "frozen = 'Dense' names no parameter"),
        ("params", "frozen = 'params' names all parameters"),
        ("Dense_*, log_std", "names all parameters"),
    ],
)
def test_names_of_no_parameter_are_refused_with_those_there_are(frozen, message):
    with pytest.raises(InputError, match=message):
        EvolutionAlgorithm(EGGROLL(pop_size=4, frozen=frozen)).bind(walk())


def test_all_members_play_the_same_episodes_where_they_are_asked_to():
    environment = Delay(longest=30)
    policy = MLP(n_layers=1, layer_size=8).bind(environment.observation_space, environment.action_space)
    problem = EpisodicProblem(environment, policy, Sizes(lanes=8, narrow=0, block=4))
    lengths = {}
    for common in (False, True):
        loop = EvolutionAlgorithm(
            EGGROLL(pop_size=8), Evolution(n_parallel_evaluations=3, common_episodes=common)
        ).bind(problem)
        state, step, found = jax.jit(loop.init)(jax.random.key(0)), jax.jit(loop.step), []
        for _ in range(2):
            state, metrics = step(state)
            found.append(np.asarray(metrics.useful_steps))
        lengths[common] = np.stack(found)
    of_pairs = lengths[False].reshape(2, 4, 2)
    assert (of_pairs[..., 0] == of_pairs[..., 1]).all() and len(np.unique(lengths[False][0])) > 2
    assert all(len(np.unique(generation)) == 1 for generation in lengths[True])
    assert lengths[True][0, 0] != lengths[True][1, 0]  # of another generation other ones
    # Those of the first pair are what they were.
    np.testing.assert_array_equal(lengths[True][:, 0], lengths[False][:, 0])
