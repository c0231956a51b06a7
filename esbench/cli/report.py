"""`esbench report`."""

from typing import Annotated

from esbench.cli.values import option


def report(
    *directories: Annotated[str, option("with runs below them", name="DIR", required=True)],
    out: Annotated[str, option("where to write", metavar="DIR")] = "report",
) -> int:
    """Says what was written."""
    from esbench.experiment.terminal.progress import passing
    from esbench.report.write import write_report

    with passing() as say:
        written = write_report(list(directories), out, say)
    print(written.text)
    print(f"table:  {written.table}")
    print(f"figure: {written.figure}")
    print(f"page:   {written.page}")
    return 0
