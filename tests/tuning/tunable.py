"""The tiny task with anchors, and tiny learners with something to tune."""

from dataclasses import dataclass, replace

from esbench.algorithms.interface import Learner
from esbench.errors import InputError
from esbench.problem import Problem
from esbench.settings import settings
from esbench.tasks.registry import Task
from esbench.tasks.spec import Anchor
from esbench.tasks.tiers import Budgets
from tests.experiment.tiny import SPEC, Echo, RandomSearch, SearchLearner

SCORED = Task(
    replace(SPEC, id="Scored-v0", random=Anchor(5.0, "half the bits"), reference=Anchor(10.0, "all bits")), Echo
)
# At an eighth of its budget, an update of PPO with the committed ranges.
ROOMY = Task(replace(SCORED.spec, id="Roomy-v0", budgets=Budgets(smoke=16_400, lite=16_400)), Echo)


@settings
class Picky(RandomSearch):
    """Cannot be bound where it is broken."""

    broken: bool = False

    def bind(self, problem: Problem) -> Learner:
        if self.broken:
            raise InputError("it is broken")
        return SearchLearner(self, problem)


@settings
class Rereading(RandomSearch):
    """Its step takes the number from the settings, not from the state."""

    def bind(self, problem: Problem) -> Learner:
        return RereadingLearner(self, problem)


@dataclass(frozen=True)
class RereadingLearner(SearchLearner):
    def step(self, state):
        return super().step(state.replace(spread=state.spread * 0 + self.settings.spread))
