"""Episodes of an environment as a problem: the measure is the return."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from esbench.problem import DeployedPolicy, Evolution
from esbench.rollout.evaluation import evaluate
from esbench.rollout.fitness import EpisodicReturn
from esbench.rollout.setup import Setup


@dataclass(frozen=True)
class EpisodicProblem(Setup):
    """An environment and the policy that is to be trained on it, with the sizes to run them at.

    attempts: how many samples of each episode are scored for `pass@attempts`, 0 for none.
    """

    attempts: int = 0

    def objective(self, evolution: Evolution) -> EpisodicReturn:
        """Members' mean returns over episodes."""
        return EpisodicReturn(
            self,
            episodes=evolution.n_parallel_evaluations,
            greedy=evolution.deterministic_policy,
            normalize_observations=evolution.normalize_observations,
            common=evolution.common_episodes,
        )

    def evaluate(self, deployed: DeployedPolicy, key: jax.Array, size: int) -> dict[str, jax.Array]:
        """Of `size` fresh episodes, float32 or int32 (size,) each: `return` and `length` in the policy's own action
        mode, `return_greedy` and `return_sample` of the same episodes' keys in each mode; and `pass@8`, say, the best
        return of 8 samples of each episode, of which `return_sample` is the first."""
        returns, lengths = evaluate(self, deployed, key, size, self.attempts)
        scores = {
            "return": jnp.where(deployed.greedy, returns[0], returns[1]),
            "length": jnp.where(deployed.greedy, lengths[0], lengths[1]),
            "return_greedy": returns[0],
            "return_sample": returns[1],
        }
        return scores | ({f"pass@{self.attempts}": returns[1:].max(0)} if self.attempts else {})
