"""The tasks as Gymnasium environments: single, vector, and against Gymnasium's own."""

import copy
import dataclasses
import functools
import os
import pickle
import subprocess
import sys
import time
import warnings

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.error import Error, InvalidAction, ResetNeeded, UnsupportedMode
from gymnasium.utils import seeding
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import batch_space
from gymnasium.wrappers import (
    FlattenObservation,
    NormalizeObservation,
    NormalizeReward,
    RecordEpisodeStatistics,
    TimeAwareObservation,
)

import esbench
from esbench.keys import stream
from esbench.tasks.gymnasium_api import episode as episode_module
from esbench.tasks.gymnasium_api.single import TaskEnv, UncappedTaskEnv
from esbench.tasks.gymnasium_api.vector import TaskVectorEnv
from esbench.tasks.registry import task, task_specs
from esbench.tasks.suites.countdown.specs import COUNTDOWN

NAMES = [spec.id for spec in task_specs() if spec.is_environment]
LIGHT = ["CartPole-v1", "Pendulum-v1", "Knapsack-v1", "DoorKey-8x8-v0"]


def all_tasks(*fast):
    """Every task; those that are not `fast` compile for long and are slow tests."""
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


# Compiled at different widths, contact physics drifts apart by rounding: Humanoid's velocities by 0.0125 in 40 steps.
TOLERANCE = {"Ant-v0": 2e-3, "InvertedDoublePendulum-v0": 2e-3, "Humanoid-v0": 2e-2}

# What check_env warns about, and why it stays as it is.
ACCEPTED = {
    "minimum value is -infinity": "velocities and positions without a bound of their own",
    "maximum value is infinity": "velocities and positions without a bound of their own",
    "we recommend using a symmetric and normalized space": "Pendulum's torques are Gymnasium's: -2 to 2",
}


def single(name, **options) -> gymnasium.Env:
    return gymnasium.make(f"esbench/{name}", **options)


def vector(name, num_envs, **options) -> gymnasium.vector.VectorEnv:
    return gymnasium.make_vec(f"esbench/{name}", num_envs=num_envs, **options)


@pytest.mark.parametrize("name", all_tasks(*LIGHT, COUNTDOWN.id))
def test_check_env(name):
    env = single(name).unwrapped
    env.action_space.seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env)
    messages = [str(warning.message) for warning in caught if "WARN" in str(warning.message)]
    assert [message for message in messages if not any(text in message for text in ACCEPTED)] == []


