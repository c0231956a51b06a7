"""Tables inside the text of a Markdown file, kept equal to the files of a report.

    python -m esbench.report.include README.md results/README.md

writes anew what stands between `<!-- table: report/tables/pairs.md -->`, a path from the file's own folder, and
`<!-- end of the table -->`: the table and its notes, without the heading.
"""

import re
import sys
from pathlib import Path

from esbench.errors import InputError

_PART = re.compile(r"(<!-- table: (\S+) -->\n)(.*?)(<!-- end of the table -->)", re.DOTALL)


def included(file: Path) -> str:
    """The text of `file` with its tables as they are now. InputError where a table is not there, or has no end."""
    text = file.read_text(encoding="utf-8")
    if len(_PART.findall(text)) != text.count("<!-- table:"):
        raise InputError(f"{file}: expected '<!-- end of the table -->' after every '<!-- table: PATH -->'")
    return _PART.sub(lambda part: f"{part[1]}\n{_table(file, part[2])}\n{part[4]}", text)


def _table(file: Path, path: str) -> str:
    source = file.parent / path
    if not source.is_file():
        raise InputError(f"{file}: no table {path}")
    _, _, table = source.read_text(encoding="utf-8").partition("\n\n")
    return table


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(included(Path(name)), encoding="utf-8")
