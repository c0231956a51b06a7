"""The policy that a run trained, to be used anywhere: no task, no suite and no code of the run's author is loaded."""

import os
from typing import TYPE_CHECKING, Any

from esbench.errors import InputError
from esbench.jax_switches import pinned
from esbench.results.run_directory import RunDirectory

if TYPE_CHECKING:
    import jax

    from esbench.problem import DeployedPolicy


class TrainedPolicy:
    """Actions for observations.

    deployed: the parameters, the frozen observation statistics and `action_mode`, how the policy acts when it is
    scored.
    """

    def __init__(self, deployed: "DeployedPolicy", network: Any):
        import jax

        self.deployed = deployed
        self._network = network
        self._mode = jax.jit(lambda observation: self._distribution(observation).mode())
        self._sample = jax.jit(lambda observation, key: self._distribution(observation).sample(key))

    @pinned()
    def __call__(self, observation: Any, key: "jax.Array | None" = None) -> "jax.Array":
        """The most likely action for `observation`, float32 (n,); a sampled one where a PRNG key is given.

        int32 () of a discrete policy, float32 (actions,) of a continuous one, which may lie outside the task's box: a
        task's own steps clip it.
        """
        return self._mode(observation) if key is None else self._sample(observation, key)

    def _distribution(self, observation: Any) -> Any:
        import jax.numpy as jnp

        observation = jnp.asarray(observation, jnp.float32)
        if self.deployed.statistics is not None:
            observation = self.deployed.statistics.normalize(observation)
        return self._network.apply(self.deployed.params, self._network.initial_carry(), observation)[1]


def load_policy(run: str | os.PathLike[str]) -> TrainedPolicy:
    """The deployed policy of the run in the directory `run`: at its score, or as far as an unfinished run has come.

    InputError where there is no run, or its policy is missing or damaged.
    """
    from esbench.policies.networks import MLPPolicy, PolicySettings
    from esbench.settings import build

    directory = RunDirectory.open(run)
    deployed = directory.load_policy()
    settings = build(PolicySettings, directory.manifest.policy)
    try:
        parameters = deployed.params["params"]
        actions = len(parameters["MLP_0"][f"Dense_{settings.n_layers}"]["bias"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{directory.path}: its policy is not one of esbench's networks") from error
    continuous = "log_std" in parameters
    network = MLPPolicy(settings.n_layers, settings.layer_size, settings.activation, actions, continuous)
    return TrainedPolicy(deployed, network)
