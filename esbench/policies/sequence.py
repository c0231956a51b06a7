"""A policy over whole sequences: what algorithms need that learn from what was seen and done."""

import jax

from esbench.policies.distributions import Distribution
from esbench.policies.networks import Params, Policy


def over_sequence(policy: Policy, params: Params, observations: jax.Array) -> Distribution:
    """What the policy answers to each observation of a sequence, from its initial memory on.

    observations: float32 (..., T, n), any number of sequences. Leaves of the distribution have axes (..., T) in front.

    A policy may have a form of its own for this, `sequence(params, observations)`, of observations (rows, T, n); else
    it is applied step after step. All rows at once is faster than this function under vmap.
    """

    def scanned(sequence: jax.Array) -> Distribution:
        def step(carry, observation):
            return policy.apply(params, carry, observation)

        return jax.lax.scan(step, policy.initial_carry(), sequence)[1]

    own = getattr(policy, "sequence", None)
    rows = observations.reshape(-1, *observations.shape[-2:])
    answers = jax.vmap(scanned)(rows) if own is None else own(params, rows)
    return jax.tree.map(lambda leaf: leaf.reshape(*observations.shape[:-1], *leaf.shape[2:]), answers)
