"""Pictures of navix's grids, by its own sprites."""

from typing import Any

import jax
import navix
import numpy as np
from navix.rendering.cache import RenderingCache

from esbench.tasks.suites.pixels import enlarge


@jax.jit
def _draw(state: Any) -> jax.Array:
    return navix.observations.rgb(state.replace(cache=RenderingCache.init(state.grid)))


def draw(state: Any) -> np.ndarray:
    """The whole grid; the task's states come without the cache of sprites."""
    return enlarge(np.asarray(_draw(state)))
