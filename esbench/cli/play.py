"""`esbench play`.

examples:
  esbench play runs/lite/CartPole-v1/eggroll/seed-0 --out cartpole.gif
  esbench play runs/lite/Knapsack-v1/eggroll/seed-0 --out knapsack.mp4 --episodes 5 --fps 2
  esbench play runs/lite/Countdown-v0/imitation/seed-0 --episodes 20
  esbench play runs/lite/KingJames-v0/eggroll_int/seed-0 --prompt "And God "

Episode k has seed SEED + k. The last frame of each stays for a second. A language model's text is printed, and so are
answers with their verdicts.
"""

from pathlib import Path
from typing import Annotated

from esbench.cli.values import Positive, number, option

_FPS = "frames a second (default: 30, fewer where an episode would last less than 3 seconds)"
_TASK = "path/to/file.py:NAME, where the run's task is a Task of a file"


def play(
    run: Annotated[Path, option("the directory of a run")],
    /,
    *,
    out: Annotated[Path | None, option("FILE.gif or FILE.mp4, for an environment", metavar="FILE")] = None,
    seed: Annotated[int, option("of the first episode")] = 0,
    episodes: Annotated[Positive, option("one after another")] = 1,
    fps: Annotated[float | None, number(float, "frames a second, 0.1 to 100", 0.1, 100, help=_FPS)] = None,
    task: Annotated[str | None, option(_TASK)] = None,
    prompt: Annotated[str | None, option("what a language model goes on with")] = None,
    length: Annotated[Positive | None, option("bytes that it writes (default: 400)")] = None,
) -> int:
    """Writes an animation; prints answers, or what a language model goes on with."""
    from esbench.experiment.one_run import compilation_cache
    from esbench.experiment.one_run import play as film

    compilation_cache.enable()
    if (texts := film.texts(run, out, seed, task, prompt, length, episodes)) is not None:
        print(texts)
        return 0
    played = film.play(run, out, seed, task, fps, episodes)
    every = "" if played.stride == 1 else f", one frame every {played.stride} steps"
    said = f"{played.untrained}: " if played.untrained else ""
    said += "" if episodes == 1 else f"{episodes} episodes, mean "
    said += f"return {played.episode_return:.6g} in {played.steps:,} steps{every}, {played.fps:g} frames/s"
    print(f"{out}: {said}")
    return 0
