"""Small pictures made large enough to be looked at."""

import numpy as np


def enlarge(picture: np.ndarray, least: int = 400) -> np.ndarray:
    """`picture`, uint8 (height, width, 3), its pixels repeated so often that its shorter side has `least` or more."""
    times = -(-least // min(picture.shape[:2]))
    return picture.repeat(times, 0).repeat(times, 1)
