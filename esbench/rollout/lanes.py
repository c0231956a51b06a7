"""Lanes that work through queues of jobs, for several runs in one loop.

A run's jobs are the episodes of its members. Each run has a queue and lanes of its own, all in one loop with one
condition; what a run gets, and in which order its lanes take its jobs, is what it would be alone.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
from flax import struct

from esbench.keys import stream
from esbench.policies.distributions import Distribution
from esbench.policies.networks import Carry
from esbench.policies.normalization import Moments
from esbench.population.interface import Population
from esbench.population.members import MemberStore
from esbench.rollout.setup import Setup
from esbench.sizes import Widths
from esbench.tasks.environment import State, acts, reset_rows


class Runs(NamedTuple):
    """What each run brings: every leaf has an axis of runs in front.

    population: alike but for its numbers. greedy: bool (runs, members). statistics: None for observations as they are.
    gather: bool (runs,), whether moments of observations are gathered; None where no run may ask for them.
    active: bool (runs,); a run that is not has no jobs.
    """

    population: Population
    key: jax.Array
    greedy: jax.Array
    statistics: Moments | None
    gather: jax.Array | None
    active: jax.Array


class Queue(NamedTuple):
    """A device's jobs of each run: `jobs` of them, int32 () and at most `share`, numbered from `first` on."""

    first: jax.Array
    jobs: jax.Array
    share: int


class Seen(NamedTuple):
    """Of the observations that the policy acted on: how many are not finite, int32 (runs,), and their moments, where
    runs may ask for them."""

    nonfinite: jax.Array
    moments: Moments | None


class Steps(struct.PyTreeNode):
    """Of episodes step by step, all their first so many; zeros after an episode's end. Leaves (..., steps, ...).

    observation: float32 (n,), as the environment gave it. action: as the policy drew it, before any clipping to the
    box. log_prob: float32 (), of that action. acts: bool (), whether the action had any effect.
    """

    observation: jax.Array
    action: jax.Array
    log_prob: jax.Array
    acts: jax.Array


class Done(NamedTuple):
    """What a device's jobs gave: returns and lengths (runs, share); computed steps (runs, lanes + narrow lanes), as
    each run alone would have counted them; the steps, where they are recorded, (runs, share, steps, ...)."""

    returns: jax.Array
    lengths: jax.Array
    computed_steps: jax.Array
    seen: Seen
    steps: Steps | None


class _Actor(NamedTuple):
    """The policy's side of the lanes: those of a run's rows that are past its lanes are padding."""

    member: list[jax.Array]
    carry: Carry
    obs: jax.Array


class _Lanes(NamedTuple):
    """One episode in progress per lane; every leaf but the actor's is (runs, lanes, ...). An idle lane has no job."""

    job: jax.Array
    running: jax.Array
    actor: _Actor
    greedy: jax.Array
    action_key: jax.Array
    environment_key: jax.Array
    state: State
    total: jax.Array
    length: jax.Array


class _Progress(NamedTuple):
    lanes: _Lanes
    queued: jax.Array  # (runs,): the next job of each queue
    returns: jax.Array  # (runs, share + 1): the last entry swallows what is not finished
    lengths: jax.Array
    wide: jax.Array  # (runs,): blocks that the run alone would have spent in its wide lanes
    narrow: jax.Array  # (runs,): and in its narrow ones
    moved: jax.Array  # bool (runs,): whether its last episodes are moved together
    seen: Seen
    steps: Steps | None  # (runs, share + 1, steps, ...)


