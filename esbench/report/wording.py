"""What the texts of a track call its measure, its samples and its unit of cost: the one place they have it from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from esbench.report.cells import Tier
from esbench.tasks.spec import RETURN, RL, Measure, TaskSpec

MEASURE, UNIT = "Measure", "Unit of cost"
LOWER = ", lower is better"


def wording(tiers: Sequence[Tier]) -> "Wording":
    """The words for the tasks of tiers of one track."""
    return Wording(tuple(spec for tier in tiers for spec in tier.specs.values()))


@dataclass(frozen=True)
class Wording:
    """The words for some tasks, at least one, of one track."""

    specs: tuple[TaskSpec, ...]

    @cached_property
    def measures(self) -> list[Measure]:
        return list(dict.fromkeys(spec.measure for spec in self.specs))

    @property
    def is_rl(self) -> bool:
        return self.specs[0].track == RL

    @cached_property
    def several(self) -> bool:
        """Whether tasks are measured differently."""
        return len({axis(measure) for measure in self.measures}) > 1

    def columns(self, *kinds: str) -> list[str]:
        """Those of `MEASURE` and `UNIT` in which the tasks differ."""
        differ = {MEASURE: self.several, UNIT: len({spec.cost for spec in self.specs}) > 1}
        return [kind for kind in kinds if differ[kind]]

    def told(self, spec: TaskSpec, kind: str) -> str:
        """A task's own measure or unit of cost."""
        return axis(spec.measure) if kind == MEASURE else spec.cost

    @property
    def measure(self) -> str:
        """In a sentence, of one run."""
        return "value" if self.several else self.measures[0].name

    @property
    def plural(self) -> str:
        """In a sentence, of several runs."""
        return f"{self.measure}s" if self.measure in ("value", RETURN.name) else self.measure

    @property
    def title(self) -> str:
        """With its unit."""
        return "value" if self.several else self.measures[0].title

    @property
    def heading(self) -> str:
        """With its unit, as a heading."""
        return capital(self.title)

    @property
    def remark(self) -> str:
        """Where less is better, that it is so: behind what it is said of."""
        return LOWER if self._signs == {-1} else ""

    @property
    def cut(self) -> str:
        """What intervals are cut at, where the measure has bounds: behind what it is said of."""
        bounded = any(bound is not None for one in self.measures for bound in (one.lowest, one.highest))
        return ", cut at what the rules allow" if bounded else ""

    @property
    def samples(self) -> str:
        """What an evaluation has many of."""
        return _common((f"{spec.measure.sample}s" for spec in self.specs), "samples")

    @property
    def cost(self) -> str:
        """The unit of budgets."""
        return _common((spec.cost for spec in self.specs), "units of cost")

    @property
    def unit(self) -> str:
        """The unit of budgets in a word."""
        return _common((spec.cost_word for spec in self.specs), "units")

    @property
    def best(self) -> str:
        """Which of several means that is."""
        return self._by_sign("highest", "lowest", "best")

    @property
    def above(self) -> str:
        """Where a better mean lies."""
        return self._by_sign("above", "below", "better than")

    @property
    def below(self) -> str:
        """Where a worse mean lies."""
        return self._by_sign("below", "above", "worse than")

    @property
    def rises(self) -> str:
        """What a mean does that becomes better."""
        return self._by_sign("rise", "fall", "improve")

    @property
    def in_log2(self) -> str:
        """Which tasks have their scores on that scale."""
        tasks = dict.fromkeys(spec.id for spec in self.specs if spec.score_scale == "log2")
        names = "Game2048" if self.is_rl else ", ".join(tasks)
        return f", in log2 for {names}" if names else ""

    @property
    def critical_path(self) -> str:
        return "the critical path" + (", the longest episode of every generation" if self.is_rl else "")

    @property
    def computed(self) -> str:
        """What is done at a cost."""
        return "simulated" if self.is_rl else "computed"

    @cached_property
    def _signs(self) -> set[int]:
        return {measure.sign for measure in self.measures}

    def _by_sign(self, higher: str, lower: str, both: str) -> str:
        return both if len(self._signs) > 1 else higher if self._signs == {1} else lower


def axis(measure: Measure) -> str:
    """A measure's title, and where less is better that it is so."""
    return measure.title + ("" if measure.higher_is_better else LOWER)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _common(words: Iterable[str], otherwise: str) -> str:
    found = set(words)
    return found.pop() if len(found) == 1 else otherwise
