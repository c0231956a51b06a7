"""Episodes of a population as jobs over refilled lanes.

Members x episodes are jobs. A fixed number of lanes steps episodes side by side; a lane whose episode is over takes
the next job, so a long episode does not hold up the others. When the queue is empty and few lanes are alive they move
into a second, narrower set. Returns and lengths are those of each job run alone, to the bit. Where devices share the
work each has a queue and lanes of its own.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from esbench.keys import stream
from esbench.policies.distributions import Distribution
from esbench.policies.networks import Carry
from esbench.policies.normalization import Moments
from esbench.population.devices import device_count, gathered
from esbench.population.interface import Population
from esbench.population.members import MemberStore
from esbench.rollout.setup import Setup
from esbench.tasks.environment import State, reset_rows

_MIN_LANES = 64
"""That a queue of many jobs has, however few a lane they are."""


class Episodes(struct.PyTreeNode):
    """What a population's episodes gave.

    returns: float32 (members, episodes), undiscounted. lengths: int32 (members, episodes), useful steps.
    computed_steps: int32 (parts,), partial counts of all steps simulated. nonfinite_observations: int32 (), how many
    of the observations that the policy acted on have a number that is not finite. observations: their moments, None
    unless asked for.
    """

    returns: jax.Array
    lengths: jax.Array
    computed_steps: jax.Array
    nonfinite_observations: jax.Array
    observations: Moments | None


class _Actor(NamedTuple):
    """The policy's side of the lanes: those of its rows that are past the lanes are padding."""

    member: list[jax.Array]
    carry: Carry
    obs: jax.Array


class _Lanes(NamedTuple):
    """One episode in progress per lane; every leaf but the actor's has a row a lane. An idle lane has no job."""

    job: jax.Array
    running: jax.Array
    actor: _Actor
    greedy: jax.Array
    action_key: jax.Array
    environment_key: jax.Array
    state: State
    total: jax.Array
    length: jax.Array


class _Seen(NamedTuple):
    """Of the observations that the policy acted on: int32 (), and their moments where they are asked for."""

    nonfinite: jax.Array
    moments: Moments | None


class _Progress(NamedTuple):
    lanes: _Lanes
    queued: jax.Array  # the next job of the queue
    returns: jax.Array  # (share + 1,): the last entry swallows what is not finished
    lengths: jax.Array
    blocks: jax.Array
    seen: _Seen


