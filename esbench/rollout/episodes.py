"""Episodes of a population as jobs over refilled lanes.

Members x episodes are jobs. A fixed number of lanes steps episodes side by side; a lane whose episode is over takes
the next job, so a long episode does not hold up the others. When the queue is empty and few lanes are alive they move
into a second, narrower set. Returns and lengths are those of each job run alone, to the bit. Where devices share the
work each has a queue and lanes of its own. Under `jax.vmap` several runs share one loop (`lanes.py`).
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from esbench.policies.normalization import Moments
from esbench.population.devices import device_count, gathered
from esbench.population.interface import Population
from esbench.rollout.lanes import Done, Queue, Runs, Steps, Work
from esbench.rollout.setup import Setup

_active: ContextVar[jax.Array | bool] = ContextVar("active", default=True)


@contextmanager
def only_where(active: jax.Array) -> Generator[None]:
    """What is traced inside runs episodes where `active`, bool (), is true; elsewhere returns and lengths are 0. An
    empty slot of a batch costs nothing so."""
    token = _active.set(active)
    try:
        yield
    finally:
        _active.reset(token)


class Episodes(struct.PyTreeNode):
    """What a population's episodes gave.

    returns: float32 (members, episodes), undiscounted. lengths: int32 (members, episodes), useful steps.
    computed_steps: int32 (parts,), partial counts of all steps simulated. nonfinite_observations: int32 (), how many
    of the observations that the policy acted on have a number that is not finite. observations: their moments, None
    where they are not asked for. steps: leaves (members, episodes, steps, ...), None where none are recorded.
    """

    returns: jax.Array
    lengths: jax.Array
    computed_steps: jax.Array
    nonfinite_observations: jax.Array
    observations: Moments | None
    steps: Steps | None


def run_episodes(
    problem: Setup,
    population: Population,
    key: jax.Array,
    *,
    episodes: int,
    greedy: jax.Array,
    statistics: Moments | None = None,
    gather: jax.Array | bool = False,
    record: int = 0,
    common: bool = False,
) -> Episodes:
    """Runs `episodes` episodes of every member, with the lanes of `problem.sizes`.

    greedy: bool (), or (members,) for members that differ: whether actions are the distribution's mode or samples.
    statistics: normalizes what the policy sees; None for observations as they are. gather: return their moments; a
    bool () that is an array may be traced, and where it is false they are moments of nothing. record: how many steps of
    each episode are recorded. common: whether all members play the same episodes, those of pair 0.

    Episode e of pair p has the key fold_in(fold_in(key, p), e); its step t draws from fold_in(s, t), where s is that
    key's stream `action` or `environment`. Where the population has `attempt(index)`, the number of a member's try at
    episodes that it shares with others, the stream `action` is folded with it.

    Under `jax.vmap`, of one level or several, all runs share one loop: each has lanes of its own, and gets what it gets
    alone.
    """

    @jax.custom_batching.custom_vmap
    def together(runs: Runs) -> Episodes:
        return _together(problem, runs, episodes, record, common)

    @together.def_vmap
    def _(axis_size: int, batched: list[Runs], runs: Runs) -> tuple[Episodes, Any]:
        def merged(leaf: jax.Array, is_batched: bool) -> jax.Array:
            every = leaf if is_batched else jnp.broadcast_to(leaf, (axis_size, *leaf.shape))
            return every.reshape(-1, *every.shape[2:])

        result = together(jax.tree.map(merged, runs, *batched))
        apart = jax.tree.map(lambda leaf: leaf.reshape(axis_size, -1, *leaf.shape[1:]), result)
        return apart, jax.tree.map(lambda _: True, apart)

    asked = None if gather is False else jnp.asarray(gather)
    everywhere = jnp.broadcast_to(greedy, (population.size,))
    run = Runs(population, key, everywhere, statistics, asked, jnp.bool_(_active.get()))
    result = together(jax.tree.map(lambda leaf: leaf[None], run))
    return jax.tree.map(lambda leaf: leaf[0], result)


def _together(problem: Setup, runs: Runs, episodes: int, record: int, common: bool) -> Episodes:
    """`run_episodes` of several runs, whose populations differ in their numbers only; leaves have the runs in front."""
    count, members = runs.greedy.shape
    jobs = members * episodes
    share = -(-jobs // device_count())

    def part(device: jax.Array, runs: Runs) -> Done:
        queue = Queue(first=device * share, jobs=jnp.clip(jobs - device * share, 0, share), share=share)
        return Work.of(problem, runs, queue, episodes, record, common).done()

    # (devices, runs, ...) to (runs, devices, ...)
    done: Done = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, 1), gathered(part, runs))
    shape, moments = (count, members, episodes), done.seen.moments
    return Episodes(
        returns=done.returns.reshape(count, -1)[:, :jobs].reshape(shape),
        lengths=done.lengths.reshape(count, -1)[:, :jobs].reshape(shape),
        computed_steps=done.computed_steps.reshape(count, -1),
        nonfinite_observations=done.seen.nonfinite.sum(1),
        observations=None if moments is None else jax.vmap(Moments.merged)(moments),
        steps=jax.tree.map(
            lambda leaf: leaf.reshape(count, -1, *leaf.shape[3:])[:, :jobs].reshape(*shape, *leaf.shape[3:]), done.steps
        ),
    )
