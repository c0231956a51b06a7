"""Tables in the READMEs are those of the reports."""

from pathlib import Path

import pytest

from esbench.errors import InputError
from esbench.report.include import included

ROOT = Path(__file__).parents[2]


@pytest.fixture
def text(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.md").write_text("## A\n\n| x |\n| - |\n| 1 |\n\n- A note.\n")

    def write(content):
        (tmp_path / "README.md").write_text(content)
        return tmp_path / "README.md"

    return write


def test_the_table_stands_between_its_lines_and_the_rest_stays(text):
    file = text("Before.\n\n<!-- table: tables/a.md -->\nold\n<!-- end of the table -->\n\nAfter.\n")
    expected = "Before.\n\n<!-- table: tables/a.md -->\n\n| x |\n| - |\n| 1 |\n\n- A note.\n\n"
    expected += "<!-- end of the table -->\n\nAfter.\n"
    assert included(file) == expected
    file.write_text(expected)
    assert included(file) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<!-- table: tables/b.md -->\n<!-- end of the table -->\n", "no table tables/b.md"),
        ("<!-- table: tables/a.md -->\n", "expected '<!-- end of the table -->'"),
    ],
)
def test_what_cannot_be_included_is_named(text, content, message):
    with pytest.raises(InputError, match=message):
        included(text(content))


@pytest.mark.parametrize("name", ["README.md", "results/README.md"])
def test_committed_texts_have_the_tables_of_the_reports(name):
    assert included(ROOT / name) == (ROOT / name).read_text(), "run `make results`"
