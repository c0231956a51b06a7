"""A task as an objective: a member's fitness is its mean return over a few episodes."""

from dataclasses import dataclass

import jax

from esbench.keys import stream
from esbench.policies.networks import Params
from esbench.policies.normalization import Moments
from esbench.population.interface import Population
from esbench.population.low_rank import Layout, layout
from esbench.population.objective import Evaluation
from esbench.problem import DeployedPolicy
from esbench.rollout.episodes import run_episodes
from esbench.rollout.setup import Setup


@dataclass(frozen=True)
class EpisodicReturn:
    """Mean undiscounted return over `episodes` episodes. The state is the moments of all observations so far, where
    observations are normalized: those of earlier generations, so that all members of one see the same."""

    problem: Setup
    episodes: int
    greedy: bool
    normalize_observations: bool

    def init(self, key: jax.Array, population_size: int) -> tuple[Params, Moments | None]:
        size = self.problem.environment.observation_space.shape[0]
        return self.problem.init_params(key), Moments.empty(size) if self.normalize_observations else None

    def layout(self, params: Params) -> Layout:
        return layout(
            self.problem.policy.apply, params, self.problem.policy.initial_carry(), self.problem.blank_observation
        )

    def evaluate(
        self, key: jax.Array, state: Moments | None, population: Population
    ) -> tuple[Evaluation, Moments | None]:
        result = run_episodes(
            self.problem,
            population,
            stream(key, "episodes"),
            episodes=self.episodes,
            greedy=jax.numpy.bool_(self.greedy),
            statistics=state,
            gather=self.normalize_observations,
        )
        evaluation = Evaluation(
            fitness=result.returns.mean(1),
            group=None,
            useful_steps=result.lengths.sum(1),
            computed_steps=result.computed_steps,
            sequential_steps=result.lengths.max(),
            training={"nonfinite_observations": result.nonfinite_observations},
        )
        if state is not None and result.observations is not None:
            state = state.merge(result.observations)
        return evaluation, state

    def deploy(self, params: Params, state: Moments | None) -> DeployedPolicy:
        return DeployedPolicy(params, state, "greedy" if self.greedy else "sample")
