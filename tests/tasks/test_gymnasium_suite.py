"""Gymnasium's environments as tasks."""

import re

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.algorithms.ppo import PPO
from esbench.cli import main
from esbench.errors import InputError, TaskError
from esbench.experiment.one_run.prepare import bind, make_problem, prepare
from esbench.experiment.options.config import resolve
from esbench.policies.mlp import MLP
from esbench.population.gaussian import Gaussian
from esbench.population.repeated import Repeated
from esbench.rollout.episodes import run_episodes
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from esbench.tasks.registry import make, task
from esbench.tasks.suites.gymnasium.adapter import Flat, Hosted, faults


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


def test_how_a_policy_acts_is_known_before_any_environment_is_reset():
    settings = {"num_envs": 2, "num_steps": 4, "num_minibatches": 2, "n_layers": 1, "layer_size": 8}
    config = resolve("gymnasium:CartPole-v1", "ppo", steps=1000, preset="defaults", settings=settings)
    problem = make_problem(config)
    prepared = prepare(config, problem, bind(config, problem))
    assert "callback" in prepared.start.as_text() and "callback" not in prepared.acts.as_text()
    assert prepared.action_mode == "sample"


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


class Bandit(gymnasium.Env):
    """Shows a bit and pays for the action that repeats it. The bit is the environment's own: no seed determines it."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self):
        self.rng = np.random.default_rng()

    def bit(self):
        return int(self.rng.integers(2))

    def reset(self, *, seed=None, options=None):
        self.shown = self.bit()
        return np.array([self.shown], np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(action == self.shown), True, False, {}


class Alternates(Bandit):
    """Its bit is that of how often it was reset."""

    resets = 0

    def bit(self):
        self.resets += 1
        return self.resets % 2


class Numbered(Bandit):
    """Its bit is that of how many were made before it."""

    made = 0

    def __init__(self):
        type(self).made += 1
        self.number = self.made

    def bit(self):
        return self.number % 2


@pytest.mark.parametrize("bandit", [Bandit, Alternates, Numbered])
def test_the_environment_that_is_reset_is_the_one_that_is_stepped(bandit):
    """A policy that repeats the bit it is shown is paid always, by chance half the time."""
    hosted = Hosted(lambda: Flat(bandit()))
    policy = MLP(n_layers=0).bind(hosted.observation_space, hosted.action_space)
    problem = EpisodicProblem(hosted, policy, Sizes(lanes=16, narrow=8, block=2, refill=8))
    dense = {"kernel": jnp.array([[-1.0, 1.0]]), "bias": jnp.array([0.5, -0.5])}
    population = Repeated({"params": {"MLP_0": {"Dense_0": dense}}}, size=2)

    @jax.jit
    def run(key):
        return run_episodes(problem, population, key, episodes=37, greedy=jnp.bool_(True))

    for seed in range(3):
        np.testing.assert_array_equal(run(jax.random.key(seed)).returns, 1.0)
    assert not hosted._running


def test_without_a_batch_too():
    hosted = Hosted(lambda: Flat(Bandit()))
    for seed in range(8):
        state, obs = hosted.reset(jax.random.key(seed))
        _, transition = hosted.step(jax.random.key(0), state, obs[0].astype(jnp.int32))
        assert transition.reward == 1


def test_no_environment_is_taken_for_what_is_never_stepped():
    """PPO resets a few episodes at a time, and drops those that no environment waits for."""
    hosted = Hosted(lambda: Flat(Count()))
    policy = MLP(n_layers=1, layer_size=8).bind(hosted.observation_space, hosted.action_space)
    learner = PPO(num_envs=5, num_steps=40, num_epochs=1, num_minibatches=1).bind(EpisodicProblem(hosted, policy))
    Count.made = 0
    state = jax.jit(learner.init)(jax.random.key(0))
    jax.block_until_ready(jax.jit(learner.step)(state))
    assert Count.made == 4  # the first was made for the spaces
    assert len(hosted._running) == 5


def test_runs_side_by_side_give_all_environments_back():
    """A run that is refilled beside others takes none for those that have no idle lanes yet."""
    hosted = Hosted(lambda: Flat(Count()))
    policy = MLP(n_layers=1, layer_size=8).bind(hosted.observation_space, hosted.action_space)
    problem = EpisodicProblem(hosted, policy, Sizes(refill=64))
    member = Repeated(problem.init_params(jax.random.key(0)), size=1)
    keys = jax.random.split(jax.random.key(1), 3)
    Count.made = 0
    call = jax.vmap(lambda key: run_episodes(problem, member, key, episodes=120, greedy=jnp.bool_(True)))
    result = jax.block_until_ready(jax.jit(call)(keys))
    np.testing.assert_array_equal(result.returns, result.lengths)
    assert result.lengths.min() == 1 and not hosted._running
    assert Count.made == 3 * 64 - 1  # one was there for the spaces


def test_a_state_that_was_left_behind_cannot_be_stepped():
    hosted = Hosted(lambda: Flat(Push()))
    state, _ = hosted.reset(jax.random.key(0))
    after, _ = hosted.step(jax.random.key(0), state, jnp.zeros(4))
    hosted.step(jax.random.key(0), after, jnp.zeros(4))
    for old, steps in ((state, 0), (after, 1)):
        with pytest.raises(TaskError, match=f"a state after {steps} steps is stepped, .* gone on to 2: expected the"):
            hosted.step(jax.random.key(0), old, jnp.zeros(4))


class Takes(gymnasium.Env):
    """Remembers the action it was given; an action outside its space is an error."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)

    def __init__(self, space):
        self.action_space = space

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        assert action in self.action_space, (action, action.dtype)
        self.taken = action
        return np.zeros(1, np.float32), 0.0, False, False, {}


