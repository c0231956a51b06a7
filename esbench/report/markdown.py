"""Tables in Markdown, their columns padded so that they also read well in a terminal."""

from esbench.report.table import Table
from esbench.report.table_cell import Shown


def markdown(table: Table) -> str:
    """The title, the table and its notes."""
    lines = [table.columns, *([_text(cell) for cell in row] for row in table.rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(table.columns))]
    rule = ["-" * width if i < table.words else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    lines.insert(1, rule)
    rows = [
        "| "
        + " | ".join(
            cell.ljust(width) if i < table.words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |\n"
        for line in lines
    ]
    notes = "".join(f"- {note}\n" for note in table.notes)
    return f"## {table.title}\n\n{''.join(rows)}\n{notes}"


def _text(cell: Shown) -> str:
    text = cell.text.replace("|", "\\|")
    return (f"**{text}**" if cell.bold else text) + cell.mark
