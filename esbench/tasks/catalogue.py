"""The 16 tasks, and those of the track `reasoning`, collected from `suites/<suite>/specs.py`, which has each
task's spec and card side by side."""

from esbench.tasks.card import Card, Library
from esbench.tasks.spec import TaskSpec
from esbench.tasks.suites.brax import specs as brax
from esbench.tasks.suites.countdown import specs as countdown
from esbench.tasks.suites.craftax import specs as craftax
from esbench.tasks.suites.gymnax import specs as gymnax
from esbench.tasks.suites.jumanji import specs as jumanji
from esbench.tasks.suites.kinetix import specs as kinetix
from esbench.tasks.suites.navix import specs as navix

_SUITES = (gymnax, brax, craftax, jumanji, kinetix, navix)

LIBRARIES: dict[str, Library] = {suite.LIBRARY.name: suite.LIBRARY for suite in (*_SUITES, countdown)}
CARDS: dict[str, Card] = {spec.id: card for suite in (*_SUITES, countdown) for spec, card in suite.TASKS.items()}
CATALOGUE: tuple[TaskSpec, ...] = tuple(spec for suite in _SUITES for spec in suite.TASKS)
REASONING: tuple[TaskSpec, ...] = tuple(countdown.TASKS)
"""What is never shown together with them."""
