"""`esbench new strategy`: what it writes, what it refuses."""

import subprocess
import sys

import pytest

from esbench.cli import main


def test_the_file_is_short_and_its_own_test_passes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "strategy", "signed_steps"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  python -m pytest test_signed_steps.py",
        "  esbench run --task CartPole-v1 --algorithm signed_steps.py:SignedSteps",
    ]
    assert {file.name for file in tmp_path.iterdir()} == {"signed_steps.py", "test_signed_steps.py"}
    text = (tmp_path / "signed_steps.py").read_text()
    assert len(text.splitlines()) <= 40
    assert "class SignedSteps:" in text and "MyStrategy" not in text
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_signed_steps.py"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    run = ["run", "--task", "CartPole-v1", "--algorithm", "signed_steps.py:SignedSteps", "--dry-run"]
    assert main(run) == 0
    assert "learning_rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("my_strategy", "MyStrategy"), ("step", "Step"), ("direction", "Direction"), ("strategy", "Strategy")],
)
def test_plausible_names_work_as_documented(name, class_name, tmp_path, monkeypatch, capsys):
    """Also that of the template, and those that are only variables in it."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "strategy", name]) == 0
    assert main(["run", "--task", "CartPole-v1", "--algorithm", f"{name}.py:{class_name}", "--dry-run"]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["strategy", "SignedSteps"], "name 'SignedSteps': expected a Python name in snake case"),
        (["strategy", "1st"], "expected a Python name in snake case"),
        (["strategy", "class"], "expected a Python name in snake case"),
        (["strategy", "state"], "name 'state': the file would need state or State for something else"),
        (["strategy", "gaussian"], "the file would need gaussian or Gaussian for something else"),
        (["strategy", "jax"], "the file would need jax or Jax for something else"),
        (["strategy", "random"], "name 'random': the file would be found instead of the module random"),
        (["strategy", "optax"], "name 'optax': the file would be found instead of the module optax"),
        (["strategy", "../escape"], "expected a Python name in snake case"),
        (["strateg", "mine"], "unknown kind of file 'strateg': did you mean 'strategy'?"),
        (["strategy"], "required: NAME"),
    ],
)
def test_bad_names_are_refused_and_nothing_is_written(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", *argv]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("precious")
    assert main(["new", "strategy", "mine"]) == 2
    assert f"{name} exists already" in capsys.readouterr().err
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "precious")]