@pytest.mark.parametrize("name", all_tasks(*LIGHT, COUNTDOWN.id))
def test_single_and_vector_agree_with_the_functional_environment(name):
    """Step by step from the same state; whole trajectories too, but for brax, whose contacts are chaotic.

    The clocks run out a few steps before the last, so that there are ends of both kinds where the task has them.
    """
    seeds, steps, cap = [7, 8, 9], 40, task(name).spec.max_episode_steps
    environment = esbench.make(name)
    reset, step = jax.jit(environment.reset), jax.jit(environment.step)
    error = TOLERANCE.get(name, 1e-5)
    many, ones = vector(name, len(seeds)), [TaskEnv(name) for _ in seeds]

    many_obs, _ = many.reset(seed=seeds[0])
    ones_obs = [env.reset(seed=seed)[0] for env, seed in zip(ones, seeds, strict=True)]
    for obs, one_obs, seed in zip(many_obs, ones_obs, seeds, strict=True):
        bits = seeding.np_random(seed)[0].integers(2**32, size=2, dtype=np.uint32)
        key = jax.random.fold_in(jax.random.wrap_key_data(bits), 0)
        np.testing.assert_allclose(reset(stream(key, "reset"))[1], one_obs, rtol=error, atol=error)
        np.testing.assert_allclose(obs, one_obs, rtol=error, atol=error)

    def late(episode):
        return episode._replace(state=episode.state._replace(steps=episode.state.steps + cap - steps + 10))

    many._episodes = late(many._episodes)
    for env in ones:
        env._episode = late(env._episode)

    def expected(episode, action):
        key = jax.random.fold_in(episode.key, episode.steps)
        return jax.device_get(step(key, episode.state, action)[1])

    def compare(got, transition):
        np.testing.assert_allclose(got[0], transition.obs, rtol=error, atol=error)
        np.testing.assert_allclose(got[1], transition.reward, rtol=error, atol=error)
        assert (bool(got[2]), bool(got[3])) == (transition.terminated, transition.truncated)

    many.action_space.seed(1)
    over = [False] * len(seeds)
    ends = 0
    for _ in range(steps):
        actions = many.action_space.sample()
        before = many._episodes
        obs, reward, terminated, truncated, _ = many.step(actions)
        for i, env in enumerate(ones):
            got = (obs[i], reward[i], terminated[i], truncated[i])
            if over[i]:
                alone = (env.reset()[0], 0.0, False, False, {})
            else:
                action = np.int32(actions[i]) if actions.ndim == 1 else actions[i]
                compare(got, expected(jax.tree.map(lambda leaf, i=i: leaf[i], before), action))
                one_before = env._episode
                alone = env.step(actions[i])
                compare(alone, expected(one_before, action))
            if task(name).spec.suite != "brax":
                np.testing.assert_allclose(got[0], alone[0], rtol=error, atol=error)
                assert (bool(got[2]), bool(got[3])) == alone[2:4]
                over[i] = alone[2] or alone[3]
                ends += over[i]
            elif terminated[i] or truncated[i]:
                return  # the two are no longer the same episode
    assert ends


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("name", LIGHT)
def test_autoreset_as_sync_vector_env(name, mode):
    """Observations, rewards, ends and infos, over resets of all, with seeds and by a mask."""
    ours = vector(name, 3, autoreset_mode=mode)
    sync = SyncVectorEnv([lambda: single(name)] * 3, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    assert ours.observation_space == sync.observation_space
    assert ours.action_space == sync.action_space

    def same(a, b):
        assert type(a) is type(b)
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            for key in a:
                same(a[key], b[key])
        elif a.dtype == object:
            assert [x is None for x in a] == [x is None for x in b]
            for x, y in zip(a, b, strict=True):
                if x is not None:
                    same(x, y)
        else:
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)

    def both(function):
        results = function(ours), function(sync)
        for a, b in zip(*results, strict=True):
            same(a, b)
        return results[0]

    both(lambda envs: envs.reset(seed=5))
    both(lambda envs: envs.reset())
    obs, _ = both(lambda envs: envs.reset(seed=[3, 1, 2]))
    ours.action_space.seed(2)
    seen = np.zeros(2, int)
    for index in range(520 if name == "CartPole-v1" else 210):
        actions = ours.action_space.sample()
        if name == "CartPole-v1":
            actions[0] = obs[0, 2] + 0.5 * obs[0, 3] > 0  # keeps the first pole up until its cap
        obs, _, terminated, truncated, _ = both(lambda envs, actions=actions: envs.step(actions))
        seen += terminated.sum(), truncated.sum()
        ended = terminated | truncated
        if mode is AutoresetMode.DISABLED and ended.any():
            seed = index if index % 2 else None
            both(lambda envs, mask=ended, seed=seed: envs.reset(seed=seed, options={"reset_mask": mask.copy()}))
        elif index % 50 == 49:
            both(lambda envs: envs.reset(options={"reset_mask": np.array([False, True, False])}))
    assert seen[0] > 0 or name in ("Pendulum-v1", "DoorKey-8x8-v0")
    assert seen[1] > 0 or name == "Knapsack-v1"


