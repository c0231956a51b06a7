"""The 16 tasks against their libraries stepped directly, against published returns, and through scripted ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.tasks.registry import task
from tests.tasks.episodes import EPISODES, random_action

STEPS = 40
# Compiled in two places, contact physics drifts apart by rounding; all else agrees much more closely.
TOLERANCE = {"brax": 2e-2}


def library_gymnax(name):
    import gymnax

    env, params = gymnax.make(name)

    def step(key, state, action):
        obs, state, reward, terminated, _ = env.step_env(key, state, action, params)
        return state, obs, reward, terminated | env.is_truncated(state, params)

    return lambda key: env.reset_env(key, params)[::-1], step


def library_brax(name):
    from brax import envs

    env = envs.get_environment(name, backend="generalized")
    env = envs.training.EpisodeWrapper(env, 1000, 1)

    def step(key, state, action):
        state = env.step(state, action)
        return state, state.obs, state.reward, state.done > 0

    def reset(key):
        state = env.reset(key)
        return state, state.obs

    return reset, step


def library_craftax(name):
    from craftax.craftax_env import make_craftax_env_from_name

    env = make_craftax_env_from_name(name, auto_reset=False)

    def step(key, state, action):
        obs, state, reward, done, _ = env.step(key, state, action, env.default_params)
        return state, obs, reward, done

    return lambda key: env.reset(key, env.default_params)[::-1], step


def library_jumanji(name):
    import jumanji

    env = jumanji.make(name)

    def flat(observation):
        if name == "Snake-v1":
            observation = observation._replace(step_count=observation.step_count / 4000)
        return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(observation)])

    def reset(key):
        state, timestep = env.reset(key)
        return state, flat(timestep.observation)

    def step(key, state, action):
        state, timestep = env.step(state, action)
        return state, flat(timestep.observation), timestep.reward, timestep.last()

    return reset, step


def library_kinetix(name):
    from kinetix.environment import ActionType, ObservationType, make_kinetix_env
    from kinetix.util.saving import load_from_json_file

    level, static_params, params = load_from_json_file(name)
    env = make_kinetix_env(
        ActionType.CONTINUOUS,
        ObservationType.SYMBOLIC_FLAT,
        reset_fn=lambda key: level,
        env_params=params,
        static_env_params=static_params,
        auto_reset=False,
    )

    def step(key, state, action):
        obs, state, reward, done, _ = env.step(key, state, action, params)
        return state, obs, reward, done

    return lambda key: env.reset(key, params)[::-1], step


def library_navix(name):
    import navix

    env = navix.make(name, max_steps=100)

    def observed(timestep):
        return (timestep.observation / jnp.array([10, 5, 3])).ravel()

    def reset(key):
        timestep = env.reset(key)
        return timestep, observed(timestep)

    def step(key, timestep, action):
        timestep = env._step(timestep, action)
        return timestep, observed(timestep), timestep.reward, timestep.is_done()

    return reset, step


LIBRARIES = {
    "gymnax": library_gymnax,
    "brax": library_brax,
    "craftax": library_craftax,
    "jumanji": library_jumanji,
    "kinetix": library_kinetix,
    "navix": library_navix,
}
# Compiled together with its library's own step, each of these takes more than half a minute.
HEAVY = [
    "Ant-v0",
    "Humanoid-v0",
    "CraftaxClassic-v0",
    "Craftax-v0",
    "HardPinball-v0",
    "ThrustControlLeft-v0",
    "ThrustOverBall-v0",
]
# Countdown is of esbench itself: its rules in plain Python are in test_countdown.py.
LIGHT = [name for name in EPISODES if name not in HEAVY and task(name).spec.suite in LIBRARIES]


@pytest.mark.parametrize("name", LIGHT + [pytest.param(name, marks=pytest.mark.slow) for name in HEAVY])
def test_same_trajectory_as_the_library(environment, name):
    """The same keys and actions give the same observations, rewards and ends, until and with the first end."""
    env, spec = environment(name), task(name).spec
    library_reset, library_step = LIBRARIES[spec.suite](spec.source_id)

    def episode(key):
        state, obs = env.reset(key)
        library_state, library_obs = library_reset(key)

        def one(carry, key):
            state, library_state = carry
            action = random_action(env.action_space, key)
            state, ours = env.step(key, state, action)
            library_state, obs, reward, done = library_step(key, library_state, action)
            return (state, library_state), (ours, obs, reward, done)

        return (obs, library_obs), jax.lax.scan(one, (state, library_state), jax.random.split(key, STEPS))[1]

    keys = jax.random.split(jax.random.key(5), 8)
    (first, library_first), (ours, obs, reward, done) = jax.jit(jax.vmap(episode))(keys)
    np.testing.assert_allclose(first, library_first, atol=1e-6)
    ends = np.asarray(ours.terminated | ours.truncated)
    played = np.cumsum(ends, 1) - ends == 0
    assert played.sum() > 8
    assert np.array_equal(ends[played], np.asarray(done)[played])
    error = TOLERANCE.get(spec.suite, 1e-4)
    np.testing.assert_allclose(np.asarray(ours.obs)[played], np.asarray(obs)[played], rtol=error, atol=error)
    np.testing.assert_allclose(np.asarray(ours.reward)[played], np.asarray(reward)[played], rtol=error, atol=error)


# Mean, standard deviation and number of episodes of a uniformly random policy, measured apart from this code with
# each library's own stepping. For a rare success the deviation is that of its Bernoulli law.
PUBLISHED = {
    "CartPole-v1": (22.9, 12.5, 1000),
    "Pendulum-v1": (-1229, 291, 1000),
    "InvertedDoublePendulum-v0": (145.9, 47.4, 256),
    "Ant-v0": (-8.5, 22.4, 100),
    "Humanoid-v0": (164, 48.9, 100),
    "CraftaxClassic-v0": (1.41, 1.22, 100),
    "Craftax-v0": (1.02, 1.17, 100),
    "Game2048-v1": (1075, 542, 256),
    "Knapsack-v1": (4.31, 2.31, 1000),
    "Snake-v1": (0.099, 0.32, 1000),
    "HardPinball-v0": (-1.060, 0.309, 256),
    "ThrustControlLeft-v0": (0.0743, 0.0214, 256),
    "ThrustOverBall-v0": (-0.811, 0.004, 256),
    "DoorKey-8x8-v0": (0.0007, 0.026, 1500),
    "DynamicObstacles-6x6-v0": (0.048, 0.214, 1000),
    "FourRooms-v0": (0.026, 0.159, 500),
}


@pytest.mark.parametrize(
    "name", [name if name in EPISODES else pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED]
)
def test_random_policy(player, name):
    """Within 4.5 standard errors of the published mean and of the catalogue's anchor."""
    mean, deviation, episodes = PUBLISHED[name]
    anchor = task(name).spec.random
    assert anchor is not None
    assert anchor.standard_error is not None
    ours = player(name).episodes.returns
    error = deviation / np.sqrt(len(ours))
    assert abs(ours.mean() - mean) <= 4.5 * np.hypot(error, deviation / np.sqrt(episodes))
    assert abs(ours.mean() - anchor.value) <= 4.5 * np.hypot(error, anchor.standard_error)


