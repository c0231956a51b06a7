"""`esbench play`."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from esbench.cli.values import File, Positive, read

_EXAMPLES = """\
examples:
  esbench play runs/lite/CartPole-v1/eggroll/seed-0 --out cartpole.gif
  esbench play runs/lite/Knapsack-v1/eggroll/seed-0 --out knapsack.mp4 --episodes 5 --fps 2

Episode k has seed SEED + k. The last frame of each stays for a second.
"""
app = App(name="play", help_epilogue=_EXAMPLES, version_flags=())


def _rate(text: str) -> float:
    try:
        if 0.1 <= (rate := float(text)) <= 100:
            return rate
    except ValueError:
        pass
    raise ValueError(f"{text!r}: expected frames a second, 0.1 to 100")


@app.default
def play(
    run: Path,
    /,
    *,
    out: File,
    seed: int = 0,
    episodes: Positive = 1,
    fps: Annotated[float | None, read(_rate, "N")] = None,
    task: str | None = None,
) -> int:
    """Writes an animation.

    Args:
        run: the directory of a run
        out: FILE.gif or FILE.mp4
        seed: of the first episode
        episodes: one after another
        fps: frames a second (default: 30, fewer where an episode would last less than 3 seconds)
        task: path/to/file.py:NAME, where the run's task is a Task of a file
    """
    from esbench.experiment.one_run import compilation_cache
    from esbench.experiment.one_run import play as film

    compilation_cache.enable()
    played = film.play(run, Path(out), seed, task, fps, episodes)
    every = "" if played.stride == 1 else f", one frame every {played.stride} steps"
    said = f"{played.untrained}: " if played.untrained else ""
    said += "" if episodes == 1 else f"{episodes} episodes, mean "
    print(
        f"{Path(out)}: {said}return {played.episode_return:.6g} in {played.steps:,} steps{every}, {played.fps:g} frames/s"
    )
    return 0
