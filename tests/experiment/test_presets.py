"""Every shipped preset builds; files are strict."""

import csv
import json
import tomllib
from pathlib import Path

import pytest

from esbench.errors import InputError
from esbench.experiment.options.config import resolve
from esbench.experiment.options.presets import preset_file, read_presets
from esbench.leaderboard.board import read_board
from esbench.results.records import TuningCost
from esbench.tasks.registry import environments

ALGORITHMS = ("eggroll", "open_es", "ppo")
"""Those of the paper."""
OTHERS = ("ars", "grpo", "imitation", "evosax:SNES", "evosax:PGPE")
TASKS = environments()
RESULTS = Path(__file__).parents[2] / "results"
TUNING = RESULTS / "tuning"
SEARCHED_BY_PPO = ("CartPole-v1", "Pendulum-v1", "Snake-v1", "DynamicObstacles-6x6-v0")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("tier", ["smoke", "lite", "standard", "paper"])
def test_every_task_can_be_run_in_every_tier(algorithm, tier):
    for task in TASKS:
        config = resolve(task, algorithm, tier=tier)
        assert config.options.preset in ("smoke", "lite", "paper")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_paper_has_the_16_tasks_and_the_papers_policy(algorithm):
    paper = read_presets(preset_file(algorithm), algorithm)["paper"]
    assert paper.default is None
    assert sorted(paper.tasks) == sorted(TASKS)
    for task in TASKS:
        policy = resolve(task, algorithm, tier="paper").policy
        assert policy == {"name": "mlp", "n_layers": 3, "layer_size": 256, "activation": "pqn"}


@pytest.mark.parametrize("algorithm", OTHERS)
def test_the_other_algorithms_have_smoke_and_lite_and_no_paper(algorithm):
    assert list(tomllib.loads(preset_file(algorithm).read_text())) == ["smoke", "lite"]
    for task in TASKS:
        assert [resolve(task, algorithm, tier=tier).options.preset for tier in ("smoke", "lite", "standard")] == [
            "smoke",
            "lite",
            "lite",
        ]
    with pytest.raises(InputError, match=f"'{algorithm}' has no preset 'paper': expected --preset with one of smoke, "):
        resolve("CartPole-v1", algorithm, tier="paper")
    assert resolve("CartPole-v1", algorithm, tier="paper", preset="lite").budget == 500_000_000


@pytest.mark.parametrize("tier", ["smoke", "lite", "standard"])
def test_what_reasons_has_presets_for_any_policy_of_which_members_answer_the_same_questions(tier):
    for policy in ("rwkv7", "gru"):
        for algorithm in ("eggroll", "open_es", "grpo", "imitation"):
            config = resolve("Countdown-v0", algorithm, tier=tier, policy=policy)
            assert config.step_cost.most < config.budget / 10
            if algorithm in ("eggroll", "open_es"):
                assert config.settings["common_episodes"] and config.settings["deterministic_policy"]


def test_numbers_of_the_paper():
    """Read off tables 3 and 18 of arXiv 2511.16652 v1, apart from the files."""
    eggroll = resolve("CartPole-v1", "eggroll", tier="paper").settings
    assert (eggroll["pop_size"], eggroll["rank"], eggroll["optimizer"]) == (2048, 4, "sgd")
    assert (eggroll["sigma"], eggroll["sigma_decay"], eggroll["lr_decay"]) == (0.2, 0.999, 0.9995)
    open_es = resolve("CartPole-v1", "open_es", tier="paper").settings
    assert (open_es["n_parallel_evaluations"], open_es["optimizer"]) == (4, "adamw")
    assert open_es["weight_decay"] == 1e-4
    ppo = resolve("FourRooms-v0", "ppo", tier="paper").settings
    assert (ppo["num_envs"], ppo["num_steps"], ppo["num_epochs"], ppo["num_minibatches"]) == (256, 256, 8, 32)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_files_hold_the_presets_and_fixed_is_one_setting_for_all_tasks(algorithm):
    presets = tomllib.loads(preset_file(algorithm).read_text())
    own = {"ppo": ["one_epoch"]}.get(algorithm, [])
    assert list(presets) == ["smoke", "lite", *own, "fixed", "tuned", "paper"]
    assert set(presets["fixed"]) == {"default", "tuning"}
    settings = [resolve(task, algorithm, preset="fixed").settings for task in TASKS]
    assert all(other == settings[0] for other in settings)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_fixed_is_what_the_committed_search_chose(algorithm):
    found = tomllib.loads((TUNING / "fixed" / f"{algorithm}.toml").read_text())
    assert tomllib.loads(preset_file(algorithm).read_text())["fixed"] == found