INT32, INT64, UINT32 = (np.iinfo(kind) for kind in (np.int32, np.int64, np.uint32))


@pytest.mark.parametrize(
    ("low", "high", "kind", "given", "expected"),
    [
        (-1, 1, np.int8, [-3, -0.6, -0.4, 0, 0.4, 0.6, 3], [-1, -1, 0, 0, 0, 1, 1]),
        (-5, 5, np.int32, [-2.7, -2.2, 2.2, 2.7], [-3, -2, 2, 3]),
        (0, 255, np.uint8, [-7, 0.4, 254.6, 300, np.inf], [0, 0, 255, 255, 255]),
        (0, INT32.max, np.int32, [-1, 7, INT32.max, 1e30], [0, 7, INT32.max, INT32.max]),
        (INT32.min, INT32.max, np.int32, [-np.inf, -1e10, -3.0, 1e10], [INT32.min, INT32.min, -3, INT32.max]),
        (INT64.min, INT64.max, np.int64, [-1e30, -3.0, 2.0**63], [INT64.min, -3, INT64.max]),
        (2, UINT32.max, np.uint32, [0, 3.4, UINT32.max], [2, 3, UINT32.max]),
        (10, 12, np.int16, [-40000, 11.2, 40000], [10, 11, 12]),
    ],
)
def test_actions_of_an_integer_box(low, high, kind, given, expected):
    """The nearest integer inside; today's neighbours of the bounds do not wrap."""
    env = Flat(Takes(gymnasium.spaces.Box(low, high, (len(given),), kind)))
    assert env.action_space.dtype == np.float32
    env.reset(seed=0)
    env.step(np.array(given, np.float32))
    assert env.env.taken.dtype == kind
    assert env.env.taken.tolist() == expected


class Answers(gymnasium.Env):
    """Gives what it is told to at its second step, or at a reset: a callable raises it."""

    observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    good = (np.zeros(3, np.float32), 1.0, False, False, {})

    def __init__(self, at_reset=None, at_step=None, observations=None):
        self.at_reset, self.at_step = at_reset, at_step
        if observations is not None:
            self.observation_space = observations
            self.good = (0, *self.good[1:])

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return (self.good[0], {}) if self.at_reset is None else self.answer(self.at_reset)

    def step(self, action):
        self.steps += 1
        return self.good if self.steps < 2 or self.at_step is None else self.answer(self.at_step)

    def answer(self, what):
        return what() if callable(what) else what


def step(**changes):
    """A step's answer with some of it replaced."""
    names = ("obs", "reward", "terminated", "truncated", "info")
    return tuple(changes.get(name, value) for name, value in zip(names, Answers.good, strict=True))


def nan(place, value=np.nan):
    obs = np.zeros(3, np.float32)
    obs[place] = value
    return obs


def raises(error):
    def answer():
        raise error

    return answer


