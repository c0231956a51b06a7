"""The code blocks of README.md and docs/, for the tests that keep them true."""

import re
from dataclasses import dataclass
from pathlib import Path

from esbench.report import registry

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(
    r"(?:<!-- not run[^:\n]*: (?P<why>.+?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
_FILE = re.compile(r"# ([\w-]+\.(?:py|toml))\b")


@dataclass(frozen=True)
class Block:
    """A fenced block. why_not: why no test runs it, as a comment before it says; None where one does."""

    language: str
    text: str
    why_not: str | None

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, by its first line."""
        named = _FILE.match(self.text)
        return named and named[1]

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block without comments; a line that goes on is one."""
        lines = self.text.replace("\\\n", " ").splitlines()
        found = (re.sub(r"(^|\s+)# .*", "", line).strip() for line in lines)
        return [line for line in found if line and not line.startswith("#")]


def blocks(page: Path, *languages: str) -> list[Block]:
    """The blocks of a page in their order, of all languages or of some."""
    found = [Block(block["language"], block["text"], block["why"]) for block in _BLOCK.finditer(page.read_text())]
    return [block for block in found if not languages or block.language in languages]


def block(word: str, language: str = "python") -> str:
    """The text of the first block of all pages that has `word` in it."""
    return next(found.text for page in PAGES for found in blocks(page, language) if word in found.text)


def forget_what_tests_registered() -> None:
    """Takes tables and figures that are not esbench's own out of the reports of this process."""
    for registered, made_by in ((registry.TABLES, "make"), (registry.FIGURES, "draw")):
        for name, one in list(registered.items()):
            if not str(getattr(one, made_by).__module__).startswith("esbench."):
                del registered[name]
