"""What README.md and docs/ show works: Python is run, page by page; commands are parsed, and tried without running."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from cyclopts import CycloptsError

import esbench
from esbench.cli import main
from esbench.cli.app import app
from esbench.errors import InputError
from tests.documents import PAGES, ROOT, block, blocks, forget_what_tests_registered

SHELL = "bash"
TEXTS = ("text", "toml", "json", "yaml", "bibtex", "markdown")
SLOW = {"text.md", "python.md", "own_environment.md", "own_strategy.md", "get_started.md", "runs.md"}
"""Pages whose Python takes longer than a fast test may."""
PYTHON_PAGES = [
    pytest.param(page, marks=pytest.mark.slow if page.name in SLOW else (), id=page.name)
    for page in PAGES
    if any(one.why_not is None for one in blocks(page, "python"))
]
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def write_files(page: Path, folder: Path) -> None:
    for one in blocks(page):
        if one.file is not None:
            (folder / one.file).write_text(one.text)


def quick(code: str) -> str:
    """The code with budgets of a thirtieth, in which learning is not seen, and no fewer than 5000 steps."""

    def smaller(found: re.Match[str]) -> str:
        steps = int(found[1])
        return f"steps={max(steps // 30, min(steps, 5000))}"

    return re.sub(r"\bsteps=([\d_]+)", smaller, code)


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    names = {"__name__": page.stem}
    try:
        for one in blocks(page, "python"):
            if one.why_not is None:
                exec(compile(quick(one.text), page.name, "exec"), names)
    finally:
        forget_what_tests_registered()


@every_page
def test_every_block_is_fenced_and_of_a_language_that_is_tested_or_only_text(page):
    assert {one.language for one in blocks(page)} <= {"python", SHELL, *TEXTS}
    outside = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    assert "```" not in outside
    assert re.findall(r"\n\n(    .*)", outside) == [], "a block that is indented: no test sees it"


@every_page
def test_the_commands_of_a_page_are_there(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_files(page, tmp_path)
    for line in (line for one in blocks(page, SHELL) if one.why_not is None for line in one.commands):
        check_command(shlex.split(line))


def check_command(words: list[str]) -> None:
    """Fails where a command is not there. Those of esbench are parsed; a run whose files are here is resolved."""
    if (at := next((place for place, word in enumerate(words) if word.endswith("esbench")), None)) is not None:
        command, *arguments = words[at + 1 :] or ["--help"]
        app.parse_args([command, *arguments])
        files = [word.partition(":")[0] for word in arguments if re.search(r"\.(py:|toml$|npz$)", word)]
        if command == "run" and "--resume" not in arguments and all(Path(file).exists() for file in files):
            assert main([command, *arguments, "--dry-run"]) == 0
        elif command in ("tasks", "algorithms") and "--gallery" not in arguments:
            assert main([command, *arguments]) == 0
    elif words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word} <= set(targets)
    elif words[0].endswith("python"):
        module = words[2].replace(".", "/") + ".py" if words[1] == "-m" else words[1]
        assert (ROOT / module).is_file()
    elif words[:2] == ["pip", "install"] and words[2].startswith(".["):
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        assert set(words[2][2:-1].split(",")) <= set(extras)


def test_what_is_not_there_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = ["esbench walk", "esbench run --algorithm ppo", "make cake", "python no.py", "pip install .[cake]"]
    wrong += ["esbench tasks show Walk", "esbench run --task CartPole-v1 --algorithm eggroll --set sigmas=1"]
    for line in wrong:
        with pytest.raises((AssertionError, CycloptsError, InputError)):
            check_command(line.split())


def test_the_strategy_of_the_docs_learns(tmp_path):
    file = tmp_path / "signed.py"
    file.write_text(block("class Signed"))
    result = esbench.run(
        task="CartPole-v1", algorithm=f"{file}:Signed", settings={"pop_size": 64}, steps=60_000, out=tmp_path / "runs"
    )
    assert result.score is not None
    assert result.score.value > 2 * result.rows[0].value


@every_page
def test_links_lead_somewhere(page):
    """Where the repository is read; `make docs` also follows those to headings."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    links = {link for link in re.findall(r"\]\(([^)#\s]+)", text) if not re.match(r"\w+:", link)}
    assert {link for link in links if not (page.parent / link).exists()} == set()


@every_page
def test_a_page_begins_with_the_question_of_a_reader(page):
    paragraphs = [part for part in page.read_text().split("\n\n") if not part.startswith(("#", "<!--", "---"))]
    assert "?" in re.split(r"(?<=[.?!])\s", paragraphs[0])[0]


def test_the_readme_is_a_screen_and_a_half():
    assert (ROOT / "README.md").stat().st_size < 6000


def test_every_page_is_in_the_navigation():
    """`make docs` fails for a page that the navigation names and that is not there."""
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    assert set(re.findall(r"[\w/]+\.md", navigation)) == {page.name for page in PAGES[1:]}


def test_the_citation_names_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