class TestGymnasiumOriginals:
    """CartPole and Pendulum play as Gymnasium's do from the same state and actions."""

    @pytest.mark.parametrize("seed", range(8))
    def test_cart_pole(self, seed):
        ours, theirs = single("CartPole-v1"), gymnasium.make("CartPole-v1")
        obs, _ = ours.reset(seed=seed)
        theirs.reset()
        theirs.unwrapped.state = obs.astype(np.float64)
        ours.action_space.seed(seed)
        over = False
        while not over:
            action = ours.action_space.sample()
            got, expected = ours.step(action), theirs.step(action)
            np.testing.assert_allclose(got[0], expected[0], rtol=1e-5, atol=1e-5)
            assert got[1:4] == expected[1:4]
            over = got[2]

    def test_cart_pole_is_truncated_at_the_same_step(self):
        """A pole that is held up for 500 steps, compared step by step from the same state."""
        ours, theirs = single("CartPole-v1"), gymnasium.make("CartPole-v1")
        obs, _ = ours.reset(seed=0)
        theirs.reset()
        steps, over = 0, False
        while not over:
            theirs.unwrapped.state = obs.astype(np.float64)
            action = int(obs[2] + 0.5 * obs[3] > 0)
            (obs, *got), (expected_obs, *expected) = ours.step(action), theirs.step(action)
            np.testing.assert_allclose(obs, expected_obs, rtol=1e-5, atol=1e-5)
            assert got[:3] == expected[:3]
            steps, over = steps + 1, got[1] or got[2]
        assert (steps, got[1], got[2]) == (500, False, True)

    @pytest.mark.parametrize("seed", range(4))
    def test_pendulum(self, seed):
        ours, theirs = single("Pendulum-v1"), gymnasium.make("Pendulum-v1")
        obs, _ = ours.reset(seed=seed)
        theirs.reset()
        theirs.unwrapped.state = np.array([np.arctan2(obs[1], obs[0]), obs[2]], np.float64)
        ours.action_space.seed(seed)
        for step in range(200):
            action = ours.action_space.sample()
            got, expected = ours.step(action), theirs.step(action)
            # 200 steps of an inverted pendulum multiply a rounding error.
            np.testing.assert_allclose(got[0], expected[0], atol=1e-3)
            np.testing.assert_allclose(got[1], expected[1], atol=1e-2)
            assert got[2:4] == expected[2:4] == (False, step == 199)

    def test_spaces(self):
        for name in ("CartPole-v1", "Pendulum-v1"):
            ours, theirs = single(name), gymnasium.make(name)
            assert ours.action_space == theirs.action_space
            np.testing.assert_allclose(ours.observation_space.low, theirs.observation_space.low, rtol=1e-6)
            assert ours.spec.reward_threshold == theirs.spec.reward_threshold


class TestTypes:
    def test_single(self):
        env = single("CartPole-v1")
        obs, info = env.reset(seed=3)
        assert (type(obs), obs.dtype, info) == (np.ndarray, np.float32, {})
        obs, reward, terminated, truncated, info = env.step(np.int64(1))
        assert [type(x) for x in (reward, terminated, truncated, info)] == [float, bool, bool, dict]
        obs[:] = 0  # the caller's own

    def test_vector(self):
        envs = vector("Pendulum-v1", 5)
        obs, _ = envs.reset(seed=3)
        assert envs.observation_space == batch_space(envs.single_observation_space, 5)
        assert obs in envs.observation_space
        obs, reward, terminated, truncated, _ = envs.step(np.zeros((5, 1)))
        assert (obs.dtype, obs.shape) == (np.float32, (5, 3))
        assert (reward.dtype, terminated.dtype, truncated.dtype) == (np.float64, bool, bool)
        obs[:], reward[:], terminated[:], truncated[:] = 0, 0, True, True

    def test_spec(self):
        assert single("CartPole-v1").spec.reward_threshold == 475
        for name in NAMES:
            assert gymnasium.spec(f"esbench/{name}").max_episode_steps == task(name).spec.max_episode_steps

    def test_episodes_differ(self):
        env = single("CartPole-v1")
        first = [env.reset(seed=0)[0], env.reset()[0], env.reset(seed=1)[0], single("CartPole-v1").reset()[0]]
        assert len({obs.tobytes() for obs in first}) == len(first)
        assert np.array_equal(env.reset(seed=0)[0], first[0])
        assert np.array_equal(env.reset()[0], first[1])
        assert len({obs.tobytes() for obs in vector("CartPole-v1", 4).reset()[0]}) == 4


