"""Every registered task keeps the environment's contract: being registered is what puts a task here."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.tasks.catalogue import CARDS
from esbench.tasks.registry import task, task_specs
from tests.tasks.episodes import EPISODES

NAMES = [spec.id for spec in task_specs() if spec.is_environment]
PLAYED = [name if name in EPISODES else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


def abstract_action(space):
    if isinstance(space, gymnasium.spaces.Discrete):
        return jax.ShapeDtypeStruct((), jnp.int32)
    return jax.ShapeDtypeStruct(space.shape, jnp.float32)


def described(tree):
    """Structure, shapes, dtypes and weak types of a pytree: what a loop's carry must keep."""
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


@pytest.mark.parametrize("name", NAMES)
class TestByShape:
    def test_spaces(self, environment, name):
        env = environment(name)
        space = env.observation_space
        assert type(space) is gymnasium.spaces.Box
        assert space.dtype == np.float32
        assert len(space.shape) == 1
        assert (space.low < space.high).all()
        kind = "discrete" if isinstance(env.action_space, gymnasium.spaces.Discrete) else "continuous"
        assert kind == task(name).spec.action_kind
        if kind == "continuous":
            assert env.action_space.dtype == np.float32
            assert len(env.action_space.shape) == 1
            assert np.isfinite(env.action_space.low).all()
            assert np.isfinite(env.action_space.high).all()

    def test_the_card_has_its_sizes(self, environment, name):
        env, card = environment(name), CARDS[name]
        assert int(card.observation.split()[0].rstrip(":")) == env.observation_space.shape[0]
        discrete = isinstance(env.action_space, gymnasium.spaces.Discrete)
        size = int(env.action_space.n) if discrete else env.action_space.shape[0]
        assert int(card.action.split()[0].rstrip(":")) == size

    def test_reset_and_step_under_vmap_and_scan(self, environment, name):
        """Types come out as promised, and a state of a step is in no way different from one of a reset."""
        env = environment(name)
        lanes, steps = 3, 2
        action = abstract_action(env.action_space)
        actions = jax.ShapeDtypeStruct((steps, lanes, *action.shape), action.dtype)

        def run(key, actions):
            keys = jax.random.split(key, lanes)
            start = jax.vmap(env.reset)(keys)
            after, transitions = jax.lax.scan(lambda s, action: jax.vmap(env.step)(keys, s, action), start[0], actions)
            return start, after, transitions

        key = jax.eval_shape(lambda: jax.random.key(0))
        (state, obs), after, transitions = jax.eval_shape(run, key, actions)
        assert described(after) == described(state)
        assert not any(leaf.weak_type for leaf in jax.tree.leaves((state, obs, transitions)))
        size = env.observation_space.shape
        assert (obs.shape, obs.dtype) == ((lanes, *size), jnp.float32)
        assert (transitions.obs.shape, transitions.obs.dtype) == ((steps, lanes, *size), jnp.float32)
        assert (transitions.reward.shape, transitions.reward.dtype) == ((steps, lanes), jnp.float32)
        for end in (transitions.terminated, transitions.truncated):
            assert (end.shape, end.dtype) == ((steps, lanes), jnp.bool_)


@pytest.mark.parametrize("name", [name for name in NAMES if name in EPISODES])
def test_one_episode_without_vmap(environment, name):
    """A lane alone has the same types, before any loop could promote them."""
    env = environment(name)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state, obs = jax.eval_shape(env.reset, key)
    after, transition = jax.eval_shape(env.step, key, state, abstract_action(env.action_space))
    assert described(after) == described(state)
    assert described(obs) == described(transition.obs)


@pytest.mark.parametrize("name", PLAYED)
class TestRandomEpisodes:
    def test_every_episode_ends_by_its_cap(self, player, name):
        episodes, cap = player(name).episodes, task(name).spec.max_episode_steps
        assert (episodes.terminated | episodes.truncated).all()
        assert (episodes.lengths <= cap).all()
        assert np.array_equal(episodes.truncated, episodes.lengths == cap)

    def test_observations_and_returns_are_in_range(self, environment, player, name):
        episodes, space = player(name).episodes, environment(name).observation_space
        assert (episodes.low >= space.low).all()
        assert (episodes.high <= space.high).all()
        assert np.isfinite(episodes.returns).all()

    def test_same_keys_same_episodes(self, player, name):
        again = player(name)(0)
        for first, second in zip(player(name).episodes, again, strict=True):
            assert np.array_equal(first, second)

    def test_both_ends_at_once(self, player, name):
        """The same episodes on a clock that runs out on their last step: truncated as well, and nothing else new."""
        episodes, cap = player(name).episodes, task(name).spec.max_episode_steps
        late = player(name)(cap - episodes.lengths)
        assert late.truncated.all()
        assert np.array_equal(late.terminated, episodes.terminated)
        assert np.array_equal(late.lengths, episodes.lengths)
        assert np.array_equal(late.returns, episodes.returns)

    def test_truncation_alone(self, player, name):
        """The same episodes on a clock that runs out one step before their last: truncated, not terminated."""
        episodes, cap = player(name).episodes, task(name).spec.max_episode_steps
        longer = episodes.lengths > 1
        late = player(name)(np.where(longer, cap - episodes.lengths + 1, 0))
        assert longer.any()
        assert late.truncated[longer].all()
        assert not late.terminated[longer].any()
        assert np.array_equal(late.lengths[longer], episodes.lengths[longer] - 1)