@pytest.mark.parametrize(
    ("algorithm", "ran_by"), [("eggroll", ["eggroll"]), ("open_es", ["open_es", "eggroll"]), ("ppo", ["ppo"])]
)
def test_every_setting_of_tuned_ran_on_its_task_at_the_whole_budget(algorithm, ran_by):
    """OpenES has some settings that only EGGROLL ran, at rank 1: all else of theirs is alike.

    PPO's search had four tasks, and the others have its setting for all tasks.
    """
    ran = [
        (trial["task"], {name: value for name, value in json.loads(trial["settings"]).items() if name != "rank"})
        for trial in csv.DictReader((TUNING / "trials.csv").read_text().splitlines())
        if trial["rung"] == "2" and trial["algorithm"] in ran_by
    ]
    names = ran[0][1].keys()
    for run in csv.DictReader((TUNING / "by_hand.csv").read_text().splitlines()):
        if run["whole"] == "true" and run["algorithm"] in ran_by:
            numbers = {name: json.loads(run[name]) for name in run if name in names and name != "optimizer"}
            ran.append((run["task"], numbers | {"optimizer": run["optimizer"]}))
    for task in read_board(RESULTS.parent / "leaderboards" / "lite-v2").tasks:
        tuned = resolve(task, algorithm, preset="tuned").settings
        assert tuned.get("rank", 1) == 1
        if algorithm == "ppo" and task not in SEARCHED_BY_PPO:
            assert tuned == resolve(task, algorithm, preset="fixed").settings
            continue
        assert any(at == task and settings.items() <= tuned.items() for at, settings in ran), task


@pytest.mark.parametrize("algorithm", ["eggroll", "grpo"])
def test_lite_has_on_countdown_the_best_of_its_committed_trials(algorithm):
    file = RESULTS / "reasoning" / "search" / algorithm / "trials.csv"
    trials = list(csv.DictReader(file.read_text().splitlines()))
    best = json.loads(max(trials, key=lambda trial: float(trial["score"]))["settings"])
    lite = resolve("Countdown-v0", algorithm, preset="lite", policy="rwkv7")
    assert {name: lite.settings[name] for name in best} == best
    assert len(trials) == 8 and lite.tuning.trials == 8 and lite.tuning.seeds == 1
    assert lite.tuning.useful_steps == sum(int(trial["useful_steps"]) for trial in trials)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[default]\nsigm = 1.0", r"mine.toml: \[default\] unknown setting of eggroll 'sigm': did you mean 'sigma'\?"),
        ("[default]\nsigma = '0.1'", r"mine.toml: \[default\] sigma = '0.1': expected float"),
        ("[default]\npop_size = 16.0", r"mine.toml: \[default\] pop_size = 16.0: expected int"),
        ("[default]\nrank_transform = 1", r"\[default\] rank_transform = 1: expected bool"),
        ("[default]\nlayer_size = '8'", r"\[default\] layer_size = '8': expected int"),
        ("[default]\nsigma = -1.0", r"mine.toml: \[default\] sigma = -1.0: .*greater than 0"),
        ("[defalt]\nsigma = 0.1", r"mine.toml: unknown table 'defalt': did you mean 'default'\?"),
        ("sigma = 0.1", r"mine.toml: sigma = 0.1: expected a table"),
        ("[tasks.CartPol-v1]\nsigma = 0.1", r"mine.toml: tasks: unknown task 'CartPol-v1'"),
        ("[tasks.Pendulum-v1]\nsigma = true", r"\[tasks.\"Pendulum-v1\"\] sigma = True: expected float"),
        ("[tasks.Pendulum-v1]\nsigma = 0.1", r"mine.toml has no settings for task 'CartPole-v1'"),
        ("[default", r"mine.toml is not TOML"),
        ("[default]\n[tuning.defalt]", r"mine.toml: unknown table 'tuning.defalt': did you mean 'tuning.default'\?"),
        (
            "[default]\n[tuning.default]\ntrials = 1",
            r"\[tuning.default\] seeds: Field required; expected trials, seeds",
        ),
        ("[tasks.CartPole-v1]\n[tuning.default]\ntrials = 1", r"has no settings that this is the cost of"),
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path: Path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        resolve("CartPole-v1", "eggroll", preset=str(file))


