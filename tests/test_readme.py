"""The README's code is run, so that it stays true."""

import re
import tomllib
from pathlib import Path

import pytest

import esbench

README = Path(__file__).parents[1] / "README.md"


def python_blocks():
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_strategy_of_the_readme_learns(tmp_path):
    code = next(block for block in python_blocks() if "class Signed" in block)
    file = tmp_path / "signed.py"
    file.write_text(code)
    result = esbench.run(
        task="CartPole-v1", algorithm=f"{file}:Signed", settings={"pop_size": 64}, steps=60_000, out=tmp_path / "runs"
    )
    assert result.score is not None
    assert result.score.value > 2 * result.rows[0].value


def test_python_of_the_readme_runs(tmp_path, monkeypatch):
    blocks = [block for block in python_blocks() if "esbench.train(" in block or "learner" in block or ".run(" in block]
    assert len(blocks) == 3
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(block.replace("300_000", "10_000").replace("350_000", "20_000"), names)
    assert len(names["rows"]) == len(names["result"].rows)
    assert names["scores"]["return"].shape == (100,)
    assert names["longer"].runs[0].counts.useful_steps >= 20_000
    assert names["states"].generation.shape == (2,)


def test_the_citation_names_this_version():
    version = tomllib.loads((README.parent / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (README.parent / "CITATION.cff").read_text()


def test_gymnasium_of_the_readme_runs():
    names = {}
    exec(next(block for block in python_blocks() if "gymnasium.make" in block), names)
    assert names["envs"].num_envs == 1024
    assert names["env"].action_space.shape == (8,)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README.read_text()))))
def test_links_of_the_readme_lead_somewhere(link):
    assert (README.parent / link).exists()
