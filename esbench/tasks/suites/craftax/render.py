"""Pictures of Craftax's worlds, by its own renderer."""

import importlib
from typing import Any

import jax
import numpy as np

from esbench.tasks.suites.pixels import enlarge

BLOCK = 16  # pixels a block, as its textures are painted


class World:
    """Draws states of the environment `name`: what the player sees of the map, and what it carries."""

    def __init__(self, name: str):
        package = "craftax.craftax_classic" if "Classic" in name else "craftax.craftax"
        constants = importlib.import_module(f"{package}.constants")
        renderer: Any = importlib.import_module(f"{package}.renderer")
        # Craftax's own loader takes minutes to make its textures in three sizes. It keeps them in a file inside its
        # package, which stays broken if the process ends meanwhile. One size takes seconds: it is made each time.
        load = renderer.load_all_textures
        renderer.load_all_textures = lambda: {BLOCK: constants.load_all_textures_given_size(BLOCK)}
        try:
            self._draw = jax.jit(renderer.make_craftax_pixel_renderer(BLOCK))
        finally:
            renderer.load_all_textures = load

    def __call__(self, state: Any) -> np.ndarray:
        return enlarge(np.asarray(self._draw(state)).clip(0, 255).astype(np.uint8))
