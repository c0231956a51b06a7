"""Episodes of a population as jobs over refilled lanes.

Members x episodes are jobs. A fixed number of lanes steps episodes side by side; a lane whose episode is over takes
the next job, so a long episode does not hold up the others. When the queue is empty and few lanes are alive they move
into a second, narrower set. Returns and lengths are those of each job run alone, to the bit.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from esbench.keys import stream
from esbench.policies.networks import Carry
from esbench.policies.normalization import Moments
from esbench.population.interface import Population
from esbench.problem import Problem
from esbench.rollout.policy_rows import MemberStore
from esbench.tasks.environment import State


class Episodes(struct.PyTreeNode):
    """What a population's episodes gave.

    returns: float32 (members, episodes), undiscounted. lengths: int32 (members, episodes), useful steps.
    computed_steps: int32 (lanes,), partial counts of all steps simulated. observations: moments of the observations
    that the policy acted on, None unless asked for.
    """

    returns: jax.Array
    lengths: jax.Array
    computed_steps: jax.Array
    observations: Moments | None


class _Lanes(NamedTuple):
    """One episode in progress per lane; every leaf has a leading lane axis. An idle lane has no job."""

    job: jax.Array
    running: jax.Array
    member: list[jax.Array]
    greedy: jax.Array
    key: jax.Array
    carry: Carry
    state: State
    obs: jax.Array
    total: jax.Array
    length: jax.Array


class _Progress(NamedTuple):
    lanes: _Lanes
    queued: jax.Array  # the next job of the queue
    returns: jax.Array  # (jobs + 1,): the last entry swallows what is not finished
    lengths: jax.Array
    blocks: jax.Array
    observations: Moments | None


def run_episodes(
    problem: Problem,
    population: Population,
    key: jax.Array,
    *,
    episodes: int,
    greedy: jax.Array,
    statistics: Moments | None = None,
    gather: bool = False,
) -> Episodes:
    """Runs `episodes` episodes of every member, with the lanes of `problem.sizes`.

    greedy: bool (), or (members,) for members that differ: whether actions are the distribution's mode or samples.
    statistics: normalises what the policy sees; None for observations as they are. gather: return their moments.

    Episode e of pair p has the key fold_in(fold_in(key, p), e), its step t the key fold_in(that, t).
    """
    policy, sizes = problem.policy, problem.sizes
    jobs = population.size * episodes
    width = min(sizes.lanes, jobs)
    narrow = sizes.narrow if 0 < sizes.narrow < width else 0
    # As many lanes are refilled at a time: a reset costs as much as what it resets, not as much as all lanes.
    refill_width = max(1, width // 8)
    store = MemberStore.of(population)
    greedy = jnp.broadcast_to(greedy, (population.size,))

    def start(job: jax.Array) -> _Lanes:
        """Fresh episodes of the jobs, int32 (rows,)."""
        member = jnp.minimum(job // episodes, population.size - 1)

        def episode_key(member, episode):
            return jax.random.fold_in(jax.random.fold_in(key, population.pair(member)), episode)

        keys = jax.vmap(episode_key)(member, job % episodes)
        state, obs = jax.vmap(lambda key: problem.environment.reset(stream(key, "reset")))(keys)
        carry = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(job), *jnp.shape(x))), policy.initial_carry())
        return _Lanes(
            job=job,
            running=job < jobs,
            member=store.derive(population, member),
            greedy=greedy[member],
            key=jax.vmap(lambda key: stream(key, "step"))(keys),
            carry=carry,
            state=state,
            obs=obs,
            total=jnp.zeros(len(job), jnp.float32),
            length=jnp.zeros(len(job), jnp.int32),
        )

    def act(key, greedy, distribution):
        return jnp.where(greedy, distribution.mode(), distribution.sample(stream(key, "action")))

    def step(lanes: _Lanes, observations: Moments | None) -> tuple[_Lanes, Moments | None]:
        if observations is not None:
            observations = observations.merge(Moments.of(lanes.obs, lanes.running))
        seen = lanes.obs if statistics is None else jax.vmap(statistics.normalize)(lanes.obs)
        carry, distribution = store.apply(policy, lanes.member, lanes.carry, seen)
        keys = jax.vmap(jax.random.fold_in)(lanes.key, lanes.length)
        action = jax.vmap(act)(keys, lanes.greedy, distribution)
        environment_keys = jax.vmap(lambda key: stream(key, "environment"))(keys)
        state, transition = jax.vmap(problem.step)(environment_keys, lanes.state, action)
        lanes = lanes._replace(
            running=lanes.running & ~(transition.terminated | transition.truncated),
            carry=carry,
            state=state,
            obs=transition.obs,
            total=lanes.total + jnp.where(lanes.running, transition.reward, 0.0),
            length=lanes.length + lanes.running,
        )
        return lanes, observations

    def refill(progress: _Progress) -> _Progress:
        """Gives the next jobs to idle lanes, a few at a time."""

        def wanted(carry):
            lanes, queued = carry
            return (queued < jobs) & ~lanes.running.all()

        def some(carry):
            lanes, queued = carry
            idle = jnp.nonzero(~lanes.running, size=refill_width, fill_value=width)[0]
            fresh = start(jnp.minimum(queued + jnp.arange(refill_width), jobs))
            # The k-th idle lane takes the k-th next job; lanes past the last job stay as they are.
            slot = jnp.where(fresh.job < jobs, idle, width)
            lanes = jax.tree.map(lambda old, new: old.at[slot].set(new, mode="drop"), lanes, fresh)
            return lanes, queued + (slot < width).sum()

        lanes, queued = jax.lax.while_loop(wanted, some, (progress.lanes, progress.queued))
        return progress._replace(lanes=lanes, queued=queued)

    def block(progress: _Progress) -> _Progress:
        """`sizes.block` steps of all lanes, then the finished episodes are written down."""
        lanes, observations = jax.lax.fori_loop(
            0, sizes.block, lambda _, carry: step(*carry), (progress.lanes, progress.observations)
        )
        slot = jnp.where(lanes.running, jobs, lanes.job)
        return progress._replace(
            lanes=lanes._replace(job=jnp.where(lanes.running, lanes.job, jobs)),
            returns=progress.returns.at[slot].set(lanes.total),
            lengths=progress.lengths.at[slot].set(lanes.length),
            blocks=progress.blocks + 1,
            observations=observations,
        )

    idle = jax.tree.map(lambda x: _blank((width, *x.shape[1:]), x.dtype), jax.eval_shape(start, jnp.zeros(1, int)))
    progress = refill(
        _Progress(
            lanes=idle._replace(job=jnp.full(width, jobs)),
            queued=jnp.int32(0),
            returns=jnp.zeros(jobs + 1, jnp.float32),
            lengths=jnp.zeros(jobs + 1, jnp.int32),
            blocks=jnp.int32(0),
            observations=Moments.empty(problem.environment.observation_space.shape[0]) if gather else None,
        )
    )
    progress = jax.lax.while_loop(
        lambda p: (p.queued < jobs) | (p.lanes.running.sum() > narrow), lambda p: refill(block(p)), progress
    )
    computed_steps = jnp.full(width, progress.blocks * sizes.block)
    if narrow:
        alive = jnp.nonzero(progress.lanes.running, size=narrow, fill_value=width)[0]
        lanes = jax.tree.map(lambda x: x[jnp.minimum(alive, width - 1)], progress.lanes)
        lanes = lanes._replace(running=alive < width, job=jnp.where(alive < width, lanes.job, jobs))
        progress = progress._replace(lanes=lanes, blocks=jnp.int32(0))
        progress = jax.lax.while_loop(lambda p: p.lanes.running.any(), block, progress)
        computed_steps = jnp.concatenate([computed_steps, jnp.full(narrow, progress.blocks * sizes.block)])
    shape = (population.size, episodes)
    return Episodes(
        returns=progress.returns[:jobs].reshape(shape),
        lengths=progress.lengths[:jobs].reshape(shape),
        computed_steps=computed_steps,
        observations=progress.observations,
    )


def _blank(shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
    if jnp.issubdtype(dtype, jax.dtypes.prng_key):
        return jnp.broadcast_to(jax.random.key(0), shape)
    return jnp.zeros(shape, dtype)