@dataclass(frozen=True)
class Work:
    """One device's work: a queue of jobs for each run. A job's number here is its place in the queue.

    record: how many steps of each episode are recorded. common: whether all members play the same episodes. store: of
    one run; how members lie in lanes is the same for all. shared: what the members of a run share, (runs, ...).
    """

    problem: Setup
    runs: Runs
    queue: Queue
    episodes: int
    record: int
    common: bool
    store: MemberStore
    shared: list[jax.Array | None]

    @classmethod
    def of(cls, problem: Setup, runs: Runs, queue: Queue, episodes: int, record: int, common: bool) -> "Work":
        one = MemberStore.of(jax.tree.map(lambda leaf: leaf[0], runs.population))
        # With the keys, for a population may be without parameters: actions at random have none.
        shared = jax.vmap(lambda population, _: MemberStore.of(population).shared)(runs.population, runs.key)
        return cls(problem, runs, queue, episodes, record, common, one, shared)

    @property
    def count(self) -> int:
        """How many runs there are."""
        return self.runs.greedy.shape[0]

    @property
    def widths(self) -> Widths:
        """Of each run."""
        return self.problem.sizes.widths(self.queue.share, self.store.own_bytes)

    @property
    def width(self) -> int:
        """Lanes of a run."""
        return self.widths.lanes

    @property
    def narrow(self) -> int:
        """Lanes of a run for its last long episodes; 0 for none."""
        return self.widths.narrow

    @property
    def refill_width(self) -> int:
        """So many idle lanes of a run are given new episodes at a time."""
        return self.widths.refill

    def done(self) -> Done:
        """Works through all queues."""
        progress = jax.lax.while_loop(lambda p: self._is_wide(p).any(), self._wide_block, self._begin())
        if self.narrow:
            progress = self._compacted(progress, ~progress.moved, self.narrow)
            progress = jax.lax.while_loop(lambda p: p.lanes.running.any(), self._narrow_block, progress)
        steps = [(progress.wide, self.width), *([(progress.narrow, self.narrow)] if self.narrow else [])]
        return Done(
            progress.returns[:, :-1],
            progress.lengths[:, :-1],
            jnp.concatenate(
                [jnp.tile((blocks * self.problem.sizes.block)[:, None], lanes) for blocks, lanes in steps], 1
            ),
            progress.seen,
            jax.tree.map(lambda leaf: leaf[:, :-1], progress.steps),
        )

    def _begin(self) -> _Progress:
        """All lanes idle."""
        count, share, width = self.count, self.queue.share, self.width
        like = jax.eval_shape(self._start, self.runs, jnp.zeros((count, 1), int))
        idle = _blank(like, count, width)._replace(
            job=jnp.full((count, width), share), actor=_blank(like.actor, count, self.store.rows(width))
        )
        size = self.problem.environment.observation_space.shape[0]
        gathers = self.runs.gather is not None
        moments = jax.vmap(lambda _: Moments.empty(size))(jnp.arange(count)) if gathers else None
        none = jnp.zeros(count, jnp.int32)
        return _Progress(
            lanes=idle,
            queued=none,
            returns=jnp.zeros((count, share + 1), jnp.float32),
            lengths=jnp.zeros((count, share + 1), jnp.int32),
            wide=none,
            narrow=none,
            moved=jnp.zeros(count, bool),
            seen=Seen(none, moments),
            steps=self._blank_steps() if self.record else None,
        )

    def _blank_steps(self) -> Steps:
        """Of every job, and of one more that swallows what no episode does."""
        environment, rows = self.problem.environment, (self.count, self.queue.share + 1, self.record)
        actions = environment.action_space
        kind = jnp.int32 if isinstance(actions, gymnasium.spaces.Discrete) else jnp.float32
        return Steps(
            observation=jnp.zeros((*rows, *environment.observation_space.shape), jnp.float32),
            action=jnp.zeros((*rows, *(actions.shape or ())), kind),
            log_prob=jnp.zeros(rows, jnp.float32),
            acts=jnp.zeros(rows, bool),
        )

    def _start(self, runs: Runs, job: jax.Array) -> _Lanes:
        """Fresh episodes of jobs, int32 (runs, rows), of those runs."""
        index = self.queue.first + job
        member = jnp.minimum(index // self.episodes, runs.greedy.shape[1] - 1)
        running = job < self._jobs(runs)[:, None]

        def episode_key(run: Runs, member: jax.Array, episode: jax.Array) -> jax.Array:
            pair = jnp.zeros_like(member) if self.common else run.population.pair(member)
            return jax.random.fold_in(jax.random.fold_in(run.key, pair), episode)

        def action_key(run: Runs, member: jax.Array, key: jax.Array) -> jax.Array:
            own, attempt = stream(key, "action"), getattr(run.population, "attempt", None)
            return own if attempt is None else jax.random.fold_in(own, attempt(member))

        keys = jax.vmap(jax.vmap(episode_key, (None, 0, 0)))(runs, member, index % self.episodes)
        reset_keys = _streams(keys, "reset").reshape(-1)
        fresh = reset_rows(self.problem.environment, reset_keys, running.reshape(-1))
        state, obs = jax.tree.map(lambda x: x.reshape(*job.shape, *x.shape[1:]), fresh)
        carry = self.problem.policy.initial_carry()
        return _Lanes(
            job=job,
            running=running,
            actor=_Actor(
                jax.vmap(self.store.derive)(runs.population, member),
                jax.tree.map(lambda x: jnp.broadcast_to(x, (*job.shape, *jnp.shape(x))), carry),
                obs,
            ),
            greedy=jax.vmap(lambda greedy, member: greedy[member])(runs.greedy, member),
            action_key=jax.vmap(jax.vmap(action_key, (None, 0, 0)))(runs, member, keys),
            environment_key=_streams(keys, "environment"),
            state=state,
            total=jnp.zeros(job.shape, jnp.float32),
            length=jnp.zeros(job.shape, jnp.int32),
        )

    def _jobs(self, runs: Runs) -> jax.Array:
        """How many jobs each of `runs` has, int32 (runs,)."""
        return jnp.where(runs.active, self.queue.jobs, 0)

    def _is_wide(self, progress: _Progress) -> jax.Array:
        """Runs, bool (runs,), that have more to do than their narrow lanes hold."""
        return (progress.queued < self._jobs(self.runs)) | (progress.lanes.running.sum(1) > self.narrow)

    def _wide_block(self, progress: _Progress) -> _Progress:
        # Before the refill: it may leave a run with few episodes, which has this block in its wide lanes all the same.
        wide = self._is_wide(progress)
        progress = self._refill(progress)
        if self.narrow and self.count > 1:
            # A run that has few episodes left waits for the others, with its lanes where its narrow ones would be. A
            # loop of at most one turn: of a condition's lanes XLA makes a copy, a loop leaves them in place.
            progress = jax.lax.while_loop(
                lambda p: (~wide & ~p.moved).any(), lambda p: self._compacted(p, ~wide & ~p.moved, self.width), progress
            )
        over = ~wide & progress.lanes.running.any(1)
        return self._block(progress._replace(wide=progress.wide + wide, narrow=progress.narrow + over))

    def _narrow_block(self, progress: _Progress) -> _Progress:
        return self._block(progress._replace(narrow=progress.narrow + progress.lanes.running.any(1)))

    def _block(self, progress: _Progress) -> _Progress:
        """`sizes.block` steps of all lanes, then the finished episodes are written down."""
        sizes = self.problem.sizes
        lanes, seen, steps = jax.lax.fori_loop(
            0,
            sizes.block // sizes.unrolled,
            lambda _, carry: self._stretch(*carry),
            (progress.lanes, progress.seen, progress.steps),
        )
        share = self.queue.share
        slot = (jnp.arange(self.count)[:, None], jnp.where(lanes.running, share, lanes.job))
        return progress._replace(
            lanes=lanes._replace(job=jnp.where(lanes.running, lanes.job, share)),
            returns=progress.returns.at[slot].set(lanes.total),
            lengths=progress.lengths.at[slot].set(lanes.length),
            seen=seen,
            steps=steps,
        )

    def _stretch(self, lanes: _Lanes, seen: Seen, steps: Steps | None) -> tuple[_Lanes, Seen, Steps | None]:
        """`sizes.unrolled` steps of every lane, compiled one after the other, and one look at their observations."""
        width, observations, running = lanes.job.shape[1], [], []
        for _ in range(self.problem.sizes.unrolled):
            observations.append(lanes.actor.obs[:, :width])
            running.append(lanes.running)
            lanes, steps = self._step(lanes, steps)
        return lanes, self._look(seen, jnp.stack(observations, 1), jnp.stack(running, 1)), steps

    def _step(self, lanes: _Lanes, steps: Steps | None) -> tuple[_Lanes, Steps | None]:
        """One step of every lane."""
        width, actor = lanes.job.shape[1], lanes.actor
        carry, distribution = jax.vmap(self._act)(self.shared, self.runs.statistics, actor)
        distribution = jax.tree.map(lambda x: x[:, :width], distribution)
        action = _in_all_lanes(_draw, lanes.action_key, lanes.length, lanes.greedy, distribution)
        environment_keys = _in_all_lanes(jax.random.fold_in, lanes.environment_key, lanes.length)
        if steps is not None:
            steps = self._recorded(steps, lanes, distribution, action)
        state, transition = _in_all_lanes(self.problem.step, environment_keys, lanes.state, action)
        lanes = lanes._replace(
            running=lanes.running & ~(transition.terminated | transition.truncated),
            actor=actor._replace(carry=carry, obs=actor.obs.at[:, :width].set(transition.obs)),
            state=state,
            total=lanes.total + jnp.where(lanes.running, transition.reward, 0.0),
            length=lanes.length + lanes.running,
        )
        return lanes, steps

    def _recorded(self, steps: Steps, lanes: _Lanes, distribution: Distribution, action: jax.Array) -> Steps:
        """`steps` with the one that every running lane is about to take."""
        width = lanes.job.shape[1]
        now = Steps(
            observation=lanes.actor.obs[:, :width],
            action=action,
            log_prob=_in_all_lanes(lambda distribution, action: distribution.log_prob(action), distribution, action),
            acts=_in_all_lanes(lambda state: acts(self.problem.environment, state), lanes.state),
        )
        job = jnp.where(lanes.running, lanes.job, self.queue.share)
        # What is past the recorded steps is dropped.
        place = (jnp.arange(self.count)[:, None], job, lanes.length)
        return jax.tree.map(lambda all_of, one: all_of.at[place].set(one, mode="drop"), steps, now)

    def _look(self, seen: Seen, observations: jax.Array, running: jax.Array) -> Seen:
        """`seen` with observations, float32 (runs, steps, lanes, n), of the lanes that were running."""
        broken = running & ~jnp.isfinite(observations).all(-1)
        moments, gather = seen.moments, self.runs.gather
        if moments is not None and gather is not None:
            # Where no run asks for moments none are computed; a run that does not, beside others, counts no lane.
            # A GPU would wait for the host to see the condition.
            counted = running & gather[:, None, None]
            asked = gather.any() if jax.default_backend() == "cpu" else True
            moments = jax.lax.cond(asked, self._gathered, lambda m, *_: m, moments, observations, counted)
        return Seen(seen.nonfinite + broken.sum((1, 2), dtype=jnp.int32), moments)

    def _gathered(self, moments: Moments, observations: jax.Array, counted: jax.Array) -> Moments:
        """`moments` with the observations of the lanes that are counted."""
        # Narrow lanes are summed as wide ones: a run that waits for others in wide lanes has the same last bits.
        absent = (0, self.width - counted.shape[2])
        wide = jnp.pad(observations, ((0, 0), (0, 0), absent, (0, 0))), jnp.pad(counted, ((0, 0), (0, 0), absent))
        rows = [leaf.reshape(self.count, -1, *leaf.shape[3:]) for leaf in wide]
        new = jax.vmap(Moments.of)(*jax.lax.optimization_barrier(rows))
        return jax.vmap(Moments.merge)(moments, new)

    def _act(self, shared: list[jax.Array | None], statistics: Moments | None, actor: _Actor) -> tuple[Carry, Any]:
        """One run's policies on its rows: a kernel that its members share meets all of them in one product."""
        normal = actor.obs if statistics is None else jax.vmap(statistics.normalize)(actor.obs)
        store = self.store._replace(shared=shared)
        return store.apply(self.problem.policy.apply, actor.member, actor.carry, normal)

    def _wanting(self, running: jax.Array, queued: jax.Array) -> jax.Array:
        """Runs, bool (runs,), with jobs left and enough idle lanes for them: no reset is computed for nothing."""
        left = self._jobs(self.runs) - queued
        return (left > 0) & ((~running).sum(1) >= jnp.minimum(self.refill_width, left))

    def _refill(self, progress: _Progress) -> _Progress:
        """Gives the next jobs of its run's queue to idle lanes, `refill_width` at a time, of some runs side by side."""
        width, rows = self.width, self.refill_width
        together = min(self.count, max(self.problem.sizes.refill // rows, 1))

        def some(carry: tuple[_Lanes, jax.Array]) -> tuple[_Lanes, jax.Array]:
            lanes, queued = carry
            wants = self._wanting(lanes.running, queued)
            chosen = jnp.argsort(~wants)[:together]
            idle = jax.vmap(lambda running: jnp.nonzero(~running, size=rows, fill_value=width)[0])(
                lanes.running[chosen]
            )
            idle = jnp.where(wants[chosen, None], idle, width)
            jobs = self._jobs(self.runs)[chosen]
            # A run that wants none gets episodes past its last job, which are not running and take no environment.
            first = jnp.where(wants[chosen], queued[chosen], jobs)
            job = jnp.minimum(first[:, None] + jnp.arange(rows), jobs[:, None])
            fresh = self._start(jax.tree.map(lambda leaf: leaf[chosen], self.runs), job)
            # The k-th idle lane takes the k-th next job; past the last job it gets an episode that is not running.
            # What finds no idle lane is dropped, or lands in an actor's padding.
            place = (chosen[:, None], idle)
            lanes = jax.tree.map(lambda old, new: old.at[place].set(new, mode="drop"), lanes, fresh)
            return lanes, queued.at[chosen].set(jnp.minimum(queued[chosen] + (idle < width).sum(1), jobs))

        lanes, queued = jax.lax.while_loop(
            lambda carry: self._wanting(carry[0].running, carry[1]).any(), some, (progress.lanes, progress.queued)
        )
        return progress._replace(lanes=lanes, queued=queued)

    def _compacted(self, progress: _Progress, due: jax.Array, width: int) -> _Progress:
        """The running lanes of each run that is due, bool (runs,), moved together; `width` lanes of every run."""

        def one(lanes: _Lanes, due: jax.Array) -> _Lanes:
            rows, last = self.store.rows(width), len(lanes.running)
            alive = jnp.nonzero(lanes.running, size=rows, fill_value=last)[0]
            alive = jnp.where(due, alive, jnp.arange(rows))
            moved = jax.tree.map(lambda x: x[jnp.minimum(alive, len(x) - 1)], lanes)
            left = jax.tree.map(lambda x: x[:width], moved)._replace(actor=moved.actor)
            running = left.running & (alive[:width] < last)
            return left._replace(running=running, job=jnp.where(running, left.job, self.queue.share))

        return progress._replace(lanes=jax.vmap(one)(progress.lanes, due), moved=progress.moved | due)


def _draw(key: jax.Array, t: jax.Array, greedy: jax.Array, distribution: Distribution) -> jax.Array:
    return jnp.where(greedy, distribution.mode(), distribution.sample(jax.random.fold_in(key, t)))


def _streams(keys: jax.Array, name: str) -> jax.Array:
    return jax.vmap(jax.vmap(lambda key: stream(key, name)))(keys)


def _in_all_lanes(function: Any, *operands: Any) -> Any:
    """`function` of every lane, those of all runs side by side in one axis."""
    lanes = jax.tree.leaves(operands)[0].shape[:2]
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), operands)
    return jax.tree.map(lambda x: x.reshape(*lanes, *x.shape[1:]), jax.vmap(function)(*flat))


def _blank(like: Any, *rows: int) -> Any:
    """Zeros (and zero keys) shaped like the pytree `like`, with `rows` in the place of its first two axes."""

    def leaf(x: jax.ShapeDtypeStruct) -> jax.Array:
        shape = (*rows, *x.shape[2:])
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jnp.broadcast_to(jax.random.key(0), shape)
        return jnp.zeros(shape, x.dtype)

    return jax.tree.map(leaf, like)
