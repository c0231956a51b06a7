"""Tables in texts are those of the reports."""

from pathlib import Path

import pytest

from esbench.errors import InputError
from esbench.report.include import included

ROOT = Path(__file__).parents[2]
TABLE = "| x |\n| - |\n| 1 |\n\n- A note.\n"


@pytest.fixture
def text(tmp_path):
    first = "## Task by task\n\n| y |\n| - |\n| 2 |\n"
    (tmp_path / "report.md").write_text(f"# Report\n\n{first}\n## Pairs, task by task\n\n{TABLE}\n## Last\n\n{TABLE}")

    def write(content):
        (tmp_path / "README.md").write_text(content)
        return tmp_path / "README.md"

    return write


@pytest.mark.parametrize("section", ["pairs-task-by-task", "last"])
def test_the_table_stands_between_its_lines_and_the_rest_stays(text, section):
    file = text(f"Before.\n\n<!-- table: report.md#{section} -->\nold\n<!-- end of the table -->\n\nAfter.\n")
    expected = f"Before.\n\n<!-- table: report.md#{section} -->\n\n{TABLE}\n<!-- end of the table -->\n\nAfter.\n"
    assert included(file) == expected
    file.write_text(expected)
    assert included(file) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<!-- table: b.md#last -->\n<!-- end of the table -->\n", "no file b.md"),
        ("<!-- table: report.md#pairs -->\n<!-- end of the table -->\n", "no section pairs in report.md"),
        ("<!-- table: report.md#last -->\n", "expected '<!-- end of the table -->'"),
    ],
)
def test_what_cannot_be_included_is_named(text, content, message):
    with pytest.raises(InputError, match=message):
        included(text(content))


@pytest.mark.parametrize("name", ["docs/results.md"])
def test_committed_texts_have_the_tables_of_the_reports(name):
    assert included(ROOT / name) == (ROOT / name).read_text(), "run `make results`"
