"""A generation on a real task, through the same lanes and the same loop as in training."""

from dataclasses import dataclass
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp

from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.evolution import EvolutionLoop
from esbench.algorithms.open_es import OpenES
from esbench.policies.distributions import Categorical, DiagonalGaussian, Distribution
from esbench.policies.mlp import MLP
from esbench.policies.networks import Carry, Params
from esbench.population.repeated import Repeated
from esbench.problem import Evolution
from esbench.rollout.episodes import run_episodes
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from esbench.speed.timing import Program, Steps, compiled
from esbench.tasks.environment import Environment


@dataclass(frozen=True)
class RandomActions:
    """A policy without a network: uniform over discrete actions, standard normal (clipped to the box) otherwise."""

    space: gymnasium.spaces.Discrete | gymnasium.spaces.Box

    def initial_carry(self) -> Carry:
        return ()

    def init(self, key: jax.Array, carry: Carry, observation: jax.Array) -> Params:
        return {}

    def apply(self, params: Params, carry: Carry, observation: jax.Array) -> tuple[Carry, Distribution]:
        if isinstance(self.space, gymnasium.spaces.Box):
            return carry, DiagonalGaussian(jnp.zeros(self.space.shape), jnp.zeros(self.space.shape))
        return carry, Categorical(jnp.zeros(int(self.space.n)))


def evolution(environment: Environment, sizes: Sizes, width: int, strategy: Any) -> EvolutionLoop:
    """The loop of a strategy on a task, as in training."""
    policy: Any = MLP(layer_size=width).bind(environment.observation_space, environment.action_space)
    return EvolutionLoop(strategy, EpisodicProblem(environment, policy, sizes).objective(Evolution()))


def generation(name: str, loop: EvolutionLoop, state: Any) -> Program:
    """A whole generation from `state`: noise, episodes, shaping, update."""

    def run(state) -> tuple[Steps, Any]:
        state, metrics = loop.step(state)
        return Steps(metrics.useful_steps, metrics.computed_steps), state

    return compiled(name, run, state)


def programs(environment: Environment, sizes: Sizes, width: int, population: int, rank: int) -> list[Program]:
    """The environment with random actions, unperturbed inference, EGGROLL and OpenES: `population` episodes each.

    The first two only run episodes. The strategies run a whole generation from a fresh policy: noise, episodes,
    shaping, update.
    """
    key = jax.random.key(0)
    policy: Any = MLP(layer_size=width).bind(environment.observation_space, environment.action_space)
    problem = EpisodicProblem(environment, policy, sizes)

    def episodes(name: str, problem: EpisodicProblem) -> Program:
        # One member with all the episodes: members of a repeated population would see the same ones.
        def run(params, key) -> tuple[Steps, Any]:
            result = run_episodes(problem, Repeated(params, size=1), key, episodes=population, greedy=jnp.bool_(False))
            return Steps(result.lengths, result.computed_steps), result

        return compiled(name, run, problem.init_params(key), key)

    strategies = {"eggroll": EGGROLL(pop_size=population, rank=rank), "open_es": OpenES(pop_size=population)}
    loops = {name: evolution(environment, sizes, width, strategy) for name, strategy in strategies.items()}
    return [
        episodes("environment", EpisodicProblem(environment, RandomActions(environment.action_space), sizes)),
        episodes("inference", problem),
        *(generation(name, loop, jax.jit(loop.init)(key)) for name, loop in loops.items()),
    ]
