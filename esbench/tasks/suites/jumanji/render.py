"""Pictures of 2048, Knapsack and Snake. jumanji draws with Matplotlib, at a second a frame; this takes milliseconds."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 480
_BACKGROUND, _EMPTY, _INK = "#faf8ef", "#cdc1b4", "#3c3a32"
_GREEN, _GREY, _RED = "#2e7d32", "#b0a89f", "#c62828"


def _canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (SIZE, SIZE), _BACKGROUND)
    return image, ImageDraw.Draw(image)


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def _tile_colour(exponent: int) -> str:
    """From sand (2) over orange to dark red (2048 and more)."""
    warm = min(exponent, 11) / 11
    return f"hsl({48 - 44 * warm:.0f}, {35 + 50 * warm:.0f}%, {85 - 42 * warm:.0f}%)"


def game_2048(state: Any) -> np.ndarray:
    """The board with its tiles' values."""
    image, draw = _canvas()
    board = np.asarray(state.board)
    cell, gap = SIZE / len(board), 6
    for (row, column), exponent in np.ndenumerate(board):
        left, top = column * cell, row * cell
        box = (left + gap, top + gap, left + cell - gap, top + cell - gap)
        draw.rounded_rectangle(box, 8, _tile_colour(exponent) if exponent else _EMPTY)
        if exponent:
            text = str(2**exponent)
            centre = (left + cell / 2, top + cell / 2)
            draw.text(centre, text, _INK if exponent < 7 else "white", _font(60 - 7 * len(text)), anchor="mm")
    return np.asarray(image)


def snake(state: Any) -> np.ndarray:
    """The board: head and body green, the older part paler, the fruit red."""
    image, draw = _canvas()
    ages = np.asarray(state.body_state)
    cell = SIZE / len(ages)
    head = (int(state.head_position.row), int(state.head_position.col))
    fruit = (int(state.fruit_position.row), int(state.fruit_position.col))
    for (row, column), age in np.ndenumerate(ages):
        box = (column * cell + 1, row * cell + 1, (column + 1) * cell - 1, (row + 1) * cell - 1)
        if (row, column) == head:
            draw.rectangle(box, "#1b4d1e")
        elif age:
            draw.rectangle(box, f"hsl(120, 40%, {70 - 35 * age / ages.max():.0f}%)")
        elif (row, column) == fruit:
            draw.ellipse(box, _RED)
        else:
            draw.rectangle(box, "#e8e2d6")
    return np.asarray(image)


def knapsack(state: Any) -> np.ndarray:
    """Every item by weight (to the right) and value (upwards): packed green, refused by the room left grey, else open.

    The bar below is the bag, as full as it is.
    """
    image, draw = _canvas()
    weights, values = np.asarray(state.weights), np.asarray(state.values)
    packed, left = np.asarray(state.packed_items), float(state.remaining_budget)
    side, margin = SIZE - 100, 30
    draw.rectangle((margin, margin, margin + side, margin + side), outline=_INK)
    for weight, value, inside in zip(weights, values, packed, strict=True):
        x, y = margin + weight * side, margin + (1 - value) * side
        fill = _GREEN if inside else _GREY if weight > left else _BACKGROUND
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill, _INK)
    draw.text((margin + side / 2, margin + side + 12), "weight", _INK, _font(14), anchor="mm")
    draw.text((margin - 12, margin - 12), "value", _INK, _font(14), anchor="lm")
    full = float(weights[packed].sum())
    top, width = SIZE - 42, SIZE - 2 * margin
    draw.rectangle((margin, top, margin + width * full / (full + left), top + 24), "#a5d6a7")
    draw.rectangle((margin, top, margin + width, top + 24), outline=_INK)
    text = f"{full:.2f} of {full + left:.1f} packed, value {values[packed].sum():.2f}"
    draw.text((SIZE / 2, top + 12), text, _INK, _font(14), anchor="mm")
    return np.asarray(image)
