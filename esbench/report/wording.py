"""What the texts of a track call its measure, its samples and its unit of cost: the one place they have it from."""

from collections.abc import Iterable, Sequence

from esbench.report.scored_runs import Tier
from esbench.tasks.spec import RETURN, RL, Measure, TaskSpec

MEASURE, UNIT = "Measure", "Unit of cost"
LOWER = ", lower is better"


def wording(tiers: Sequence[Tier]) -> "Wording":
    """The words for the tasks of tiers of one track."""
    return Wording([spec for tier in tiers for spec in tier.specs.values()])


class Wording:
    """The words for some tasks, at least one, of one track; those of their measures where all have the same.

    several: whether tasks are measured differently. title, heading: with the unit. remark, cut: follow what they are
    about. samples: what an evaluation has many of. cost, unit: of budgets, in full and as one word. computed: what is
    done at a cost.
    """

    def __init__(self, specs: Sequence[TaskSpec]):
        first = specs[0]
        measures = list(dict.fromkeys(spec.measure for spec in specs))
        signs = {measure.sign for measure in measures}
        self.is_rl = first.track == RL
        self.several = len({axis(measure) for measure in measures}) > 1
        self.differ = {MEASURE: self.several, UNIT: len({spec.cost for spec in specs}) > 1}

        self.measure = "value" if self.several else first.measure.name
        self.plural = f"{self.measure}s" if self.measure in ("value", RETURN.name) else self.measure
        self.title = "value" if self.several else first.measure.title
        self.heading = capital(self.title)
        self.samples = _common((f"{spec.measure.sample}s" for spec in specs), "samples")
        self.cost = _common((spec.cost for spec in specs), "units of cost")
        self.unit = _common((spec.cost_word for spec in specs), "units")

        def by_sign(higher: str, lower: str, both: str) -> str:
            return both if len(signs) > 1 else higher if signs == {1} else lower

        self.best = by_sign("highest", "lowest", "best")
        self.above = by_sign("above", "below", "better than")
        self.below = by_sign("below", "above", "worse than")
        self.rises = by_sign("rise", "fall", "improve")
        self.remark = by_sign("", LOWER, "")
        bounded = any(bound is not None for measure in measures for bound in (measure.lowest, measure.highest))
        self.cut = ", cut at what the rules allow" if bounded else ""
        log2 = dict.fromkeys(spec.id for spec in specs if spec.score_scale == "log2")
        self.in_log2 = f", in log2 for {'Game2048' if self.is_rl else ', '.join(log2)}" if self.is_rl or log2 else ""
        self.critical_path = "the critical path" + (", the longest episode of every generation" if self.is_rl else "")
        self.computed = "simulated" if self.is_rl else "computed"

    def columns(self, *kinds: str) -> list[str]:
        """Those of `MEASURE` and `UNIT` in which the tasks differ."""
        return [kind for kind in kinds if self.differ[kind]]

    def told(self, spec: TaskSpec, kind: str) -> str:
        """A task's own measure or unit of cost."""
        return axis(spec.measure) if kind == MEASURE else spec.cost


def axis(measure: Measure) -> str:
    """A measure's title, and where less is better that it is so."""
    return measure.title + ("" if measure.higher_is_better else LOWER)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _common(words: Iterable[str], otherwise: str) -> str:
    found = set(words)
    return found.pop() if len(found) == 1 else otherwise
