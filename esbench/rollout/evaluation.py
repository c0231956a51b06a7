"""Scoring a deployed policy: fresh episodes, in both action modes on the same keys."""

import dataclasses

import jax
import jax.numpy as jnp

from esbench.population.repeated import Attempts, Repeated
from esbench.problem import DeployedPolicy
from esbench.rollout.episodes import run_episodes
from esbench.rollout.setup import Setup
from esbench.tasks.environment import evaluation


def evaluate(
    problem: Setup, deployed: DeployedPolicy, key: jax.Array, episodes: int, attempts: int = 0
) -> tuple[jax.Array, jax.Array]:
    """Returns, float32 (2, episodes), and lengths, int32 (2, episodes): row 0 acts greedily, row 1 samples. Episodes
    are those of the environment's evaluation.

    attempts: how many rows sample, each for itself, where it is not 0: (1 + attempts, episodes).

    All of these are members of one population, so that they share one compiled program and see the same episodes.
    """
    members = Attempts(deployed.params, size=1 + attempts) if attempts else Repeated(deployed.params, size=2)
    result = run_episodes(
        dataclasses.replace(problem, environment=evaluation(problem.environment)),
        members,
        key,
        episodes=episodes,
        greedy=jnp.arange(members.size) == 0,
        statistics=deployed.statistics,
    )
    return result.returns, result.lengths
