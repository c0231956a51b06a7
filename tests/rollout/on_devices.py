"""What must be the same on one device and on all that this process has; run by test_devices.py in a process of its own.

The number of devices is fixed when JAX starts, so it cannot be changed inside the tests' own process.
"""

import sys
from contextlib import nullcontext

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.evolution import EvolutionLoop
from esbench.algorithms.open_es import OpenES
from esbench.policies.mlp import MLP
from esbench.population.devices import mesh
from esbench.problem import DeployedPolicy
from esbench.rollout.evaluation import evaluate
from esbench.rollout.fitness import EpisodicReturn
from esbench.rollout.problem import EpisodicProblem
from esbench.sizes import Sizes
from tests.algorithms.test_evolution import Analytic
from tests.environments import Walk

WALK = EpisodicProblem(
    Walk(),
    MLP(n_layers=2, layer_size=32).bind(Walk.observation_space, Walk.action_space),
    Sizes(lanes=64, jobs_per_lane=1),
)


def both(function, *arguments):
    """What `function` gives on one device, and on all."""
    devices = jax.device_count()
    results = []
    for count in (1, devices):
        everywhere = None if count == 1 else NamedSharding(mesh(count), PartitionSpec())
        with nullcontext() if count == 1 else jax.set_mesh(mesh(count)):
            traced = jax.jit(function, in_shardings=everywhere, out_shardings=everywhere).trace(*arguments)
            text = traced.lower().as_text()
            assert ("sdy.manual_computation" in text or "SPMDFullToShardShape" in text) == (count > 1)
            results.append(jax.device_get(traced.lower().compile()(*arguments)))
    return results


def close(one, other, rtol):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(a).max()), one, other)


def first_generation(strategy, normalize):
    """Fitness, lengths and steps to the bit, although the jobs are no multiple of devices; the update closely."""
    objective = EpisodicReturn(WALK, episodes=3, greedy=False, normalize_observations=normalize)
    loop = EvolutionLoop(strategy, objective)

    def generation(state):
        evaluation, after = objective.evaluate(state.key, state.objective, strategy.ask(state.key, state.strategy)[0])
        return evaluation, after, loop.step(state)[0].strategy.mean

    (one, one_after, one_mean), (all_, all_after, all_mean) = both(generation, jax.jit(loop.init)(jax.random.key(1)))
    np.testing.assert_array_equal(one.fitness, all_.fitness)
    np.testing.assert_array_equal(one.useful_steps, all_.useful_steps)
    assert one.sequential_steps == all_.sequential_steps and len(np.unique(one.fitness)) > 100
    assert all_.computed_steps.size == jax.device_count() * one.computed_steps.size
    close(one_mean, all_mean, 1e-4)
    close(one_after, all_after, 1e-4)


def five_generations(strategy):
    loop = EvolutionLoop(strategy, Analytic())

    def generations(state):
        return jax.lax.fori_loop(0, 5, lambda _, state: loop.step(state)[0], state).strategy.mean

    one, all_ = both(generations, jax.jit(loop.init)(jax.random.key(1)))
    assert np.abs(one["kernel"]).max() > 0.01
    close(one, all_, 1e-4)


def evaluation():
    params = jax.jit(WALK.init_params)(jax.random.key(0))
    one, all_ = both(lambda params, key: evaluate(WALK, DeployedPolicy(params, None, "greedy"), key, 101), params,
                     jax.random.key(5))  # fmt: skip
    np.testing.assert_array_equal(one, all_)


if __name__ == "__main__":
    assert jax.device_count() == int(sys.argv[1])
    five_generations(EGGROLL(pop_size=202, sigma=0.3))
    # SGD too: Adam's first step is little more than the estimate's sign.
    five_generations(OpenES(pop_size=202, sigma=0.3, optimizer="sgd"))
    first_generation(EGGROLL(pop_size=202, sigma=0.3, optimizer="sgd"), normalize=True)
    first_generation(OpenES(pop_size=202, sigma=0.3, optimizer="sgd"), normalize=False)
    evaluation()
