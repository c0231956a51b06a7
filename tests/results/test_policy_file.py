import zipfile

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from esbench.errors import InputError
from esbench.policies.mlp import MLP
from esbench.policies.normalization import Moments
from esbench.problem import DeployedPolicy
from esbench.results.policy_file import load_policy, save_policy

OBSERVATION = jnp.array([0.1, -2.0, 3.0])


@pytest.fixture(scope="module")
def policy():
    return MLP(n_layers=1, layer_size=8).bind(gymnasium.spaces.Box(-1, 1, (3,)), gymnasium.spaces.Box(-1, 1, (2,)))


@pytest.fixture(scope="module")
def deployed(policy):
    params = policy.init(jax.random.key(0), policy.initial_carry(), OBSERVATION)
    seen = jax.random.normal(jax.random.key(1), (10, 3))
    return DeployedPolicy(params, Moments.of(seen, jnp.ones(10, bool)), "greedy")


def test_a_policy_comes_back_the_same_to_the_bit(tmp_path, policy, deployed):
    save_policy(tmp_path / "policy.npz", deployed)
    again = load_policy(tmp_path / "policy.npz")
    assert again.action_mode == "greedy"
    assert jax.tree.structure(again) == jax.tree.structure(deployed)
    for before, after in zip(jax.tree.leaves(deployed), jax.tree.leaves(again), strict=True):
        assert isinstance(after, np.ndarray)
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)
    actions = [policy.apply(p.params, (), p.statistics.normalize(OBSERVATION))[1].mean for p in (deployed, again)]
    np.testing.assert_array_equal(*actions)


def test_a_policy_without_statistics(tmp_path, deployed):
    save_policy(tmp_path / "policy.npz", deployed.replace(statistics=None, action_mode="sample"))
    again = load_policy(tmp_path / "policy.npz")
    assert again.statistics is None
    assert again.action_mode == "sample"
    assert jax.tree.structure(again.params) == jax.tree.structure(deployed.params)


def test_statistics_of_nothing_are_none(tmp_path, deployed):
    for name, statistics in {"none": None, "nothing": Moments.empty(3)}.items():
        save_policy(tmp_path / name, deployed.replace(statistics=statistics))
    assert (tmp_path / "none").read_bytes() == (tmp_path / "nothing").read_bytes()


def test_an_action_mode_is_data_and_has_a_name(deployed):
    other = deployed.replace(action_mode="sample")
    assert jax.tree.structure(other) == jax.tree.structure(deployed)
    assert jax.jit(lambda policy: policy)(other).action_mode == "sample"
    assert DeployedPolicy({}, None, jnp.bool_(True)).action_mode == DeployedPolicy({}).action_mode == "greedy"
    with pytest.raises(InputError, match="unknown action mode 'greed': did you mean 'greedy'"):
        DeployedPolicy({}, None, "greed")


def test_integer_parameters_keep_their_type(tmp_path):
    params = {"params": {"kernel": np.arange(6, dtype=np.int8).reshape(2, 3), "scale": np.float32(0.5)}}
    save_policy(tmp_path / "policy.npz", DeployedPolicy(params, None, "greedy"))
    again = load_policy(tmp_path / "policy.npz").params["params"]
    assert again["kernel"].dtype == np.int8 and again["scale"].shape == ()
    np.testing.assert_array_equal(again["kernel"], params["params"]["kernel"])


def test_names_are_paths_and_nothing_is_pickled(tmp_path, deployed):
    save_policy(tmp_path / "policy.npz", deployed)
    with zipfile.ZipFile(tmp_path / "policy.npz") as archive:
        assert set(archive.namelist()) == {
            "action_mode.npy",
            "parameters/params/MLP_0/Dense_0/bias.npy",
            "parameters/params/MLP_0/Dense_0/kernel.npy",
            "parameters/params/MLP_0/Dense_1/bias.npy",
            "parameters/params/MLP_0/Dense_1/kernel.npy",
            "parameters/params/log_std.npy",
            "statistics/count.npy",
            "statistics/deviations.npy",
            "statistics/mean.npy",
        }
        for name in archive.namelist():
            with archive.open(name) as file:
                np.lib.format.read_array(file, allow_pickle=False)


@pytest.mark.parametrize(
    "params", [{"a/b": np.zeros(2)}, {"a": np.array([object()])}, {"a": jnp.zeros(2, jnp.bfloat16)}, {0: np.zeros(2)}]
)
def test_what_an_archive_cannot_hold_is_refused_and_nothing_is_written(tmp_path, params):
    with pytest.raises(ValueError):
        save_policy(tmp_path / "policy.npz", DeployedPolicy(params, None, "greedy"))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_policy(tmp_path, deployed, monkeypatch):
    path = tmp_path / "policy.npz"
    save_policy(path, deployed)
    before = path.read_bytes()

    def interrupted(file, **_arrays):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_policy(path, deployed.replace(action_mode="sample"))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_or_damaged_policy_is_an_error_that_names_it(tmp_path, deployed):
    path = tmp_path / "policy.npz"
    with pytest.raises(InputError, match="no policy"):
        load_policy(path)
    save_policy(path, deployed)
    whole = path.read_bytes()
    for content in (b"", b"not an archive", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a policy"):
            load_policy(path)
    np.savez(path, something=np.zeros(3))
    with pytest.raises(InputError, match="not a policy"):
        load_policy(path)


def test_a_pickle_is_never_loaded(tmp_path):
    path = tmp_path / "policy.npz"
    np.savez(path, action_mode=np.array("greedy"), **{"parameters/a": np.array([{}])})
    with pytest.raises(InputError, match="not a policy"):
        load_policy(path)