def run_episodes(
    problem: Setup,
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
    statistics: normalizes what the policy sees; None for observations as they are. gather: return their moments.

    Episode e of pair p has the key fold_in(fold_in(key, p), e); its step t draws from fold_in(s, t), where s is that
    key's stream `action` or `environment`.
    """
    jobs = population.size * episodes
    share = -(-jobs // device_count())

    def part(device, population, key, greedy, statistics) -> _Done:
        queue = _Queue(first=device * share, jobs=jnp.clip(jobs - device * share, 0, share), share=share)
        return _work(problem, population, key, queue, episodes, greedy, statistics, gather)

    done: _Done = gathered(part, population, key, jnp.broadcast_to(greedy, (population.size,)), statistics)
    shape = (population.size, episodes)
    return Episodes(
        returns=done.returns.reshape(-1)[:jobs].reshape(shape),
        lengths=done.lengths.reshape(-1)[:jobs].reshape(shape),
        computed_steps=done.computed_steps.reshape(-1),
        nonfinite_observations=done.seen.nonfinite.sum(),
        observations=None if done.seen.moments is None else Moments.merged(done.seen.moments),
    )


class _Queue(NamedTuple):
    """A device's jobs: `jobs` of them, int32 () and at most `share`, numbered from `first` on in the population."""

    first: jax.Array
    jobs: jax.Array
    share: int


class _Done(NamedTuple):
    """What a device's jobs gave: returns and lengths (share,), computed steps (lanes + narrow lanes,)."""

    returns: jax.Array
    lengths: jax.Array
    computed_steps: jax.Array
    seen: _Seen


def _work(
    problem: Setup,
    population: Population,
    key: jax.Array,
    queue: _Queue,
    episodes: int,
    greedy: jax.Array,
    statistics: Moments | None,
    gather: bool,
) -> _Done:
    """Works through a queue of jobs. A job's number here is its place in the queue."""
    policy, sizes = problem.policy, problem.sizes
    first, jobs, share = queue
    store = MemberStore.of(population)
    fitting = sizes.member_bytes // max(store.own_bytes, 1) // 8 * 8
    width = _whole(min(sizes.lanes, max(share // sizes.jobs_per_lane, _MIN_LANES), share, max(fitting, 8)))
    narrow = _whole(sizes.narrow) if _whole(sizes.narrow) < width else 0
    refill_width = min(sizes.refill, width)

    def start(job: jax.Array) -> _Lanes:
        """Fresh episodes of the jobs, int32 (rows,)."""
        index = first + job
        member = jnp.minimum(index // episodes, population.size - 1)

        def episode_key(member, episode):
            return jax.random.fold_in(jax.random.fold_in(key, population.pair(member)), episode)

        keys = jax.vmap(episode_key)(member, index % episodes)
        reset_keys = jax.vmap(lambda key: stream(key, "reset"))(keys)
        state, obs = reset_rows(problem.environment, reset_keys, job < jobs)
        carry = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(job), *jnp.shape(x))), policy.initial_carry())
        return _Lanes(
            job=job,
            running=job < jobs,
            actor=_Actor(store.derive(population, member), carry, obs),
            greedy=greedy[member],
            action_key=jax.vmap(lambda key: stream(key, "action"))(keys),
            environment_key=jax.vmap(lambda key: stream(key, "environment"))(keys),
            state=state,
            total=jnp.zeros(len(job), jnp.float32),
            length=jnp.zeros(len(job), jnp.int32),
        )

    def act(key: jax.Array, t: jax.Array, greedy: jax.Array, distribution: Distribution) -> jax.Array:
        return jnp.where(greedy, distribution.mode(), distribution.sample(jax.random.fold_in(key, t)))

    def look(seen: _Seen, observations: jax.Array, running: jax.Array) -> _Seen:
        broken = running & ~jnp.isfinite(observations).all(-1)
        moments = None if seen.moments is None else seen.moments.merge(Moments.of(observations, running))
        return _Seen(seen.nonfinite + broken.sum(dtype=jnp.int32), moments)

    def step(lanes: _Lanes, seen: _Seen) -> tuple[_Lanes, _Seen]:
        width, actor = len(lanes.job), lanes.actor
        seen = look(seen, actor.obs[:width], lanes.running)
        normal = actor.obs if statistics is None else jax.vmap(statistics.normalize)(actor.obs)
        carry, distribution = store.apply(policy.apply, actor.member, actor.carry, normal)
        distribution = jax.tree.map(lambda x: x[:width], distribution)
        action = jax.vmap(act)(lanes.action_key, lanes.length, lanes.greedy, distribution)
        environment_keys = jax.vmap(jax.random.fold_in)(lanes.environment_key, lanes.length)
        state, transition = jax.vmap(problem.step)(environment_keys, lanes.state, action)
        lanes = lanes._replace(
            running=lanes.running & ~(transition.terminated | transition.truncated),
            actor=actor._replace(carry=carry, obs=actor.obs.at[:width].set(transition.obs)),
            state=state,
            total=lanes.total + jnp.where(lanes.running, transition.reward, 0.0),
            length=lanes.length + lanes.running,
        )
        return lanes, seen

    def refill(progress: _Progress) -> _Progress:
        """Gives the next jobs to idle lanes, `refill_width` at a time: no reset is computed for nothing."""

        def wanted(carry):
            lanes, queued = carry
            return (queued < jobs) & ((~lanes.running).sum() >= jnp.minimum(refill_width, jobs - queued))

        def some(carry):
            lanes, queued = carry
            idle = jnp.nonzero(~lanes.running, size=refill_width, fill_value=width)[0]
            fresh = start(jnp.minimum(queued + jnp.arange(refill_width), jobs))
            # The k-th idle lane takes the k-th next job; past the last job it gets an episode that is not running.
            # What finds no idle lane is dropped, or lands in an actor's padding.
            lanes = jax.tree.map(lambda old, new: old.at[idle].set(new, mode="drop"), lanes, fresh)
            return lanes, jnp.minimum(queued + (idle < width).sum(), jobs)

        lanes, queued = jax.lax.while_loop(wanted, some, (progress.lanes, progress.queued))
        return progress._replace(lanes=lanes, queued=queued)

    def block(progress: _Progress) -> _Progress:
        """`sizes.block` steps of all lanes, then the finished episodes are written down."""
        lanes, seen = jax.lax.fori_loop(0, sizes.block, lambda _, carry: step(*carry), (progress.lanes, progress.seen))
        slot = jnp.where(lanes.running, share, lanes.job)
        return progress._replace(
            lanes=lanes._replace(job=jnp.where(lanes.running, lanes.job, share)),
            returns=progress.returns.at[slot].set(lanes.total),
            lengths=progress.lengths.at[slot].set(lanes.length),
            blocks=progress.blocks + 1,
            seen=seen,
        )

    blank = jax.eval_shape(start, jnp.zeros(1, int))
    idle = _blank(blank, width)._replace(job=jnp.full(width, share), actor=_blank(blank.actor, store.rows(width)))
    progress = _Progress(
        lanes=idle,
        queued=jnp.int32(0),
        returns=jnp.zeros(share + 1, jnp.float32),
        lengths=jnp.zeros(share + 1, jnp.int32),
        blocks=jnp.int32(0),
        seen=_Seen(jnp.int32(0), Moments.empty(problem.environment.observation_space.shape[0]) if gather else None),
    )
    progress = jax.lax.while_loop(
        lambda p: (p.queued < jobs) | (p.lanes.running.sum() > narrow), lambda p: block(refill(p)), progress
    )
    computed_steps = jnp.full(width, progress.blocks * sizes.block)
    if narrow:
        alive = jnp.nonzero(progress.lanes.running, size=store.rows(narrow), fill_value=width)[0]
        moved = jax.tree.map(lambda x: x[jnp.minimum(alive, width - 1)], progress.lanes)
        lanes = jax.tree.map(lambda x: x[:narrow], moved)._replace(actor=moved.actor)
        lanes = lanes._replace(running=alive[:narrow] < width, job=jnp.where(alive[:narrow] < width, lanes.job, share))
        progress = progress._replace(lanes=lanes, blocks=jnp.int32(0))
        progress = jax.lax.while_loop(lambda p: p.lanes.running.any(), block, progress)
        computed_steps = jnp.concatenate([computed_steps, jnp.full(narrow, progress.blocks * sizes.block)])
    return _Done(progress.returns[:share], progress.lengths[:share], computed_steps, progress.seen)


def _whole(width: int) -> int:
    """`width` rounded up to eights: a few lanes more or less leave other last bits in a narrower batch's rows."""
    return -(-width // 8) * 8


def _blank(like: Any, rows: int) -> Any:
    """Zeros (and zero keys) shaped like the pytree `like`, with `rows` rows."""

    def leaf(x: jax.ShapeDtypeStruct) -> jax.Array:
        shape = (rows, *x.shape[1:])
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jnp.broadcast_to(jax.random.key(0), shape)
        return jnp.zeros(shape, x.dtype)

    return jax.tree.map(leaf, like)
