"""Episodes over refilled lanes: each is what it would be alone."""

import dataclasses

import flax.linen as nn
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.evolution import Evolution, EvolutionAlgorithm
from esbench.keys import stream
from esbench.policies.cnn import CNN
from esbench.policies.distributions import Categorical
from esbench.policies.gru import GRU
from esbench.policies.mlp import MLP
from esbench.policies.normalization import Moments
from esbench.population.gaussian import Gaussian
from esbench.population.members import MIN_ROWS, MemberStore
from esbench.population.repeated import Repeated
from esbench.problem import DeployedPolicy
from esbench.rollout.episodes import run_episodes
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from tests.environments import Delay, Recall, Walk

KEY = jax.random.key(7)
SMALL = MLP(n_layers=2, layer_size=32)


def problem(environment, network=SMALL, **sizes):
    policy = network.bind(environment.observation_space, environment.action_space)
    return EpisodicProblem(environment, policy, Sizes(**sizes))


def run(problem, members, episodes=1, greedy=False, **options):
    call = jax.jit(lambda members, key: run_episodes(
        problem, members, key, episodes=episodes, greedy=jnp.bool_(greedy), **options))  # fmt: skip
    return call(members, KEY)


def gaussian(problem, size=40, rank=1, sigma=0.3):
    params = jax.jit(problem.init_params)(jax.random.key(0))
    return Gaussian(params, jax.random.key(1), jnp.float32(sigma), size=size, rank=rank)


def one_lane_per_job(problem, members, episodes):
    """The plain way: a lane for every job, all stepped until the last one ends, nothing refilled or moved."""
    store = MemberStore.of(members)

    @jax.jit
    def run_all(members):
        index, episode = jnp.divmod(jnp.arange(members.size * episodes), episodes)
        fold = jax.vmap(jax.random.fold_in)
        keys = fold(fold(jnp.broadcast_to(KEY, index.shape), jax.vmap(members.pair)(index)), episode)
        own = store.derive(members, index)
        state, obs = jax.vmap(lambda key: problem.environment.reset(stream(key, "reset")))(keys)
        action_keys, environment_keys = (
            jax.vmap(lambda key, name=name: stream(key, name))(keys) for name in ("action", "environment")
        )

        def step(carry):
            t, state, obs, memory, total, length, running = carry
            memory, distribution = store.apply(problem.policy.apply, own, memory, obs)
            at_t = jax.vmap(lambda key: jax.random.fold_in(key, t))
            action = jax.vmap(lambda key, d: d.sample(key))(at_t(action_keys), distribution)
            state, after = jax.vmap(problem.step)(at_t(environment_keys), state, action)
            total = total + jnp.where(running, after.reward, 0)
            return (
                t + 1,
                state,
                after.obs,
                memory,
                total,
                length + running,
                running & ~(after.terminated | after.truncated),
            )

        zeros = jnp.zeros(len(index))
        memory = jax.tree.map(lambda x: jnp.tile(x, (len(index), 1)), problem.policy.initial_carry())
        start = (jnp.int32(0), state, obs, memory, zeros, zeros.astype(jnp.int32), zeros == 0)
        return jax.lax.while_loop(lambda carry: carry[6].any(), step, start)[4:6]

    return tuple(np.reshape(x, (members.size, episodes)) for x in run_all(members))


@pytest.mark.parametrize(
    ("rank", "sizes"),
    [
        (1, {"lanes": 64, "narrow": 8, "block": 8}),
        (1, {"lanes": 24, "narrow": 0, "block": 1, "refill": 1}),
        (1, {"lanes": 32, "narrow": 8, "block": 6, "unroll": 4}),
        (1, {"lanes": 500, "jobs_per_lane": 1, "narrow": 64, "block": 5, "refill": 1000}),
        (None, {"lanes": 32, "narrow": 8, "block": 3}),
    ],
    ids=str,
)
def test_refilled_lanes_equal_one_lane_per_job_to_the_bit(sizes, rank):
    task = problem(Walk(), **sizes)
    members = gaussian(task, size=50, rank=rank)
    result = run(task, members, episodes=3)
    returns, lengths = one_lane_per_job(task, members, 3)
    assert len(np.unique(lengths)) > 10
    np.testing.assert_array_equal(result.lengths, lengths)
    np.testing.assert_array_equal(result.returns, returns)