class TestScriptedEnds:
    """Episodes that a rule of thumb carries to an end that random actions do not reach."""

    def play(self, env, policy, lanes=4):
        """Final transition and length of one episode per lane under policy(state, obs) -> action."""

        def episode(key):
            def body(carry):
                state, obs, _, steps = carry
                state, transition = env.step(jax.random.fold_in(key, steps), state, policy(state.inner, obs, steps))
                return state, transition.obs, transition, steps + 1

            def go_on(carry):
                return ~(carry[2].terminated | carry[2].truncated)

            state, obs = env.reset(key)
            start = body((state, obs, None, jnp.int32(0)))
            _, _, transition, steps = jax.lax.while_loop(go_on, body, start)
            return transition, steps

        return jax.tree.map(np.asarray, jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(3), lanes)))

    def test_cart_pole_balanced_is_truncated_at_500(self, environment):
        last, steps = self.play(environment("CartPole-v1"), lambda s, obs, t: jnp.int32(obs[2] + 0.5 * obs[3] > 0))
        assert (steps == 500).all()
        assert last.truncated.all()
        assert not last.terminated.any()

    def test_an_illegal_move_of_2048_does_nothing_until_the_cap(self, environment):
        last, steps = self.play(environment("Game2048-v1"), lambda s, obs, t: jnp.int32(0))
        assert (steps == 1000).all()
        assert last.truncated.all()
        assert not last.terminated.any()
        assert (last.reward == 0).all()

    def test_a_circling_snake_is_truncated_at_4000(self, environment):
        """Up, right, down, left in turn from an inner cell, while the snake fits on the four cells."""
        last, steps = self.play(environment("Snake-v1"), lambda s, obs, t: t % 4, lanes=32)
        circled = steps == 4000
        assert circled.any()
        assert last.truncated[circled].all()
        assert not last.terminated[circled].any()
        assert last.terminated[~circled].all()
        assert (last.obs[circled, 720] == 1).all()

    def test_knapsack_ends_when_nothing_fits(self, environment):
        """Packing legally: the episode terminates with an empty mask, and only then."""
        last, steps = self.play(environment("Knapsack-v1"), lambda s, obs, t: jnp.argmax(obs[150:]).astype(jnp.int32))
        assert last.terminated.all()
        assert (last.obs[:, 150:] == 0).all()
        assert (last.reward > 0).all()
        assert (steps < 50).all()

    def test_dynamic_obstacles_end_in_time_when_nothing_is_done(self, environment):
        """Standing still outlives the cap now and then; being hit terminates without reward."""
        last, steps = self.play(environment("DynamicObstacles-6x6-v0"), lambda s, obs, t: jnp.int32(6), lanes=256)
        assert np.array_equal(last.truncated, steps == 100)
        assert last.terminated.any()
        assert (last.reward == 0).all()


def test_kinetix_starts_are_fixed(environment):
    reset = jax.jit(environment("ThrustOverBall-v0").reset)
    for one, other in zip(
        jax.tree.leaves(reset(jax.random.key(0))), jax.tree.leaves(reset(jax.random.key(1))), strict=True
    ):
        assert np.array_equal(one, other, equal_nan=True)
