"""EGGROLL (Sarkar et al., arXiv 2511.16652): OpenES with low-rank noise, at the speed of batched inference."""

from typing import Annotated

import jax
from pydantic import Field

from esbench.algorithms.open_es import GradientState, OpenES
from esbench.population.gaussian import Gaussian
from esbench.settings import settings


@settings
class EGGROLL(OpenES):
    """EGGROLL: antithetic noise of low rank on every kernel, full Gaussian noise on the rest.

    rank: of each member's noise; the update's rank is up to pop_size * rank / 2. The other settings are OpenES's.
    """

    rank: Annotated[int, Field(ge=1)] = 1

    def ask(self, key: jax.Array, state: GradientState) -> tuple[Gaussian, GradientState]:
        frozen = self._frozen(state)
        return Gaussian(state.mean, key, state.sigma, size=self.pop_size, rank=self.rank, frozen=frozen), state
