"""Tables inside the text of a Markdown file, kept equal to the files of a report.

    python -m esbench.report.include docs/results.md

writes again what stands between `<!-- table: report/report.md#speed -->` and `<!-- end of the table -->`. The address
names a section, as a link from the file's folder does. Its table and notes are written, without the heading.
"""

import re
import sys
from pathlib import Path

from esbench.errors import InputError

_PART = re.compile(r"(<!-- table: (\S+) -->\n)(.*?)(<!-- end of the table -->)", re.DOTALL)


def included(file: Path) -> str:
    """The text of `file` with its tables as they are now. InputError where a table or its end is missing."""
    text = file.read_text(encoding="utf-8")
    if len(_PART.findall(text)) != text.count("<!-- table:"):
        raise InputError(f"{file}: expected '<!-- end of the table -->' after every '<!-- table: FILE#SECTION -->'")
    return _PART.sub(lambda part: f"{part[1]}\n{_table(file, part[2])}\n{part[4]}", text)


def _table(file: Path, link: str) -> str:
    path, _, name = link.partition("#")
    source = file.parent / path
    if not source.is_file():
        raise InputError(f"{file}: no file {path}")
    for section in re.split("^## ", source.read_text(encoding="utf-8"), flags=re.MULTILINE):
        title, _, table = section.partition("\n\n")
        if _anchor(title) == name:
            return table.rstrip("\n") + "\n"
    raise InputError(f"{file}: no section {name} in {path}")


def _anchor(title: str) -> str:
    """What the address of a heading ends with where Markdown is shown."""
    return re.sub(r"[^\w-]", "", title.lower().replace(" ", "-"))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(included(Path(name)), encoding="utf-8")