@pytest.mark.parametrize(
    ("network", "rank"),
    [
        (GRU(hidden_size=24, n_layers=0), 1),
        (GRU(hidden_size=32, layer_size=32), None),
        (CNN(height=1, width=2, channels=1, features=8, layer_size=32), 1),
    ],
    ids=["gru", "gru with hidden layers", "cnn"],
)
def test_refilled_lanes_equal_one_lane_per_job_for_networks_of_every_kind(network, rank):
    task = problem(Walk(), network, lanes=64, narrow=8, block=8)
    members = gaussian(task, size=50, rank=rank)
    result = run(task, members, episodes=3)
    returns, lengths = one_lane_per_job(task, members, 3)
    assert len(np.unique(lengths)) > 10
    np.testing.assert_array_equal(result.lengths, lengths)
    np.testing.assert_array_equal(result.returns, returns)


@pytest.mark.parametrize("limit", [1000, 7])
def test_what_follows_an_episodes_end_never_counts(limit):
    task = problem(Delay(longest=20, limit=limit), lanes=16, narrow=2, block=8)
    result = run(task, Repeated(jax.jit(task.init_params)(KEY), size=3), episodes=50)
    np.testing.assert_array_equal(result.returns, 1.0)
    keys = [jax.random.fold_in(jax.random.fold_in(KEY, 0), e) for e in range(50)]
    drawn = [int(Delay(20).reset(stream(key, "reset"))[0].left) for key in keys]
    np.testing.assert_array_equal(result.lengths, np.minimum([drawn] * 3, limit))


def test_computed_steps_count_every_lane():
    task = problem(Delay(longest=20), lanes=16, narrow=8, block=4)
    result = run(task, Repeated(jax.jit(task.init_params)(KEY), size=1), episodes=200)
    useful, computed = int(result.lengths.sum()), int(result.computed_steps.sum())
    assert useful <= computed < 2 * useful
    assert result.computed_steps.shape == (24,) and not (result.computed_steps % 4).any()


def test_lanes_are_fewer_where_jobs_are_few():
    def lanes(episodes, **sizes):
        task = problem(Delay(longest=20), narrow=0, **sizes)
        members = Repeated(jax.eval_shape(task.init_params, KEY), size=1)
        call = jax.eval_shape(
            lambda members, key: run_episodes(task, members, key, episodes=episodes, greedy=jnp.bool_(False)),
            members,
            KEY,
        )
        return len(call.computed_steps)

    assert [lanes(episodes) for episodes in (10, 64, 512, 800, 5000)] == [16, 64, 64, 104, 128]
    assert lanes(300, jobs_per_lane=1, lanes=200) == 200


def test_pairs_share_episodes_and_no_others_do():
    task = problem(Walk(limit=1), lanes=16)
    members = gaussian(task, size=12, sigma=1e-9)
    returns = np.asarray(run(task, members, episodes=2).returns).round(4)
    np.testing.assert_array_equal(returns[0::2], returns[1::2])
    assert len(np.unique(returns)) == 12


def test_greedy_and_sampled_members_may_stand_side_by_side():
    task = problem(Walk(), lanes=32)
    twice = Repeated(jax.jit(task.init_params)(KEY), size=2)
    both = run(task, twice, 16, greedy=jnp.array([True, False])).returns
    np.testing.assert_array_equal(both[0], run(task, twice, 16, greedy=True).returns[0])
    np.testing.assert_array_equal(both[1], run(task, twice, 16, greedy=False).returns[1])
    assert not np.array_equal(both[0], both[1])


