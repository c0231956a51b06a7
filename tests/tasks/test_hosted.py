"""Gymnasium's environments as tasks."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.cli import main
from esbench.errors import InputError
from esbench.policies.mlp import MLP
from esbench.population.gaussian import Gaussian
from esbench.rollout.episodes import run_episodes
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from esbench.tasks.hosted import Flat, Hosted
from esbench.tasks.registry import task


class Count(gymnasium.Env):
    """Ends after as many steps as its first observation says, 1 to 9; each pays 1. Counts the resets of all."""

    observation_space = gymnasium.spaces.Box(0, 9, (1, 2), np.float64)
    action_space = gymnasium.spaces.Discrete(3, start=-1)
    made = 0

    def __init__(self):
        type(self).made += 1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(1, 10))
        self.steps = 0
        return np.array([[self.left, 0.0]]), {}

    def step(self, action):
        assert action in self.action_space
        assert self.left > 0, "stepped after its end"
        self.left, self.steps = self.left - 1, self.steps + 1
        return np.array([[self.left, self.steps]]), 1.0, self.left == 0, False, {}


class Push(gymnasium.Env):
    """A 2 x 2 box of actions whose sum is paid, for three steps."""

    observation_space = gymnasium.spaces.Discrete(4)
    action_space = gymnasium.spaces.Box(-0.4, 0.4, (2, 2), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return 0, {}

    def step(self, action):
        assert action in self.action_space
        self.steps += 1
        return self.steps, float(action.sum()), False, self.steps == 3, {}


def test_steps_as_gymnasium_does():
    """The same episode as Gymnasium's own CartPole of the same seed, lanes side by side."""
    environment = task("gymnasium:CartPole-v1").make()
    state, obs = jax.jit(jax.vmap(environment.reset))(jax.random.split(jax.random.key(0), 3))
    alone = [gymnasium.make("CartPole-v1") for _ in range(3)]
    for env, seed, first in zip(alone, state.inner.seed, obs, strict=True):
        assert np.array_equal(env.reset(seed=int(seed))[0], first)
    step = jax.jit(jax.vmap(environment.step, (None, 0, 0)))
    over = np.zeros(3, bool)
    for index in range(40):
        actions = np.array([index % 2, 1, 0])
        state, transition = step(jax.random.key(1), state, actions)
        for lane in np.flatnonzero(~over):
            obs, reward, terminated, truncated, _ = alone[lane].step(actions[lane])
            assert np.array_equal(obs, transition.obs[lane])
            assert (reward, terminated, truncated) == (
                transition.reward[lane],
                transition.terminated[lane],
                transition.truncated[lane],
            )
            over[lane] = terminated
    assert over[1:].all()


def test_every_job_is_played_once_to_its_end():
    """More jobs than lanes, refilled and moved to the narrow width: lengths are what the seeds say."""
    hosted = Hosted(lambda: Flat(Count()))
    policy = MLP(n_layers=1, layer_size=8).bind(hosted.observation_space, hosted.action_space)
    problem = EpisodicProblem(hosted, policy, Sizes(lanes=16, narrow=8, block=4))
    params = problem.init_params(jax.random.key(0))
    population = Gaussian(params, jax.random.key(1), jnp.float32(0.1), size=20, rank=1)

    @jax.jit
    def run(key):
        return run_episodes(problem, population, key, episodes=4, greedy=jnp.bool_(False))

    result = run(jax.random.key(2))
    assert np.array_equal(result.returns, result.lengths)
    assert set(np.unique(result.lengths)) == set(range(1, 10))
    # The two of an antithetic pair see the same episodes.
    assert np.array_equal(result.lengths[0::2], result.lengths[1::2])
    made = Count.made
    assert np.array_equal(run(jax.random.key(2)).lengths, result.lengths)
    assert Count.made == made <= 26  # environments are used again; one gives the first observations
    assert not hosted._running


def test_copies_of_an_episode_go_on_together():
    hosted = Hosted(lambda: Flat(Count()))
    state, obs = jax.jit(hosted.reset)(jax.random.key(0))
    many = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), state)
    _, transition = jax.jit(jax.vmap(hosted.step, (None, 0, None)))(jax.random.key(0), many, jnp.int32(1))
    assert np.array_equal(transition.obs, [[obs[0] - 1, 1]] * 3)


def test_spaces_are_flat():
    env = Flat(Count())
    assert env.observation_space == gymnasium.spaces.Box(0, 9, (2,), np.float32)
    assert env.action_space == gymnasium.spaces.Discrete(3)
    assert env.reset(seed=0)[0].dtype == np.float32
    env.step(np.int32(0))
    push = Flat(Push())
    assert push.observation_space == gymnasium.spaces.Box(0, 1, (4,), np.float32)
    assert push.action_space == gymnasium.spaces.Box(-0.4, 0.4, (4,), np.float32)
    assert np.array_equal(push.reset(seed=0)[0], [1, 0, 0, 0])
    # The bounds in float32 lie outside those in float64.
    assert push.step(push.action_space.high)[1] == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CartPol-v1", "unknown task 'gymnasium:CartPol-v1'.*CartPole"),
        ("CartPole-v9", "unknown task 'gymnasium:CartPole-v9'.*v9"),
        ("Blackjack-v1", "Tuple.*expected a Box or a Discrete"),
        ("esbench/CartPole-v1", "is a task of esbench: expected --task CartPole-v1"),
        ("absent_module:Thing-v0", "cannot be made: ModuleNotFoundError"),
    ],
)
def test_what_is_no_such_task(name, text):
    with pytest.raises(InputError, match=text):
        task(f"gymnasium:{name}")


def test_spec():
    spec = task("gymnasium:CartPole-v1").spec
    assert (spec.id, spec.suite, spec.max_episode_steps) == ("gymnasium-CartPole-v1", "gymnasium", 500)
    assert task("gymnasium:CliffWalking-v1").spec.max_episode_steps == 1000
    assert task("gymnasium:CartPole").spec.id == "gymnasium-CartPole-v0"


def test_it_says_that_it_is_slow(tmp_path, capsys):
    argv = ["run", "--task", "gymnasium:CartPole-v1", "--algorithm", "eggroll", "--out", str(tmp_path), "--dry-run"]
    assert main(argv) == 0
    assert "slower than a compiled task" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["eggroll", "open_es", "ppo"])
def test_runs_and_films(algorithm, tmp_path):
    argv = ["run", "--task", "gymnasium:CartPole-v1", "--algorithm", algorithm, "--tier", "smoke", "--steps", "1000"]
    assert main([*argv, "--set", "n_layers=1", "layer_size=16", "--out", str(tmp_path)]) == 0
    run = tmp_path / "smoke" / "gymnasium-CartPole-v1" / algorithm / "seed-0"
    assert main(["play", str(run), "--out", str(tmp_path / "film.gif")]) == 0


@pytest.mark.slow
def test_eggroll_solves_gymnasiums_cart_pole(tmp_path, capsys):
    argv = ["run", "--task", "gymnasium:CartPole-v1", "--algorithm", "eggroll", "--out", str(tmp_path)]
    assert main(argv) == 0
    returned = float(capsys.readouterr().out.rpartition("return ")[2].split()[0])
    assert returned >= 475
