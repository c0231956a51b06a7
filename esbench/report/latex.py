"""Tables in LaTeX, for the packages booktabs and longtable."""

from esbench.report.table import Table
from esbench.report.table_cell import Shown

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "≈": r"$\approx$",
    "≥": r"$\geq$",
    "∞": r"$\infty$",
    "†": r"\dag{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    # A cell that begins with a bracket would be read as an option of the row's end before it.
    "[": "{[}",
    "]": "{]}",
}


def latex(table: Table) -> str:
    """A longtable: it may break over pages. Its notes follow as an itemize."""
    align = "l" * table.words + "r" * (len(table.columns) - table.words)
    heading = " & ".join(escape(column) for column in table.columns)
    rows = "".join(" & ".join(_text(cell) for cell in row) + " \\\\\n" for row in table.rows)
    items = "".join(f"  \\item {escape(note)}\n" for note in table.notes)
    notes = f"\\begin{{itemize}}\n{items}\\end{{itemize}}\n" if items else ""
    return (
        "% \\usepackage{booktabs,longtable}, on a page in landscape\n"
        "\\begingroup\\footnotesize\\setlength{\\tabcolsep}{3pt}\n"
        f"\\begin{{longtable}}{{{align}}}\n"
        f"\\caption{{{escape(table.title)}}}\\label{{tab:{table.label}}}\\\\\n"
        f"\\toprule\n{heading} \\\\\n\\midrule\n\\endfirsthead\n"
        f"\\toprule\n{heading} \\\\\n\\midrule\n\\endhead\n"
        f"{rows}\\bottomrule\n\\end{{longtable}}\n{notes}\\endgroup\n"
    )


def escape(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)


def _text(cell: Shown) -> str:
    text = escape(cell.text)
    return (f"\\textbf{{{text}}}" if cell.bold else text) + escape(cell.mark)