IN_A_STEP = "(Answers, step 2 of the episode with seed 7)"
IN_A_RESET = "(Answers, the reset with seed 7)"
FAULTS = {
    "raises": ({"at_step": raises(RuntimeError("the simulator\n is gone"))}, "RuntimeError: the simulator is gone"),
    "leaves Python": ({"at_step": raises(SystemExit("bye"))}, "SystemExit: bye"),
    "asserts": ({"at_step": raises(AssertionError("no such action"))}, "AssertionError: no such action"),
    "nan": ({"at_step": step(obs=nan(1))}, "the observation has a number that is not finite: nan"),
    "inf": ({"at_step": step(obs=nan(2, -np.inf))}, "the observation has a number that is not finite: -inf"),
    "beyond float32": ({"at_step": step(obs=[0, 0, 1e300])}, "the observation has a number that is not finite: inf"),
    "nan reward": ({"at_step": step(reward=np.nan)}, "the reward is nan, which is not finite"),
    "huge reward": ({"at_step": step(reward=1e300)}, "the reward is 1e+300, which is not finite"),
    "no reward": ({"at_step": step(reward=None)}, "the reward is None: expected numbers"),
    "text": ({"at_step": step(reward="1.5")}, "the reward is '1.5': expected numbers"),
    "many rewards": (
        {"at_step": step(reward=np.ones(1))},
        "the reward is an array of float64 and shape (1,): expected one number",
    ),
    "no end": ({"at_step": step(terminated=None)}, "the end `terminated` is None: expected integers"),
    "ends": (
        {"at_step": step(truncated=np.zeros(2, bool))},
        "the end `truncated` is an array of bool and shape (2,): expected one number",
    ),
    "size": (
        {"at_step": step(obs=np.zeros(2))},
        "the observation is an array of float64 and shape (2,): expected the shape (3,)",
    ),
    "no observation": ({"at_step": step(obs=None)}, "the observation is None: expected numbers"),
    "ragged": ({"at_step": step(obs=[0, [1, 2]])}, "the observation is [0, [1, 2]]: expected numbers"),
    "old step": (
        {"at_step": (np.zeros(3), 1.0, True, {})},
        "step gives a tuple of 4: expected (observation, reward, terminated, truncated, info)",
    ),
    "nothing": (
        {"at_step": lambda: None},
        "step gives None: expected (observation, reward, terminated, truncated, info)",
    ),
    "a place too high": (
        {"at_step": step(obs=4), "observations": gymnasium.spaces.Discrete(4)},
        "the observation is 4, outside Discrete(4)",
    ),
    "a place too low": (
        {"at_step": step(obs=-1), "observations": gymnasium.spaces.Discrete(4)},
        "the observation is -1, outside Discrete(4)",
    ),
    "a place between": (
        {"at_step": step(obs=1.5), "observations": gymnasium.spaces.Discrete(4)},
        "the observation is 1.5: expected integers",
    ),
    "nan at reset": ({"at_reset": (nan(0), {})}, "the observation has a number that is not finite: nan"),
    "old reset": (
        {"at_reset": np.zeros(3, np.float32)},
        "reset gives an array of float32 and shape (3,): expected (observation, info)",
    ),
    "old reset of two": (
        {"at_reset": np.zeros(2, np.float32)},
        "reset gives an array of float32 and shape (2,): expected (observation, info)",
    ),
    "size at reset": (
        {"at_reset": (np.zeros((2, 3)), {})},
        "the observation is an array of float64 and shape (2, 3): expected the shape (3,)",
    ),
    "raises at reset": ({"at_reset": raises(OSError("no display"))}, "OSError: no display"),
}