def length(env, most=1100):
    """Steps of a Pendulum's episode, which nothing but a cap ends; None where it has not ended after `most`."""
    env.reset(seed=0)
    for step in range(1, most + 1):
        *_, terminated, truncated, _ = env.step(np.zeros(env.action_space.shape))
        assert not np.any(terminated)
        if np.all(truncated):
            return step
        assert not np.any(truncated)
    return None


class TestCap:
    @pytest.mark.parametrize(("asked", "kept"), [(None, 200), (5, 5), (200, 200), (201, 201), (1000, 1000), (-1, None)])
    def test_of_make_and_of_make_vec(self, asked, kept):
        options = {} if asked is None else {"max_episode_steps": asked}
        for env in (single("Pendulum-v1", **options), vector("Pendulum-v1", 2, **options)):
            assert env.spec.max_episode_steps == kept
            assert length(env) == kept

    def test_of_other_ways_to_make_a_vector(self):
        for mode in ("sync", "vector_entry_point"):
            assert length(vector("Pendulum-v1", 2, vectorization_mode=mode, max_episode_steps=5)) == 5

    def test_specs_make_the_same_again(self):
        assert length(gymnasium.make(single("Pendulum-v1", max_episode_steps=7).spec)) == 7
        envs = vector("Pendulum-v1", 2, max_episode_steps=7)
        again = gymnasium.make_vec(envs.spec)
        assert (again.num_envs, again.spec, length(again)) == (2, envs.spec, 7)

    def test_of_the_classes(self):
        assert length(TaskEnv("Pendulum-v1")) == length(TaskVectorEnv("Pendulum-v1", 2)) == 200
        assert length(TaskEnv("Pendulum-v1", max_episode_steps=3)) == 3

    @pytest.mark.parametrize("cap", [0, -2, 2.5, "7", True])
    def test_that_is_none(self, cap):
        for make in (functools.partial(vector, num_envs=2), lambda name, **options: TaskEnv(name, **options)):
            with pytest.raises(Error, match=r"max_episode_steps .*: expected an integer, 1 or more") as caught:
                make("Pendulum-v1", max_episode_steps=cap)
            assert "\n" not in str(caught.value)

    def test_of_an_environment_that_keeps_its_own(self, tmp_path):
        """A Task of a file, whose function is trusted with the cap: a shorter one is kept, a longer one refused."""
        (tmp_path / "five.py").write_text(FIVE)
        name = f"{tmp_path}/five.py:TASK"
        assert length(TaskEnv(name)) == 5
        assert length(TaskVectorEnv(name, 2, max_episode_steps=4)) == 4
        with pytest.raises(Error, match=r"max_episode_steps 6: .* keeps its cap by itself: expected at most 5"):
            TaskVectorEnv(name, 2, max_episode_steps=6)

    def test_observations_past_the_tasks_own(self):
        """Snake sees how much of its time is over."""
        env = UncappedTaskEnv("Snake-v1")
        env.reset(seed=0)
        inner = env._episode.state.inner
        env._episode = env._episode._replace(
            state=env._episode.state._replace(inner=dataclasses.replace(inner, step_count=jnp.int32(10**6)))
        )
        assert env.step(0)[0] in env.observation_space


FIVE = """
import gymnasium, jax.numpy as jnp, numpy as np
from esbench.tasks.environment import Transition
from esbench.tasks.registry import Task
from esbench.tasks.spec import TaskSpec

class Five:
    observation_space = gymnasium.spaces.Box(0, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-2, 2, (1,), np.float32)

    def reset(self, key):
        return jnp.int32(0), jnp.zeros(1)

    def step(self, key, state, action):
        transition = Transition(jnp.float32(state + 1)[None], jnp.float32(1), jnp.bool_(False), state + 1 >= 5)
        return state + 1, transition

TASK = Task(TaskSpec("Five-v0", "user", "five", 5, "continuous", "Five steps."), Five)
"""


def trajectory(env, actions):
    """All that `env` gives for `actions`, in bytes; single environments are reset where an episode ends."""
    seen = []
    for action in actions:
        obs, reward, terminated, truncated, _ = env.step(action)
        seen += [obs.tobytes(), np.float64(reward).tobytes(), np.any(terminated), np.any(truncated)]
        if not hasattr(env, "num_envs") and (terminated or truncated):
            seen.append(env.reset()[0].tobytes())
    return seen


