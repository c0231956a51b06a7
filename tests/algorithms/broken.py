"""Strategies that each break one part of the contract, and a task whose rewards can be no number."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.population.stacked import Stacked
from esbench.settings import settings
from esbench.tasks.environment import Transition
from esbench.tasks.registry import Task
from esbench.tasks.spec import TaskSpec
from esbench.tasks.tiers import Budgets
from esbench.templates.my_strategy import MyStrategy


@settings
class RaisesInInit(MyStrategy):
    def init(self, key, params):
        raise KeyError("nothing to start from")


@settings
class RaisesInAsk(MyStrategy):
    def ask(self, key, state):
        return state.mean["no such layer"], state


@settings
class RaisesInTell(MyStrategy):
    def tell(self, key, state, population, fitness):
        if fitness.max() > 0:  # a traced value
            return state
        return state


@settings
class StateWithText(MyStrategy):
    def init(self, key, params):
        return {"mean": params, "phase": "first"}

    def deployed(self, state):
        return state["mean"]


@settings
class OnlyAPopulation(MyStrategy):
    def ask(self, key, state):
        population, _ = super().ask(key, state)
        return population


@settings
class NoPopulation(MyStrategy):
    def ask(self, key, state):
        return state.mean, state


@settings
class TooManyMembers(MyStrategy):
    def ask(self, key, state):
        population, _ = super().ask(key, state)
        return population.replace(size=2 * self.pop_size), state


@settings
class OtherMembers(MyStrategy):
    def ask(self, key, state):
        return Stacked(jax.tree.map(lambda leaf: jnp.zeros((self.pop_size, 3)), state.mean)), state


@settings
class PairsAsWeights(MyStrategy):
    def tell(self, key, state, population, fitness):
        return state.replace(mean=population.weighted_sum(fitness[0::2] - fitness[1::2]))


@settings
class OtherMean(MyStrategy):
    def tell(self, key, state, population, fitness):
        return state.replace(mean=jax.tree.map(lambda leaf: leaf[None], state.mean))


@settings
class OtherState(MyStrategy):
    def tell(self, key, state, population, fitness):
        return state.mean


@settings
class ForgetsToReturn(MyStrategy):
    def tell(self, key, state, population, fitness):
        super().tell(key, state, population, fitness)


@settings
class BranchesOnFitness(MyStrategy):
    def tell(self, key, state, population, fitness):
        return state if fitness.max() > 0 else super().tell(key, state, population, fitness)


@settings
class DeploysFitness(MyStrategy):
    def deployed(self, state):
        return {"fitness": jnp.zeros(3)}


@settings
class InfinitePopulation(MyStrategy):
    def ask(self, key, state):
        population, _ = super().ask(key, state)
        return population.replace(sigma=population.sigma / 0), state


@settings
class MeanWithoutNumbers(MyStrategy):
    def tell(self, key, state, population, fitness):
        return state.replace(mean=jax.tree.map(lambda leaf: leaf * jnp.nan, state.mean))


class Cliff:
    """Ten steps; the reward is no number where the action is far out, as of a simulation that blew up."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-20, 20, (1,), np.float32)

    def reset(self, key):
        return jnp.int32(0), jnp.ones(1)

    def step(self, key, state, action):
        reward = jnp.where(action[0] > 6, jnp.nan, jnp.where(action[0] < -6, jnp.inf, -jnp.abs(action[0])))
        return state + 1, Transition(jnp.ones(1), reward, jnp.bool_(False), state + 1 >= 10)


CLIFF = Task(
    TaskSpec("Cliff-v0", "tests", "cliff", 10, "continuous", "Far out is no number.", budgets=Budgets(smoke=1280)),
    Cliff,
)
