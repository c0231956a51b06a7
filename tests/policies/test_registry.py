"""Networks by name, by file and as objects; what manifests record of them, and what is refused."""

import functools
import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from esbench.errors import InputError
from esbench.policies.cnn import CNN
from esbench.policies.gru import GRU
from esbench.policies.mlp import MLP, MLPPolicy
from esbench.policies.registry import (
    NamedNetwork,
    build_network,
    describe,
    network_class,
    network_from,
    network_name,
    policy_names,
    setting_names,
    settings_of,
)
from tests.policies import networks_of_ones_own as own

FILE = str(Path(own.__file__))
SPACES = (gymnasium.spaces.Box(-1, 1, (4,)), gymnasium.spaces.Discrete(2))


def test_the_built_in_ones_are_found_by_name_by_class_and_as_objects():
    assert policy_names() == ["mlp", "gru", "cnn", "rwkv7"]
    for name, cls in (("mlp", MLP), ("gru", GRU), ("cnn", CNN)):
        assert network_class(name) is cls
        assert network_name(cls) == name
    assert build_network("gru", {"hidden_size": "8"}) == build_network(GRU(hidden_size=8))
    assert build_network(GRU, {"hidden_size": 8}) == build_network(
        GRU(layer_size=16), {"hidden_size": 8, "layer_size": 64}
    )
    assert build_network() == build_network("mlp") == build_network(MLP())
    assert build_network("mlp").bind(*SPACES) == MLPPolicy(3, 256, "pqn", 2, False)


def test_settings_are_checked_by_name():
    assert setting_names("mlp") == ["n_layers", "layer_size", "activation"]
    with pytest.raises(InputError, match="unknown setting of GRU 'hiden_size': did you mean 'hidden_size'"):
        build_network("gru", {"hiden_size": 8})
    with pytest.raises(InputError, match="hidden_size = '0'"):
        build_network("gru", {"hidden_size": "0"})
    with pytest.raises(InputError, match="CNN needs the setting height"):
        build_network("cnn", {"width": 3})


@pytest.mark.parametrize("named", [True, False], ids=["by file", "as an object"])
@pytest.mark.parametrize("name", ["Scaled", "Plain", "linear"])
def test_networks_of_ones_own_need_no_more_than_the_built_in_ones(name, named):
    given = f"{FILE}:{name}" if named else getattr(own, name)
    network = build_network(given)
    assert type(network.bind(*SPACES)).__name__ == "Linear"
    assert network.name == (given if named else name)
    assert build_network(network) == network
    if name == "linear":
        assert describe(network) == {"name": network.name}
        with pytest.raises(InputError, match="is a function and has no settings"):
            build_network(given, {"scale": 1})
    else:
        assert build_network(given, {"scale": "0.5"}).bind(*SPACES).scale == 0.5
        assert describe(build_network(given, {"scale": 0.5}))["scale"] == 0.5
        again = network_from(describe(build_network(given, {"scale": 0.5})), policy=given)
        assert again == build_network(given, {"scale": 0.5})


def test_a_record_is_json_and_comes_back_as_the_same_network():
    for network in (MLP(2, 8, "tanh"), GRU(hidden_size=3), CNN(height=4, width=4, channels=1, rest=4)):
        record = describe(network)
        assert json.loads(json.dumps(record)) == record
        assert network_from(record) == build_network(network)
    assert list(describe(GRU())) == ["name", *setting_names("gru")]
    assert settings_of("mlp") == {"n_layers": 3, "layer_size": 256, "activation": "pqn"}
    assert settings_of(own.Plain()) == {"scale": 3.0, "sides": [2, 3]}
    assert network_from(json.loads(json.dumps(describe(own.Plain(sides=(5,))))), own.Plain).make == own.Plain(
        sides=(5,)
    )


