"""Strategies named as a user names them: by path, from evosax, from `esbench new strategy`."""

import shutil
from pathlib import Path

import pytest

import esbench
from esbench import algorithms
from esbench.cli import main
from esbench.scaffold import new_strategy
from tests.documents import block

SMALL = {"n_layers": 1, "layer_size": 8}
CLOCKS = {"compile_seconds", "train_seconds", "evaluate_seconds", "log_seconds"}
ECHO = f"{Path(__file__).parents[1] / 'experiment' / 'tiny.py'}:ECHO"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "class_name", "settings"),
    [
        ("eggroll", "EGGROLL", {"pop_size": 16}),
        ("open_es", "OpenES", {"pop_size": 16}),
        ("ppo", "PPO", {"num_envs": 4, "num_steps": 16, "num_minibatches": 2}),
    ],
)
def test_a_built_in_algorithm_copied_elsewhere_gives_the_same_rows(name, class_name, settings, tmp_path):
    source = Path(algorithms.__path__[0]) / f"{name}.py"
    copy = shutil.copy(source, tmp_path / f"my_{name}.py")
    options = {"tier": "smoke", "steps": 1000, "settings": {**SMALL, **settings}}
    # By path there is no preset: both have their own defaults.
    preset = tmp_path / "empty.toml"
    preset.write_text("[default]\n")
    own = esbench.run(ECHO, name, preset=str(preset), out=tmp_path / "own", **options)
    copied = esbench.run(ECHO, f"{copy}:{class_name}", out=tmp_path / "copied", **options)
    assert len(own.rows) > 5
    assert [row.model_dump(exclude=CLOCKS) for row in own.rows] == [
        row.model_dump(exclude=CLOCKS) for row in copied.rows
    ]


def test_a_strategy_of_evosax_runs_and_says_what_it_deploys(tmp_path):
    settings = {**SMALL, "pop_size": 16}
    result = esbench.run(ECHO, "evosax:SimpleGA", tier="smoke", steps=640, settings=settings, out=tmp_path)
    assert result.path == tmp_path / "smoke" / "Echo-v0" / "evosax-SimpleGA" / "seed-0"
    manifest = esbench.load_results(tmp_path)
    assert set(manifest["algorithm"]) == {"evosax-SimpleGA"}
    assert [row.useful_steps for row in result.rows] == [0, 160, 320, 480, 640]
    assert '"deploys":"best"' in (result.path / "run.jsonl").read_text().replace('": "', '":"')


def test_one_that_cannot_work_is_refused_with_one_line_and_nothing_is_written(tmp_path, capsys):
    out = tmp_path / "runs"
    assert main(["run", "--task", ECHO, "--algorithm", "evosax:CMA_ES", "--tier", "smoke", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "evosax:CMA_ES cannot work with" in line and "GiB" in line
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ars", "evosax:SNES", "evosax:PGPE", "new"])
def test_each_solves_cartpole(algorithm, tmp_path):
    if algorithm == "new":
        path, _, class_name = new_strategy("my_strategy", tmp_path)
        algorithm = f"{path}:{class_name}"
    rows = esbench.run("CartPole-v1", algorithm, steps=3_000_000, out=tmp_path / "runs").rows
    assert max(row.value for row in rows if row.useful_steps <= 3_000_000) >= 400


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pop_size=0", "pop_size = 0: expected a whole number, 1 or more"),
        ("pop_size=-1", "pop_size = -1: expected a whole number, 1 or more"),
        ("pop_size=1", "pop_size = 1: expected an even number"),
        ("pop_size=3", "pop_size = 3: expected an even number"),
        ("sigma=-1", "sigma = -1.0: expected a number above 0"),
        ("sigma=inf", "sigma = inf: expected a number above 0"),
        ("learning_rate=nan", "learning_rate = nan: expected a number"),
        ("learning_rate=-inf", "learning_rate = -inf: expected a finite number"),
        ("rank=0", "rank = 0: expected a whole number, 1 or more"),
        ("layer_size=0", "layer_size = '0'"),
        ("n_layers=-1", "n_layers = '-1'"),
        ("lanes=0", "lanes = '0'"),
    ],
)
def test_a_strategy_without_ranges_gets_no_value_that_cannot_be(setting, message, tmp_path, monkeypatch, capsys):
    """The strategy of the docs, whose settings are plain numbers."""
    code = block("class Signed")
    (tmp_path / "signed.py").write_text(
        code.replace("rank=1)", "rank=self.rank)").replace("    sigma: float", "    rank: int = 1\n    sigma: float")
    )
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--task", "CartPole-v1", "--algorithm", "signed.py:Signed", "--set", setting]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