def test_a_file_of_ones_own(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('[default]\nsigma = 1\npop_size = 32\n[tasks."CartPole-v1"]\npop_size = 64\n')
    config = resolve("CartPole-v1", "eggroll", preset=str(file), settings={"rank": 2})
    assert {name: config.settings[name] for name in ("sigma", "pop_size", "rank")} == {
        "sigma": 1.0,
        "pop_size": 64,
        "rank": 2,
    }
    assert config.options.preset == str(file)
    assert resolve("Pendulum-v1", "eggroll", preset=str(file)).settings["pop_size"] == 32


def test_what_finding_the_settings_cost_is_that_of_the_table_they_are_in(tmp_path: Path):
    file = tmp_path / "mine.toml"
    cost = "trials = {}\nseeds = 2\nuseful_steps = 30\n"
    own = '[tasks."CartPole-v1"]\npop_size = 64\n[tasks."Snake-v1"]\n[tuning.tasks."CartPole-v1"]\n' + cost.format(8)
    file.write_text("[default]\nsigma = 1\n" + own + "[tuning.default]\n" + cost.format(5))
    tuning = {task: resolve(task, "eggroll", preset=str(file)).tuning for task in ("CartPole-v1", "Snake-v1", "Ant-v0")}
    assert tuning == {
        "CartPole-v1": TuningCost(trials=8, seeds=2, useful_steps=30),
        "Snake-v1": None,
        "Ant-v0": TuningCost(trials=5, seeds=2, useful_steps=30),
    }


def test_the_own_defaults_of_an_algorithm_that_has_a_file():
    config = resolve("CartPole-v1", "eggroll", preset="defaults")
    assert (config.options.preset, config.settings["pop_size"], config.settings["sigma"]) == ("defaults", 256, 0.05)
    assert config.settings["learning_rate"] == 0.01


def test_an_algorithm_without_a_file_has_its_own_defaults(echo):
    assert resolve(**echo).options.preset == "defaults"
    with pytest.raises(InputError, match="has no preset 'paper'"):
        resolve(**echo, preset="paper")


def test_a_file_of_a_windows_editor_is_read(tmp_path):
    """It begins with a mark, and its lines end in two characters."""
    (tmp_path / "mine.toml").write_bytes(b"\xef\xbb\xbf[default]\r\nsigma = 0.3\r\n")
    assert resolve("CartPole-v1", "eggroll", preset=str(tmp_path / "mine.toml")).settings["sigma"] == 0.3
    (tmp_path / "mine.toml").write_bytes("[default]\nsigma = 0.3\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"mine\.toml is not TOML"):
        resolve("CartPole-v1", "eggroll", preset=str(tmp_path / "mine.toml"))