class TestCopies:
    """Pickles and deep copies go on as the original does, over further resets."""

    COPIES = (copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env)))

    @pytest.mark.parametrize("name", all_tasks(*LIGHT, COUNTDOWN.id))
    @pytest.mark.parametrize("make", [single, functools.partial(vector, num_envs=3)], ids=["single", "vector"])
    def test_amid_an_episode(self, name, make):
        env = make(name)
        env.action_space.seed(0)
        env.reset(seed=3)
        actions = [env.action_space.sample() for _ in range(60)]
        trajectory(env, actions[:4])
        copies = [make_copy(env) for make_copy in self.COPIES]
        expected = trajectory(env, actions[4:])
        for other in copies:
            assert trajectory(other, actions[4:]) == expected
            assert (other.spec, other.observation_space) == (env.spec, env.observation_space)

    def test_before_the_first_reset_and_with_options(self):
        for make_copy in self.COPIES:
            env = make_copy(single("Pendulum-v1", max_episode_steps=3, render_mode="rgb_array"))
            assert (length(env), env.spec.max_episode_steps, env.render_mode) == (3, 3, "rgb_array")
            envs = make_copy(vector("Pendulum-v1", 2, max_episode_steps=3, autoreset_mode=AutoresetMode.DISABLED))
            assert (length(envs), envs.metadata["autoreset_mode"]) == (3, AutoresetMode.DISABLED)

    def test_a_copy_shares_the_compiled_programs(self):
        env = single("CartPole-v1")
        assert all(make_copy(env).unwrapped._programs is env.unwrapped._programs for make_copy in self.COPIES)

    def test_in_another_process(self, tmp_path):
        """Of a task of a file too, whose classes have other names there."""
        (tmp_path / "five.py").write_text(FIVE)
        env = TaskEnv(f"{tmp_path}/five.py:TASK")
        env.reset(seed=0)
        env.step(np.zeros(1))
        (tmp_path / "env.pickle").write_bytes(pickle.dumps(env))
        code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).step([0.0])[0])"
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "env.pickle")], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "[2.]"


@pytest.mark.parametrize(
    "wrapper",
    [TimeAwareObservation, RecordEpisodeStatistics, NormalizeObservation, NormalizeReward, FlattenObservation],
)
def test_wrappers_of_gymnasium(wrapper):
    env = wrapper(single("Pendulum-v1"))
    assert length(env) == 200
    assert env.reset(seed=1)[0].shape == env.observation_space.shape
    assert length(pickle.loads(pickle.dumps(RecordEpisodeStatistics(single("Pendulum-v1"))))) == 200


@pytest.mark.slow
def test_environments_in_processes_of_their_own():
    envs = gymnasium.make_vec(
        "esbench/CartPole-v1", num_envs=2, vectorization_mode="async", vector_kwargs={"context": "spawn"}
    )
    try:
        np.testing.assert_array_equal(envs.reset(seed=0)[0], vector("CartPole-v1", 2).reset(seed=0)[0])
        assert len(envs.call("action_space")) == 2
    finally:
        envs.close()


# Under each of these an episode was another one, or none.
SWITCHES = {
    "x64": lambda: jax.enable_x64(True),
    "ranks": lambda: jax.numpy_rank_promotion("raise"),
    "types": lambda: jax.numpy_dtype_promotion("strict"),
    "partitioning": lambda: jax.threefry_partitionable(False),
    "generator": lambda: jax.default_prng_impl("rbg"),
}


