"""Pictures of kinetix's levels, by its own renderer."""

from typing import Any

import jax
import numpy as np
from kinetix.render.renderer_pixels import make_render_pixels


class Level:
    """Draws states of a level with the given parameters."""

    def __init__(self, params: Any, static_params: Any):
        self._draw = jax.jit(make_render_pixels(params, static_params.replace(downscale=1)))

    def __call__(self, state: Any) -> np.ndarray:
        picture = np.asarray(self._draw(state))
        # Its first axis goes to the right, its second up.
        return np.ascontiguousarray(picture.transpose(1, 0, 2)[::-1]).clip(0, 255).astype(np.uint8)