def test_a_record_without_a_name_is_of_an_older_version_and_an_mlps():
    record = {"n_layers": 2, "layer_size": 8, "activation": "relu"}
    assert network_from(record) == build_network(MLP(**record))
    with pytest.raises(InputError, match="unknown setting of MLP"):
        network_from({**record, "hidden_size": 3})


def test_no_code_is_loaded_because_a_record_says_so(tmp_path):
    file = tmp_path / "net.py"
    file.write_text("raise SystemExit('it ran')")
    for name in (f"{file}:Net", "Net"):
        with pytest.raises(InputError, match="is no built-in one: say where it is"):
            network_from({"name": name})
    with pytest.raises(InputError, match="it ran"):
        network_from({"name": "Net"}, policy=f"{file}:Net")


def test_partial_functions_are_functions():
    def sized(size, observation_space, action_space):
        return MLP(1, size).bind(observation_space, action_space)

    network = build_network(functools.partial(sized, 8))
    assert network.name == "sized"
    assert network.bind(*SPACES) == MLP(1, 8).bind(*SPACES)


def test_one_of_ones_own_cannot_go_by_the_name_of_a_built_in():
    def gru(observation_space, action_space):
        return own.linear(observation_space, action_space)

    with pytest.raises(InputError, match="cannot be called 'gru'"):
        build_network(gru)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("grue", "unknown policy 'grue': did you mean 'gru'?"),
        ("nosuch.py:Net", "no file 'nosuch.py'"),
        (3, "policy 3 is no network: expected one of mlp, gru, cnn"),
        ({"n_layers": 3}, r"policy \{'n_layers': 3\} is no network"),
        (own.Unbound, "policy Unbound is not a dataclass with bind"),
        (own.Unbound(), "policy Unbound is not a dataclass with bind"),
        (own.NoDataclass, "policy NoDataclass is not a dataclass with bind"),
        (own.of_one_space, r"policy of_one_space is a function of other arguments: expected \(observation_space"),
        (own.MODULE, "policy Linear is a Flax module, which fits one task's spaces"),
        (own.Linear, "policy Linear is a Flax module"),
        (f"{FILE}:NUMBER", r"networks_of_ones_own.py:NUMBER' is no network"),
    ],
)
def test_what_is_no_network_is_named_in_one_line(policy, said):
    for refuse in (build_network, setting_names, describe):
        with pytest.raises(InputError, match=said) as raised:
            refuse(policy)
        assert "\n" not in str(raised.value)


def test_a_setting_that_no_manifest_can_hold():
    network = build_network(own.Holding)
    with pytest.raises(InputError, match="setting activation of Holding = tanh: expected what JSON holds"):
        describe(network)


def test_settings_of_types_that_cannot_be_checked_need_an_object():
    assert build_network(own.Initialized()).make == own.Initialized()
    for given in (own.Initialized, own.Initialized()):
        with pytest.raises(InputError, match=r"expected an object with all its settings, Initialized\(\.\.\.\)"):
            build_network(given, {"kernel": "zeros"})


def test_a_network_whose_code_raises_says_so_in_one_line():
    network = build_network(lambda observation_space, action_space: own.linear(None, None))
    with pytest.raises(InputError, match=r"policy <lambda> cannot be made: AttributeError: 'NoneType'"):
        network.bind(*SPACES)
    assert isinstance(network, NamedNetwork)


def test_a_picture_that_the_observation_is_not():
    space = gymnasium.spaces.Box(0, 1, (725,), np.float32)
    with pytest.raises(InputError, match=r"observation of 725 numbers .* = 12 \* 12 \* 5 = 720 .* expected rest = 5$"):
        build_network(CNN(height=12, width=12, channels=5)).bind(space, SPACES[1])
    with pytest.raises(InputError, match=r"observation of 725 numbers .* expected other numbers$"):
        build_network(CNN(height=12, width=12, channels=6)).bind(space, SPACES[1])
    build_network(CNN(height=12, width=12, channels=5, rest=5)).bind(space, SPACES[1])
