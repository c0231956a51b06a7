"""A task as an objective: a member's fitness is its mean return over a few episodes."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import struct

from esbench.keys import stream
from esbench.policies.networks import Params
from esbench.policies.normalization import Moments
from esbench.population.interface import Population
from esbench.population.low_rank import Layout, layout
from esbench.population.objective import Evaluation
from esbench.problem import DeployedPolicy
from esbench.rollout.episodes import run_episodes
from esbench.rollout.setup import Setup


class Acting(struct.PyTreeNode):
    """How members act in every generation, and what was seen in those before.

    greedy: bool (), by the distribution's mode instead of samples. normalize: bool (), whether observations are
    normalized. moments: of all observations so far where they are; else of nothing, which leaves them as they are, or
    a start's.
    """

    greedy: jax.Array
    normalize: jax.Array
    moments: Moments


@dataclass(frozen=True)
class EpisodicReturn:
    """Mean undiscounted return over `episodes` episodes. Observations are normalized by the moments of those of earlier
    generations, so that all members of one see the same.

    greedy, normalize_observations: bool (), maybe traced; only `init` reads them. common: whether all members play the
    same episodes.
    """

    problem: Setup
    episodes: int
    greedy: jax.Array | bool
    normalize_observations: jax.Array | bool
    common: bool = False

    def init(self, key: jax.Array, population_size: int) -> tuple[Params, Acting]:
        acting = Acting(jnp.bool_(self.greedy), jnp.bool_(self.normalize_observations), self.problem.first_statistics)
        return self.problem.init_params(key), acting

    def layout(self, params: Params) -> Layout:
        return layout(
            self.problem.policy.apply, params, self.problem.policy.initial_carry(), self.problem.blank_observation
        )

    def evaluate(self, key: jax.Array, state: Acting, population: Population) -> tuple[Evaluation, Acting]:
        result = run_episodes(
            self.problem,
            population,
            stream(key, "episodes"),
            episodes=self.episodes,
            greedy=state.greedy,
            statistics=state.moments,
            gather=state.normalize,
            common=self.common,
        )
        evaluation = Evaluation(
            fitness=result.returns.mean(1),
            group=None,
            useful_steps=result.lengths.sum(1),
            computed_steps=result.computed_steps,
            sequential_steps=result.lengths.max(),
            training={"nonfinite_observations": result.nonfinite_observations},
        )
        assert result.observations is not None  # they are asked for, if only at run time
        return evaluation, state.replace(moments=state.moments.merge(result.observations))

    def deploy(self, params: Params, state: Acting) -> DeployedPolicy:
        return DeployedPolicy(params, state.moments, state.greedy)
