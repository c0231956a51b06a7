"""The policy without a task: what low-rank noise costs when nothing else does."""

from typing import Any

import jax
import jax.numpy as jnp

from esbench.policies.mlp import MLPPolicy
from esbench.population.gaussian import Gaussian
from esbench.population.interface import Population
from esbench.population.low_rank import layout
from esbench.population.members import MemberStore
from esbench.population.repeated import Repeated
from esbench.speed.timing import Program, Steps, compiled

LAYERS, OBSERVATION, ACTIONS = 3, 32, 8
STEPS = 8
SIGMA = 0.05
OPEN_ES_BYTES = 2**30


def _network(width: int) -> Any:  # Flax types init and apply loosely
    return MLPPolicy(LAYERS, width, "pqn", ACTIONS, continuous=False)


def open_es_rows(width: int, population: int) -> int:
    """How many members of OpenES, each a network of its own, fit into OPEN_ES_BYTES: at least one."""
    params = jax.eval_shape(_network(width).init, jax.random.key(0), (), jnp.zeros(OBSERVATION))
    return min(population, max(1, OPEN_ES_BYTES // (4 * sum(leaf.size for leaf in jax.tree.leaves(params)))))


def programs(width: int, population: int, rank: int) -> list[Program]:
    """Unperturbed inference, EGGROLL and OpenES on the same observations.

    One call applies the policy STEPS times to `population` rows, each with an observation and, in a population, the
    parameters of a member of its own, derived before the clock starts, as a lane holds them through an episode. OpenES
    has `open_es_rows` rows.
    """
    policy = _network(width)
    blank = jnp.zeros(OBSERVATION)
    params = policy.init(jax.random.key(0), (), blank)
    observations = jax.random.normal(jax.random.key(1), (STEPS, population, OBSERVATION))

    def noisy(size: int, rank: int | None) -> Gaussian:
        found = None if rank is None else layout(policy.apply, params, (), blank)
        return Gaussian(params, jax.random.key(2), jnp.float32(SIGMA), size=size, rank=rank, layout=found)

    def program(name: str, members: Population) -> Program:
        store = MemberStore.of(members)
        own = jax.jit(lambda members: store.derive(members, jnp.arange(members.size)))(members)

        def steps(shared, own, observations) -> tuple[Steps, jax.Array]:
            def step(total, observation):
                _, distribution = store._replace(shared=shared).apply(policy.apply, own, (), observation)
                return total + jax.vmap(lambda row: row.mode())(distribution), None

            total, _ = jax.lax.scan(step, jnp.zeros(members.size, jnp.int32), observations)
            # The actions are an output, or nothing would have to be computed.
            return Steps(jnp.full(members.size, STEPS), None), total

        return compiled(name, steps, store.shared, own, observations[:, : members.size])

    return [
        program("inference", Repeated(params, size=population)),
        program("eggroll", noisy(population, rank)),
        program("open_es", noisy(open_es_rows(width, population), None)),
    ]