def test_gathered_moments_are_those_of_all_useful_observations():
    task = problem(Delay(longest=9), lanes=8, narrow=2, block=5)
    result = run(task, Repeated(jax.jit(task.init_params)(KEY), size=2), episodes=30, gather=True)
    seen = np.concatenate([np.arange(n, 0, -1.0) for n in np.asarray(result.lengths).ravel()])
    assert result.observations.count == len(seen)
    np.testing.assert_allclose(result.observations.mean, [seen.mean()], rtol=1e-5)
    np.testing.assert_allclose(result.observations.deviations / len(seen), [seen.var()], rtol=1e-4)


def test_statistics_change_what_the_policy_sees():
    task = problem(Walk())
    members = Repeated(jax.jit(task.init_params)(KEY), size=1)
    plain = run(task, members, 8, greedy=True).returns
    moments = Moments(jnp.float32(100), jnp.full(2, 0.5), jnp.full(2, 400.0))
    assert not np.array_equal(plain, run(task, members, 8, greedy=True, statistics=moments).returns)
    np.testing.assert_array_equal(plain, run(task, members, 8, greedy=True, statistics=Moments.empty(2)).returns)


class Remember(nn.Module):
    """A GRU that sums what it has seen: with these weights fixed it acts on the first observation for ever."""

    @nn.compact
    def __call__(self, carry, observation):
        carry, _ = nn.GRUCell(4)(carry, observation)
        seen = carry.sum()
        return carry, Categorical(jnp.stack([-seen, seen]) * 1e3)

    @nn.nowrap
    def initial_carry(self):
        return jnp.zeros(4)


def test_memory_lives_through_an_episode_and_is_cleared_at_refill():
    task = EpisodicProblem(Recall(), Remember(), Sizes(lanes=8, narrow=1, block=2))
    params = jax.jit(task.init_params)(jax.random.key(0))
    # Gates half open, the candidate the observation itself: the sign of the memory is the bit until it is cleared.
    params = jax.tree.map(jnp.zeros_like, params)
    params["params"]["GRUCell_0"]["in"]["kernel"] = jnp.ones((1, 4))
    result = run(task, Repeated(params, size=1), episodes=100, greedy=True)
    np.testing.assert_array_equal(result.returns, 1.0)
    np.testing.assert_array_equal(result.lengths, 3)


def test_gru_members_are_perturbed_at_low_rank_and_run():
    task = EpisodicProblem(Recall(), Remember(), Sizes(lanes=8, narrow=1, block=2))
    result = run(task, gaussian(task, size=10), episodes=4)
    assert result.returns.shape == (10, 4) and set(np.unique(result.returns)) <= {0.0, 1.0}


def test_policy_rows_have_the_same_bits_in_every_batch_that_is_large_enough():
    """Why the policy is padded to `members.MIN_ROWS`: whether that many are enough on this processor."""
    task = problem(Walk())
    policy = dataclasses.replace(MLP(), layer_size=256).bind(Walk.observation_space, Walk.action_space)
    params = policy.init(jax.random.key(0), (), task.blank_observation)
    x = jax.random.normal(KEY, (1024, 2))
    apply = jax.jit(jax.vmap(lambda x: policy.apply(params, (), x)[1].mean))
    expected = np.asarray(apply(x))
    for rows in (MIN_ROWS, MIN_ROWS + 1, MIN_ROWS + 32, 200, 512):
        np.testing.assert_array_equal(apply(x[:rows]), expected[:rows])


def test_an_observation_that_is_not_finite_leaves_the_statistics_alone():
    x = jax.random.normal(KEY, (20, 3)).at[4, 1].set(jnp.nan).at[7, 0].set(jnp.inf)
    kept = np.delete(np.asarray(x), [4, 7], axis=0)
    moments = Moments.of(x, jnp.ones(20, bool))
    assert int(moments.count) == 18
    np.testing.assert_allclose(moments.mean, kept.mean(0), atol=1e-6)
    np.testing.assert_allclose(moments.deviations / 18, kept.var(0), rtol=1e-5)


