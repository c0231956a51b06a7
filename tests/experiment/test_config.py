"""Configurations that cannot be run, each with its one line."""

import pytest

from esbench.errors import InputError
from esbench.experiment.options.config import default_name, resolve
from esbench.sizes import resolve as resolve_sizes
from esbench.tasks.tiers import TIERS

CARTPOLE = {"task": "CartPole-v1", "algorithm": "eggroll"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "CartPol-v1"}, r"unknown task 'CartPol-v1': did you mean 'CartPole-v1'\?"),
        ({"algorithm": "egroll"}, r"unknown algorithm 'egroll': did you mean 'eggroll'\?"),
        ({"algorithm": "absent.py:Mine"}, r"no file 'absent.py'"),
        ({"tier": "lit"}, r"unknown tier 'lit': did you mean 'lite'\?"),
        ({"precision": "flaot32"}, r"unknown precision 'flaot32': did you mean 'float32'\?"),
        ({"preset": "papr"}, r"unknown preset of eggroll 'papr': did you mean 'paper'\?"),
        ({"preset": "absent.toml"}, r"cannot read preset absent.toml"),
        ({"settings": {"sigm": 1}}, r"unknown setting of eggroll 'sigm': did you mean 'sigma'\?"),
        ({"settings": {"layer_sise": 1}}, r"did you mean 'layer_size'\?"),
        ({"settings": {"pop_size": "3"}}, r"pop_size = '3'.*multiple of 2"),
        ({"settings": {"pop_size": "0"}}, r"pop_size = '0'.*greater than or equal to 2"),
        ({"settings": {"pop_size": "many"}}, r"pop_size = 'many'.*integer"),
        ({"settings": {"rank": 0}}, r"rank = 0.*greater than or equal to 1"),
        ({"settings": {"sigma": "0"}}, r"sigma = '0'.*greater than 0"),
        ({"settings": {"sigma": "nan"}}, r"sigma = 'nan'"),
        ({"settings": {"lanes": "0"}}, r"lanes = '0'.*greater than or equal to 1"),
        ({"settings": {"blok": 2}}, r"did you mean 'block'\?"),
        ({"settings": {"activation": "gelu"}}, r"activation = 'gelu'.*'pqn'"),
        ({"settings": {"optimizer": "adamm"}}, r"adamm.*'adam'"),
        ({"name": "a/b"}, r"name 'a/b' cannot name a directory"),
        ({"name": ".."}, r"name '..' cannot name a directory"),
        ({"steps": 0}, r"steps 0: expected 1 or more"),
        ({"steps": 200}, r"budget of 200 steps cannot hold one generation \(pop_size 256 .* 256 steps\).*--steps 256"),
        ({"steps": 1000, "settings": {"n_parallel_evaluations": 4}}, r"cannot hold one generation .* 1024 steps"),
        ({"algorithm": "ppo", "steps": 1000}, r"num_envs 64 x num_steps 32 = 2048 steps"),
    ],
)
def test_bad_input_is_one_line_that_says_what_was_expected(options, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve(**{**CARTPOLE, **options})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(InputError, match="seed"):
        resolve(**CARTPOLE).path(seed)


def test_settings_replace_the_presets_and_text_is_read_as_the_settings_type():
    config = resolve(**CARTPOLE, settings={"sigma": "0.25", "rank_transform": "false", "layer_size": "32"})
    assert config.settings["sigma"] == 0.25
    assert config.settings["rank_transform"] is False
    assert config.policy["layer_size"] == 32
    assert config.settings["pop_size"] == resolve(**CARTPOLE).settings["pop_size"]


def test_sizes_are_set_like_settings_and_are_part_of_the_hash():
    config = resolve(**CARTPOLE, settings={"lanes": "64", "narrow": 0})
    assert config.sizes == {"lanes": 64, "narrow": 0}
    own, default = resolve_sizes(config.sizes), resolve_sizes({})
    assert (own.lanes, own.narrow, own.block) == (64, 0, default.block)
    assert config.hash(own) != config.hash(default)


@pytest.mark.parametrize(
    ("tier", "preset"), [("smoke", "smoke"), ("lite", "lite"), ("standard", "lite"), ("paper", "paper")]
)
def test_a_tier_has_its_budget_and_its_preset(tier, preset):
    config = resolve(**CARTPOLE, tier=tier)
    assert config.options.preset == preset
    assert config.budget == getattr(config.task.spec.budgets, tier)
    assert config.path(3).parts[-4:] == (tier, "CartPole-v1", "eggroll", "seed-3")


def test_evaluations_are_smaller_in_smoke_and_where_the_lite_tiers_would_outlast_the_training():
    assert {tier: resolve(**CARTPOLE, tier=tier).samples for tier in TIERS} == {
        "smoke": 16,
        "lite": 128,
        "standard": 128,
        "paper": 128,
    }
    ant = {tier: resolve("Ant-v0", "eggroll", tier=tier).samples for tier in TIERS}
    assert ant == {"smoke": 16, "lite": 32, "standard": 128, "paper": 128}


def test_a_generation_that_can_be_longer_than_the_budget_is_a_warning():
    assert not resolve(**CARTPOLE, steps=256 * 500).warnings()
    (warning,) = resolve(**CARTPOLE, steps=256 * 500 - 1).warnings()
    assert "128,000" in warning


def test_names_of_runs_are_safe():
    assert default_name("open_es") == "open_es"
    assert default_name("evosax:CMA_ES") == "evosax-CMA_ES"
    assert default_name("some/where/mine.py:Mine") == "Mine"
