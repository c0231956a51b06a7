"""`esbench report`."""

from typing import Annotated

from cyclopts import App, Parameter

from esbench.cli.values import Directory

app = App(name="report", help_epilogue="", version_flags=())


@app.default
def report(*directories: Annotated[str, Parameter(name="DIR", required=True)], out: Directory = "report") -> int:
    """Of all runs below directories.

    Args:
        directories: with runs below them
        out: where to write
    """
    from esbench.report.write import write_report

    written = write_report(list(directories), out)
    print(written.text)
    print(f"table:  {written.table}")
    print(f"figure: {written.figure}")
    print(f"page:   {written.page}")
    return 0
