"""Whether an algorithm learnt a task: its score rows against a random policy and against its own untrained ones."""

from statistics import fmean

from esbench.report.scored_runs import Cell
from esbench.statistics.comparison import paired
from esbench.statistics.intervals import Estimate
from esbench.tasks.spec import Anchor

YES, LEVEL, NO, WORSE, UNTESTED = "yes", "level", "not shown", "worse", "one seed"
ROUNDING = 1e-3


def uncertainty(anchor: Anchor) -> float:
    """How far from an anchor nothing can be said: two standard errors, and the rounding of the catalogue."""
    return max(2 * (anchor.standard_error or 0.0), ROUNDING * abs(anchor.value))


def beats(mean: Estimate, anchor: Anchor, higher_is_better: bool = True) -> str:
    if not mean.has_interval:
        return UNTESTED
    low, high = anchor.value - uncertainty(anchor), anchor.value + uncertainty(anchor)
    better, worse = (YES, WORSE) if higher_is_better else (WORSE, YES)
    if mean.low > high:
        return better
    if mean.high < low:
        return worse
    return LEVEL if low <= mean.low and mean.high <= high else NO


def beats_untrained(cell: Cell) -> str:
    """The paired t test of each seed's score row against its row at step 0: the interval of the difference lies above
    0, or below it."""
    gained = paired(cell.spec.measure.sign * (cell.values - cell.untrained), least=cell.gain_spread).difference
    if not gained.has_interval:
        return UNTESTED
    return YES if gained.low > 0 else WORSE if gained.high < 0 else NO


def learnt(cell: Cell) -> bool:
    """Whether it is shown to be better than the random policy, where the task has one, and than its untrained self."""
    random = cell.spec.random
    beaten = random is None or beats(cell.mean, random, cell.spec.measure.higher_is_better) == YES
    return beaten and beats_untrained(cell) == YES


def gained(cell: Cell) -> float:
    """What it learnt, as a score: the mean less the better of the random policy's, 0, and its own untrained one's."""
    return fmean(cell.scores) - max(0.0, fmean(cell.untrained_scores))
