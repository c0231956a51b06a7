"""Runs of networks other than the suite's own: what their manifests say, and policies that come back from them."""

import json
from pathlib import Path

import numpy as np
import pytest

import esbench
from esbench.errors import InputError
from esbench.policies.registry import describe
from esbench.results.run_directory import RunDirectory
from tests.experiment.tiny import ECHO
from tests.policies import networks_of_ones_own as own

FILE = str(Path(own.__file__))
SPACES = {"observation": {"shape": [1]}, "action": {"n": 2}}


def run(policy, out, **settings):
    settings = {"pop_size": 16, **settings}
    return esbench.run(ECHO, "eggroll", tier="smoke", preset="defaults", settings=settings, out=out, policy=policy)


def test_a_policy_with_memory_comes_back_from_its_run(tmp_path):
    result = run("gru", tmp_path, hidden_size=8)
    first = json.loads((result.path / "run.jsonl").read_text().splitlines()[0])
    assert first["policy"] == {"name": "gru", "hidden_size": 8, "n_layers": 1, "layer_size": 64, "activation": "pqn"}
    assert first["spaces"] == SPACES
    policy = esbench.load_policy(result.path)
    carry = policy.initial_carry(4)
    for _ in range(2):
        actions, carry = policy.step(np.ones((4, 1)), carry)
        assert actions.shape == (4,) and carry.shape == (4, 8)
    with pytest.raises(InputError, match=r"PPO trains memoryless policies only, and GRUPolicy carries memory"):
        esbench.run(ECHO, "ppo", tier="smoke", out=tmp_path / "ppo", policy="gru")
    assert not (tmp_path / "ppo").exists()


@pytest.mark.parametrize(
    "given", [f"{FILE}:Scaled", own.Scaled, own.Scaled(scale=0.5)], ids=["file", "class", "object"]
)
def test_a_network_of_ones_own_is_recorded_and_comes_back_where_it_is_said_to_be(tmp_path, given):
    result = run(given, tmp_path, **({} if isinstance(given, own.Scaled) else {"scale": "0.5"}))
    recorded = RunDirectory.open(result.path).manifest.policy
    assert recorded == {"name": given if isinstance(given, str) else "Scaled", "scale": 0.5}
    with pytest.raises(InputError, match="is no built-in one: say where it is"):
        esbench.load_policy(result.path)
    policy = esbench.load_policy(result.path, given)
    assert policy.policy.scale == 0.5 and describe(own.Scaled(scale=0.5))["scale"] == 0.5
    assert policy(np.ones((3, 1))).shape == (3,)
