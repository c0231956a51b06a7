"""One picture a task, and a contact sheet of them all."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from esbench.tasks.gymnasium_api.single import TaskEnv

SHEET = "tasks"
STEPS = 30
COLUMNS, SIDE, GAP, LABEL = 4, 240, 12, 24


def snapshot(task: str) -> np.ndarray:
    """The task after up to 30 random steps, an episode's last state left out: uint8 (height, width, 3)."""
    env = TaskEnv(task, render_mode="rgb_array")
    env.reset(seed=0)
    env.action_space.seed(0)
    picture = env.render()
    for _ in range(STEPS):
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            break
        picture = env.render()
    return picture


def contact_sheet(pictures: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """All pictures, each with its name below, in rows of four: uint8 (height, width, 3)."""
    rows = -(-len(pictures) // COLUMNS)
    columns = min(COLUMNS, len(pictures))
    sheet = Image.new("RGB", (columns * (SIDE + GAP) + GAP, rows * (SIDE + LABEL + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for index, (name, picture) in enumerate(pictures):
        left = GAP + index % COLUMNS * (SIDE + GAP)
        top = GAP + index // COLUMNS * (SIDE + LABEL + GAP)
        image = Image.fromarray(picture)
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(image, (left + (SIDE - image.width) // 2, top + (SIDE - image.height) // 2))
        draw.text((left + SIDE / 2, top + SIDE + LABEL / 2), name, "black", font, anchor="mm")
    return np.asarray(sheet)


def save(directory: Path, name: str, picture: np.ndarray) -> Path:
    """Writes `picture` to `directory/<name>.png`."""
    path = directory / f"{name}.png"
    Image.fromarray(picture).save(path, optimize=True)
    return path
