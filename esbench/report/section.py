"""One track of a report: its runs, and their analysis, made when asked for."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from esbench.report import table_cell as shown
from esbench.report.analysis import Aggregate, Comparison, aggregates, compare_all
from esbench.report.scored_runs import Tier
from esbench.report.table import Column, Record
from esbench.report.wording import wording
from esbench.results.load import Run


class Section:
    """What tables and figures are made of.

    tiers: the track's, at least one. runs: the track's, unfinished ones too. track: its name, where another track has
    the plain names of tables and figures. Titles and captions say it, unless the track is that of the environments.
    """

    def __init__(self, tiers: Sequence[Tier], runs: Sequence[Run], track: str):
        self.tiers, self.runs, self.track = tiers, runs, track
        self.say = wording(tiers)
        # Behind titles and before captions.
        name = tiers[0].track
        self.suffix, self.prefix = ("", "") if self.say.is_rl else (f", track {name}", f"Track {name}. ")

    @cached_property
    def comparisons(self) -> list[dict[tuple[str, str], Comparison]]:
        """Of each tier every pair of algorithms."""
        return [compare_all(tier) for tier in self.tiers]

    @property
    def pairs(self) -> Iterator[tuple[Tier, Comparison]]:
        """All pairs of all tiers."""
        return (
            (tier, pair) for tier, pairs in zip(self.tiers, self.comparisons, strict=True) for pair in pairs.values()
        )

    @cached_property
    def aggregates(self) -> list[list[Aggregate]]:
        """Of each tier the algorithms that have every task."""
        return [aggregates(tier, pairs) for tier, pairs in zip(self.tiers, self.comparisons, strict=True)]

    def differing(self, *kinds: str) -> list[Column]:
        """Columns of `MEASURE` and `UNIT` where the track's tasks differ in them, of data with `tier` and `task`."""
        specs = {(tier.name, task): spec for tier in self.tiers for task, spec in tier.specs.items()}

        def column(kind: str) -> Column:
            def cell(record: Record) -> shown.Shown:
                return shown.word(self.say.told(specs[record["tier"], record["task"]], kind))

            return Column(kind, cell, words=True)

        return [column(kind) for kind in self.say.columns(*kinds)]