class Gaps(Delay):
    """Shows `gap` in place of the number 2: a policy meets it once in an episode of two steps or more."""

    observation_space = gymnasium.spaces.Box(0, np.inf, (2,), np.float32)

    def __init__(self, gap):
        super().__init__(longest=5)
        self.gap = gap

    def shown(self, obs):
        return jnp.concatenate([jnp.where(obs == 2, self.gap, obs), jnp.ones(1)])

    def reset(self, key):
        state, obs = super().reset(key)
        return state, self.shown(obs)

    def step(self, key, state, action):
        state, transition = super().step(key, state, action)
        return state, transition._replace(obs=self.shown(transition.obs))


@pytest.mark.parametrize(("gap", "broken", "narrow"), [(jnp.nan, True, 8), (-jnp.inf, True, 0), (1e38, False, 8)])
def test_observations_that_are_not_finite_are_counted(gap, broken, narrow):
    """Those that a policy acts on, whatever became of the lanes of episodes that are over."""
    task = problem(Gaps(gap), lanes=16, narrow=narrow, block=3)
    result = run(task, gaussian(task), episodes=3)
    assert int(result.nonfinite_observations) == broken * int((result.lengths >= 2).sum())


def test_the_count_stands_in_the_metrics_of_a_generation():
    task = problem(Gaps(jnp.nan), lanes=16, block=3)
    learner = EvolutionAlgorithm(EGGROLL(pop_size=40), Evolution()).bind(task)
    _, metrics = jax.jit(learner.step)(jax.jit(learner.init)(KEY))
    # An episode of n steps meets the numbers n to 1; its return is 1 all the same.
    assert 10 < metrics.training["nonfinite_observations"] <= 40
    assert metrics.training["fitness_mean"] == 1


def test_attempts_at_the_same_episodes_are_scored_beside_both_modes():
    """Of a policy that knows nothing, which is right every other time."""
    task = EpisodicProblem(Recall(), Remember(), Sizes(lanes=32, narrow=0, block=3), attempts=8)
    params = jax.tree.map(jnp.zeros_like, jax.jit(task.init_params)(jax.random.key(0)))
    scores = jax.jit(lambda params: task.evaluate(DeployedPolicy(params, None, "greedy"), KEY, 300))(params)
    assert set(scores) == {"return", "length", "return_greedy", "return_sample", "pass@8"}
    np.testing.assert_array_equal(scores["return"], scores["return_greedy"])
    assert abs(scores["return_sample"].mean() - 0.5) < 0.1
    assert scores["pass@8"].mean() > 0.97 and (scores["pass@8"] >= scores["return_sample"]).all()
    # The same instances: it acts as if the bit were 0.
    bits = jax.vmap(lambda e: jax.random.fold_in(jax.random.fold_in(KEY, 0), e))(jnp.arange(300))
    bits = jax.vmap(lambda key: Recall().reset(stream(key, "reset"))[0][0])(bits)
    np.testing.assert_array_equal(scores["return_greedy"], bits == 0)


def test_recorded_steps_are_those_of_the_episodes():
    task = problem(Walk(limit=12), lanes=16, narrow=8, block=4)
    result = run(task, gaussian(task, size=9), episodes=2, record=10)
    steps, lengths = result.steps, np.asarray(result.lengths)
    assert steps.observation.shape == (9, 2, 10, 2) and steps.action.shape == (9, 2, 10, 2)
    there = np.arange(10) < lengths[..., None]  # what is past the tenth is not recorded
    np.testing.assert_array_equal(steps.acts, there)
    assert not np.where(there[..., None], 0, steps.observation).any()
    # The reward of a step is that of the next position.
    position, action = np.asarray(steps.observation), np.asarray(steps.action)
    rewards = -(position[:, :, 1:] ** 2).sum(-1) + 0.1 * np.clip(action[:, :, :-1], -1, 1).sum(-1)
    short = lengths <= 10
    assert short.any()
    last = np.array(result.returns) - (rewards * there[..., 1:]).sum(-1)  # what is left is the last step's
    assert (last[short] < 0.2).all()
    plain = run(task, gaussian(task, size=9), episodes=2)
    assert plain.steps is None
    np.testing.assert_array_equal(plain.returns, result.returns)