class TestFaults:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_one_line_that_begins_with_what_is_wrong(self, fault):
        answers, text = FAULTS[fault]
        env = Flat(Answers(**answers), "Answers")
        where = IN_A_RESET if "at_reset" in answers else IN_A_STEP
        with pytest.raises(TaskError) as caught:
            env.reset(seed=7)
            for _ in range(3):
                env.step(0)
        assert str(caught.value) == f"{text} {where}"

    @pytest.mark.parametrize("batch", [jax.vmap, lambda function, axes=0: function], ids=["lanes", "one"])
    @pytest.mark.parametrize("fault", ["raises", "old reset", "nan"])
    def test_out_of_a_compiled_program(self, fault, batch, capfd, caplog):
        """The same line instead of JAX's page, with the environment's own error as its cause, and nothing logged."""
        answers, text = FAULTS[fault]
        hosted = Hosted(lambda: Flat(Answers(**answers), "Answers"))
        keys = jax.random.split(jax.random.key(0), 2) if batch is jax.vmap else jax.random.key(0)
        actions = jnp.zeros(keys.shape, jnp.int32)

        @jax.jit
        def episode(keys):
            def more(_, carry):
                state, transition = batch(hosted.step)(keys, carry[0], actions)
                return state, transition.obs

            return jax.lax.fori_loop(0, 3, more, batch(hosted.reset)(keys))

        with pytest.raises(TaskError, match=rf"^{re.escape(text)} \(Answers, [^\n]*\)$") as caught, faults():
            jax.block_until_ready(episode(keys))
        assert isinstance(caught.value.__cause__, RuntimeError if fault == "raises" else type(None))
        assert not caplog.records
        assert capfd.readouterr() == ("", "")

    def test_other_errors_of_a_program_pass(self):
        def callback(x):
            raise ValueError("another")

        with pytest.raises(jax.errors.JaxRuntimeError, match="another"), faults():
            jax.block_until_ready(jax.pure_callback(callback, jnp.float32(0), jnp.float32(0)))

    @pytest.mark.parametrize("value", [1, True, np.float64(1), np.float32(1), np.array(1.0), np.int8(1), jnp.ones(())])
    def test_rewards_that_are_numbers(self, value):
        env = Flat(Answers(at_step=step(reward=value, terminated=np.array(True), truncated=np.bool_(False))))
        env.reset(seed=0)
        env.step(0)
        _, reward, terminated, truncated, _ = env.step(0)
        assert (reward, terminated, truncated) == (1.0, True, False)
        assert [type(x) for x in (reward, terminated, truncated)] == [float, bool, bool]

    @pytest.mark.parametrize("obs", [[0, 1, 0], np.array([0, 1, 0], np.uint8), np.array([[0], [1], [0]]), (0.0, 1, 0)])
    def test_observations_of_another_type(self, obs):
        seen, _ = Flat(Answers(at_reset=(obs, {}))).reset(seed=0)
        np.testing.assert_array_equal(seen, [0, 1, 0])
        assert seen.dtype == np.float32

    def test_an_action_that_is_not_finite_is_the_policys_fault(self):
        """The episode ends with a reward of NaN, as a member without a finite fitness; the environment is not asked."""
        hosted = Hosted(lambda: Flat(Push()))
        state, _ = hosted.reset(jax.random.key(0))
        state, transition = hosted.step(jax.random.key(0), state, jnp.array([0, 0, jnp.nan, 0]))
        assert np.isnan(transition.reward)
        assert transition.terminated
        assert not hosted._running
        assert hosted.step(jax.random.key(0), state, jnp.zeros(4))[1].reward == 0


class TestRegistered:
    """Environments as their users register them."""

    @pytest.fixture
    def register(self):
        names = []

        def add(make, **options):
            names.append(f"Hosted{len(names)}-v0")
            gymnasium.register(names[-1], entry_point=make, **options)
            return f"gymnasium:{names[-1]}"

        yield add
        for name in names:
            del gymnasium.registry[name]

    def test_a_render_mode_is_not_asked_of_every_environment(self, register):
        assert task(register(Bandit)).spec.action_kind == "discrete"

    def test_nothing_but_the_line_is_printed(self, register, capfd):
        """Gymnasium's own checker would warn of the first step."""
        environment = make(register(lambda: Answers(at_step=step(obs=nan(0)))))
        state, _ = environment.reset(jax.random.key(0))
        with pytest.raises(TaskError, match=r"not finite: nan \(gymnasium:Hosted0-v0, step 2 of the episode"):
            for _ in range(2):
                state, _ = environment.step(jax.random.key(0), state, jnp.int32(0))
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("observations", "actions", "text"),
        [
            (gymnasium.spaces.MultiBinary(3), gymnasium.spaces.Discrete(2), "observations are MultiBinary(3)"),
            (gymnasium.spaces.Box(0, 1), gymnasium.spaces.MultiBinary(3), "actions are MultiBinary(3)"),
            (gymnasium.spaces.Box(0, 1), gymnasium.spaces.MultiDiscrete([2, 3]), "actions are MultiDiscrete([2 3])"),
            (
                gymnasium.spaces.Box(0, 1, (0,)),
                gymnasium.spaces.Discrete(2),
                "observations are Box([], [], (0,), float32)",
            ),
            (
                gymnasium.spaces.Box(0, 1),
                gymnasium.spaces.Box(0, 1, (2, 0)),
                "actions are Box([], [], (2, 0), float32)",
            ),
        ],
    )
    def test_spaces_that_no_policy_fits(self, observations, actions, text, register):
        def build():
            env = Takes(actions)
            env.observation_space = observations
            return env

        with pytest.raises(InputError) as caught:
            make(register(build))
        assert text in str(caught.value)
        assert str(caught.value).startswith("gymnasium:Hosted0-v0: ")
        assert "\n" not in str(caught.value)


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
