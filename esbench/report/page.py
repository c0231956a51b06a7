"""One HTML page with every table and figure. It needs neither network nor library, and can be sent as a file."""

import base64
from collections.abc import Mapping, Sequence

import jinja2

from esbench.report.digits import agreed, written
from esbench.report.scored_runs import Tier
from esbench.report.table import Table, in_track

# Of which column of a table each filter reads.
FILTERS = {"Tier": "tier", "Task": "task", "Algorithm": "algorithm", "First": "algorithm", "Second": "algorithm"}
# What the page begins with, of every track; all else is folded.
FIRST_FIGURES = ("scores", "curves")
FIRST_TABLES = ("overview",)


def templates(package: str = "esbench.report") -> jinja2.Environment:
    """The templates of a package and, for what it lacks, the report's: the frame of every page and its style."""
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(one) for one in (package, "esbench.report")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def page(
    tiers: Sequence[Tier],
    sentences: Sequence[str],
    tables: Sequence[Table],
    figures: Mapping[str, tuple[str, bytes]],
    measures: Mapping[str, str],
) -> str:
    """The page. figures: by label (caption, SVG). measures: what the tables of a track are of, by `Table.track`."""
    choices = {
        "tier": list(dict.fromkeys(tier.name for tier in tiers)),
        "task": list(dict.fromkeys(task for tier in tiers for task in tier.tasks)),
        "algorithm": list(dict.fromkeys(name for tier in tiers for name in tier.algorithms)),
    }
    return (
        templates()
        .get_template("page.html")
        .render(
            sentences=sentences,
            choices=choices,
            one_tier=len({tier.name for tier in tiers}) == 1,
            filters=FILTERS,
            tables=tables,
            first_tables=FIRST_TABLES,
            first_figures={in_track(name, track) for name in FIRST_FIGURES for track in measures},
            measures=measures,
            figures={
                name: (caption, base64.b64encode(svg).decode(), _width(svg)) for name, (caption, svg) in figures.items()
            },
            strips=_strips(tiers),
        )
    )


def _strips(tiers: Sequence[Tier]) -> dict[tuple[str, str, str], list[tuple[int, str, float]]]:
    """Per (tier, task, algorithm) its seeds as (seed, value, position in [0, 1] between all runs of the task)."""
    strips = {}
    for tier in tiers:
        for task in tier.tasks:
            cells = {name: cell for name in tier.algorithms if (cell := tier.cell(task, name)) is not None}
            every = [value for cell in cells.values() for value in cell.values]
            for name, cell in cells.items():
                low, span = min(every), (max(every) - min(every)) or 1.0
                strips[tier.name, task, name] = [
                    (run.seed, written(value, ".4g"), agreed((value - low) / span))
                    for run, value in zip(cell.runs, cell.values, strict=True)
                ]
    return strips


def _width(svg: bytes) -> int:
    """The natural width in CSS pixels; Matplotlib writes it in points."""
    text = svg[:2000].decode()
    start = text.index('width="') + len('width="')
    return round(float(text[start : text.index("pt", start)]) * 4 / 3)
