"""EGGROLL whose generations all have the same noise, for comparison with fresh noise.

esbench run --task CartPole-v1 --algorithm baselines/studies/reused_noise.py:ReusedNoise --preset FILE.toml
"""

from dataclasses import fields

import jax

from esbench.algorithms.eggroll import EGGROLL
from esbench.algorithms.open_es import GradientState
from esbench.population.gaussian import Gaussian
from esbench.settings import settings


class State(GradientState):
    """noise: the PRNG key () of every generation's noise, the first one's."""

    noise: jax.Array


@settings
class ReusedNoise(EGGROLL):
    """EGGROLL that draws its noise once: it searches the directions of the first pop_size / 2 pairs and no others."""

    def init(self, key, params) -> State:
        state = EGGROLL.init(self, key, params)
        return State(**{field.name: getattr(state, field.name) for field in fields(state)}, noise=key)

    def ask(self, key, state) -> tuple[Gaussian, GradientState]:
        return EGGROLL.ask(self, state.noise, state)
