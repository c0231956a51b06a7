"""What memory is for: a task that shows no velocities."""

from pathlib import Path

import pytest

import esbench
from tests.tasks import partial_cart_pole

TASK = f"{Path(partial_cart_pole.__file__)}:PartialCartPole"
SETTINGS = {"pop_size": 128, "sigma": 0.1, "learning_rate": 0.03, "deterministic_policy": True}
NETWORKS = {"gru": {"hidden_size": 16, "n_layers": 0}, "mlp": {"n_layers": 2, "layer_size": 32}}


@pytest.mark.slow
def test_a_pole_is_balanced_without_its_velocities_by_a_network_with_memory_only():
    def returns(policy):
        result = esbench.train(
            TASK,
            "eggroll",
            policy=policy,
            steps=1_000_000,
            seeds=range(3),
            preset="defaults",
            settings=SETTINGS | NETWORKS[policy],
            progress=False,
        )
        return [run.score.value for run in result.runs]

    assert min(returns("gru")) >= 400
    assert max(returns("mlp")) < 250