class TestSwitchesOfJax:
    """The same episode, float32, whatever the process has switched on."""

    def play(self, name):
        episode_module._programs.cache_clear()
        env, envs = single(name), vector(name, 3)
        env.action_space.seed(0)
        obs = [env.reset(seed=0)[0], envs.reset(seed=0)[0]]
        seen = []
        for _ in range(20):
            action = env.action_space.sample()
            obs, reward, terminated, truncated, _ = env.step(action)
            many, rewards, *_ = envs.step(np.stack([action] * 3))
            assert obs in env.observation_space
            assert many in envs.observation_space
            seen += [obs.tobytes(), many.tobytes(), reward, *rewards]
            if terminated or truncated:
                break
        return seen

    @pytest.mark.parametrize(("name", "switches"), [("Pendulum-v1", list(SWITCHES)), ("Knapsack-v1", ["x64", "types"])])
    def test_in_the_process(self, name, switches):
        expected = self.play(name)
        for switch in switches:
            with SWITCHES[switch]():
                assert self.play(name) == expected, switch

    def test_switched_between_reset_and_step(self):
        env = single("Pendulum-v1")
        env.reset(seed=0)
        expected = copy.deepcopy(env).step(np.ones(1))
        saved = pickle.dumps(env)
        episode_module._programs.cache_clear()
        with jax.enable_x64(True):
            obs, reward, *_ = pickle.loads(saved).step(np.ones(1))
        np.testing.assert_array_equal(obs, expected[0])
        assert (obs.dtype, reward) == (np.float32, expected[1])

    def test_in_the_environment(self):
        """Also where a suite is imported under the switch."""
        names = ["Pendulum-v1", "Knapsack-v1", "Game2048-v1", "DoorKey-8x8-v0"]
        code = f"from tests.tasks.test_gymnasium_api import total; print([total(name) for name in {names}])"
        switches = {"JAX_ENABLE_X64": "1", "JAX_NUMPY_RANK_PROMOTION": "raise"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | switches, capture_output=True, text=True, check=True
        )
        expected = [total(name) for name in names]
        assert done.stdout == f"{expected}\n"
        assert expected[:2] == [pytest.approx(-123.114, abs=1e-3), pytest.approx(6.234, abs=1e-3)]


def total(name):
    """What 20 random steps pay, or those up to an end."""
    env = single(name)
    env.reset(seed=0)
    env.action_space.seed(0)
    paid = 0.0
    for _ in range(20):
        obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        assert obs in env.observation_space
        paid += reward
        if terminated or truncated:
            break
    return paid


