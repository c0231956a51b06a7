"""Countdown as a picture: the problem, the numbers that are there, and the one that is being written."""

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (320, 120)


def picture(problem: str, pool: Iterable[int], written: int) -> np.ndarray:
    """uint8 (120, 320, 3). pool, written: -1 for none."""
    image = Image.new("RGB", SIZE, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(28)
    there = "  ".join(str(number) for number in pool if number >= 0)
    draw.text((16, 20), problem, "black", font)
    draw.text((16, 66), f"{there}   {written}_" if written >= 0 else there, "gray", font)
    return np.asarray(image)
