"""Evaluations have the episodes that an environment has for them, and training has not."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from esbench.policies.mlp import MLP
from esbench.population.repeated import Repeated
from esbench.problem import DeployedPolicy, Evolution
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from esbench.tasks.environment import TimeLimit, Transition


class Paying:
    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, reward):
        self.reward = reward

    def evaluation(self):
        return Paying(10 * self.reward)

    def reset(self, key):
        return jnp.int32(0), jnp.zeros(1)

    def step(self, key, state, action):
        return state + 1, Transition(jnp.zeros(1), jnp.float32(self.reward), jnp.bool_(False), jnp.bool_(False))


def test_training_and_evaluation_have_their_own_episodes():
    environment = TimeLimit(Paying(1.0), 3)
    policy = MLP(1, 4).bind(environment.observation_space, environment.action_space)
    problem = EpisodicProblem(environment, policy, Sizes(lanes=8, narrow=0))
    params = problem.init_params(jax.random.key(0))
    scores = problem.evaluate(DeployedPolicy(params), jax.random.key(1), 5)
    assert scores["return"].tolist() == [30.0] * 5 and scores["length"].tolist() == [3] * 5
    objective = problem.objective(Evolution())
    _, state = objective.init(jax.random.key(0), 4)
    evaluation, _ = objective.evaluate(jax.random.key(1), state, Repeated(params, size=4))
    assert evaluation.fitness.tolist() == [3.0] * 4