class TestBadInput:
    def test_unknown_id(self):
        with pytest.raises(gymnasium.error.NameNotFound, match="Antt"):
            gymnasium.make("esbench/Antt-v0")
        with pytest.raises(gymnasium.error.VersionNotFound, match="v3"):
            gymnasium.make_vec("esbench/Ant-v3", num_envs=2)

    def test_unknown_option(self):
        with pytest.raises(TypeError, match="frame_skip"):
            single("CartPole-v1", frame_skip=2)
        with pytest.raises(TypeError, match="frame_skip"):
            vector("CartPole-v1", 2, frame_skip=2)
        with pytest.raises(UnsupportedMode, match="'ansi'"):
            single("CartPole-v1", render_mode="ansi")
        with pytest.raises(Error, match="unknown option 'low'"):
            single("CartPole-v1").reset(options={"low": -1})
        with pytest.raises(Error, match="unknown option 'low' of reset: expected reset_mask"):
            vector("CartPole-v1", 2).reset(options={"low": -1})
        with pytest.raises(Error, match=r"num_envs 0: expected an integer, 1 or more"):
            vector("CartPole-v1", 0)
        with pytest.raises(Error, match="autoreset_mode 'Never'"):
            vector("CartPole-v1", 2, autoreset_mode="Never")

    @pytest.mark.parametrize("action", [2, -1, 0.5, [1], None, "left", np.zeros(2, int)])
    def test_discrete_action(self, action):
        env = single("CartPole-v1").unwrapped
        env.reset(seed=0)
        with pytest.raises(InvalidAction, match=r"action .*(outside|expected)"):
            env.step(action)

    @pytest.mark.parametrize("action", [[2.5], [np.nan], 0.5, [0.5, 0.5], [[0.5]], None, [[1], [1, 2]], ["a"]])
    def test_continuous_action(self, action):
        env = single("Pendulum-v1").unwrapped
        env.reset(seed=0)
        with pytest.raises(InvalidAction, match=r"action .*(outside|expected)"):
            env.step(action)

    def test_vector_actions(self):
        envs = vector("CartPole-v1", 3)
        envs.reset(seed=0)
        with pytest.raises(InvalidAction, match=r"shape \(2,\).*expected integers of shape \(3,\)"):
            envs.step([0, 1])
        with pytest.raises(InvalidAction, match=r"environment 2\) is outside"):
            envs.step([0, 1, 2])

    def test_order(self):
        env, envs = single("CartPole-v1"), vector("CartPole-v1", 2, autoreset_mode=AutoresetMode.DISABLED)
        for unready in (env, envs):
            with pytest.raises(ResetNeeded, match=r"step\(1\) before the first reset"):
                unready.step(1)
        with pytest.raises(ResetNeeded, match="before the first reset"):
            single("CartPole-v1", render_mode="rgb_array").render()
        env.reset(seed=0)
        steps = 1
        while not env.step(1)[2]:
            steps += 1
        with pytest.raises(ResetNeeded, match=rf"step\(1\) after the episode terminated at step {steps}"):
            env.step(1)
        envs.reset(seed=0)
        while not (ended := envs.step([1, 1])[2]).any():
            pass
        with pytest.raises(ResetNeeded, match=rf"environments \[{np.flatnonzero(ended)[0]}"):
            envs.step([1, 1])

    def test_render_without_a_mode(self):
        for env in (single("CartPole-v1").unwrapped, vector("CartPole-v1", 2)):
            env.reset(seed=0)
            with pytest.raises(UnsupportedMode, match="render_mode None"):
                env.render()

    @pytest.mark.parametrize("seed", [1.5, "one", -3, [0, 1.5], [0]])
    def test_seed(self, seed):
        envs = [vector("CartPole-v1", 2)] + ([] if isinstance(seed, list) else [single("CartPole-v1")])
        for env in envs:
            with pytest.raises(Error, match=r"seed .*expected"):
                env.reset(seed=seed)

    @pytest.mark.parametrize("mask", [[True, False], np.zeros(2, bool), np.ones(3, bool), np.ones(2, int)])
    def test_reset_mask(self, mask):
        envs = vector("CartPole-v1", 2)
        envs.reset(seed=0)
        with pytest.raises(Error, match=r"reset_mask .*expected a bool array of shape \(2,\)"):
            envs.reset(options={"reset_mask": mask})


@pytest.mark.slow
class TestSpeed:
    """Ratios of figures taken in turn in one run."""

    def steps_per_second(self, envs, count):
        envs.reset(seed=0)
        envs.action_space.seed(0)
        actions = [envs.action_space.sample() for _ in range(20)]
        start = time.perf_counter()
        for index in range(count):
            envs.step(actions[index % 20])
        return count * envs.num_envs / (time.perf_counter() - start)

    def test_vector_steps(self):
        """1024 of our CartPoles against 16 of Gymnasium's: 10 times the steps a second."""
        ours = vector("CartPole-v1", 1024)
        theirs = SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")] * 16)
        self.steps_per_second(ours, 20)
        ratios = [self.steps_per_second(ours, 1000) / self.steps_per_second(theirs, 500) for _ in range(7)]
        assert np.median(ratios) > 10

    def test_overhead_of_a_single_step(self):
        """Over the jitted functional step: less than 200 microseconds."""
        env = single("Pendulum-v1").unwrapped
        step, key = jax.jit(esbench.make("Pendulum-v1").step), jax.random.key(0)
        action = np.zeros(1, np.float32)

        def whole():
            env.reset(seed=0)
            for _ in range(200):
                env.step(action)

        def functional():
            state = env._episode.state
            for _ in range(200):
                state, _ = jax.block_until_ready(step(key, state, action))

        def seconds(function):
            start = time.perf_counter()
            function()
            return (time.perf_counter() - start) / 200

        seconds(whole), seconds(functional)
        overheads = [seconds(whole) - seconds(functional) for _ in range(15)]
        assert np.median(overheads) < 200e-6
