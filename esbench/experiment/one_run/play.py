"""Watching the deployed policy of a run: episodes on its task, as a film. Reading what a policy or a model writes."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from esbench.errors import InputError
from esbench.experiment.one_run.answers import answers, writes
from esbench.jax_switches import pinned
from esbench.keys import stream
from esbench.policies.registry import network_from
from esbench.problem import DeployedPolicy
from esbench.results.run_directory import RunDirectory
from esbench.results.trained_text import TrainedText
from esbench.results.untrained import untrained
from esbench.tasks import registry
from esbench.tasks.gymnasium_api.single import TaskEnv
from esbench.tasks.spec import GSM8K, HOSTED_SUITE, RL
from esbench.tasks.suites.gymnasium import adapter
from esbench.tasks.text.specs import TEXT, TOKENS

FORMATS = (".gif", ".mp4")
FPS = 30
# 20 seconds: of longer films only every second frame is kept, or every fourth, ...
MAX_FRAMES = 600
# Of an episode: a film of few steps is slower.
LEAST_SECONDS = 3.0
HOLD_SECONDS = 1.0
LENGTH = 400
"""Bytes that a language model writes."""


@dataclass(frozen=True)
class Played:
    """The episodes of a film: their mean return, their steps in all, how many steps lie between two frames, at most,
    and the frames a second. untrained: what to say first of an untrained policy, else empty."""

    episode_return: float
    steps: int
    stride: int
    fps: float
    untrained: str = ""


def texts(
    run: Path, out: Path | None, seed: int, task: str | None, prompt: str | None, length: int | None, number: int
) -> str | None:
    """What is to be printed of a run that writes: what its language model goes on with, `number` times, each time with
    the prompt first, or its answers to `number` problems; with seed `seed` and those after it. None for another run.
    InputError where the options are of the other kind."""
    directory = RunDirectory.open(run)
    if directory.manifest.task["suite"] == TEXT:
        if out is not None:
            raise InputError(f"--out {str(out)!r}: {run} is of a language model, whose text is printed: expected none")
        prompt, model = prompt or "", TrainedText.of(directory)
        first = untrained(directory.rows, TOKENS)
        written = [prompt + model(prompt, length or LENGTH, seed + number) for number in range(number)]
        return "\n\n".join([first, *written] if first else written)
    if prompt is not None or length is not None:
        raise InputError(f"{run} is of no language model: expected no --prompt and no --length")
    if directory.manifest.task.get("track", RL) == RL or not writes(found := _task(directory.manifest.task, task)):
        return None
    if out is not None:
        raise InputError(f"--out {str(out)!r}: {run} is of {found.spec.id}, whose answers are printed: expected none")
    return "\n".join(answers(directory, found, seed, number))


@pinned()
def play(
    run: Path, out: Path | None, seed: int = 0, task: str | None = None, fps: float | None = None, episodes: int = 1
) -> Played:
    """Writes episodes of the run in directory `run` to `out`, a .gif or an .mp4. Each frame shows the return; the last
    frame of each episode stays for HOLD_SECONDS.

    The policy acts as it is scored: greedily or sampling. seed: of the first episode; the next ones have the numbers
    after it. task: the name of the run's task. None: the name that the run states, which a Task out of a file lacks.
    fps: frames a second, None for FPS, or fewer, so that an episode lasts LEAST_SECONDS. InputError where the run is
    missing, its task cannot be made or drawn, or `out` cannot be written.
    """
    if out is None:
        raise InputError("--out is missing: expected FILE.gif or FILE.mp4")
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"--out {str(out)!r}: expected a file that ends in {' or '.join(FORMATS)}")
    if out.suffix.lower() == ".mp4":
        _ffmpeg()
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise InputError(f"--out {str(out)!r}: expected a file in a directory that is there")
    directory = RunDirectory.open(run)
    manifest, deployed = directory.manifest, directory.load_policy()
    try:
        env = _environment(manifest.task, task)
        act = _acting(env, manifest.policy, deployed)
        most = max(1, MAX_FRAMES // episodes)
        played = [_episode(env, act, seed + number, most, number + 1, episodes) for number in range(episodes)]
    except gymnasium.error.Error as error:
        raise InputError(f"{run} cannot be played: {error}") from error
    rate = fps or min(float(FPS), max(1.0, sum(len(one.frames) for one in played) / (LEAST_SECONDS * episodes)))
    try:
        (_write_gif if out.suffix.lower() == ".gif" else _write_mp4)(out, [one.frames for one in played], rate)
    except OSError as error:
        raise InputError(f"--out {str(out)!r} cannot be written: {error.strerror or error}") from error
    return Played(
        fmean(one.total for one in played),
        sum(one.steps for one in played),
        max(one.stride for one in played),
        round(rate, 1),
        untrained(directory.rows, manifest.task.get("cost", "steps").rpartition(" ")[2]),
    )


def _environment(spec: dict[str, Any], name: str | None) -> gymnasium.Env:
    """The task of a manifest's spec, to be drawn."""
    if spec["suite"] == HOSTED_SUITE:
        # Otherwise drawing off screen looks for loudspeakers and a display, and MuJoCo aborts on a machine without
        # them.
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
            os.environ.setdefault("MUJOCO_GL", "egl")
        return adapter.flat(spec["source_id"], "rgb_array")
    _task(spec, name)  # InputError where it is another
    return TaskEnv(name or _stated(spec), "rgb_array")


def _stated(spec: dict[str, Any]) -> str:
    """The name of a task that a manifest's spec states."""
    return spec["source_id"] if spec["suite"] in ("user", GSM8K) else spec["id"]


def _task(spec: dict[str, Any], name: str | None) -> registry.Task:
    """The task of a manifest's spec. InputError where it is not here, or `name` is another."""
    try:
        found = registry.task(name or _stated(spec))
    except InputError as error:
        hint = "" if name else "; --task path/to/file.py:NAME says where the run's task is"
        raise InputError(f"{error}{hint}") from error
    if found.spec.id != spec["id"]:
        raise InputError(f"--task {name} is {found.spec.id}: expected {spec['id']}, the task of the run")
    return found


@dataclass(frozen=True)
class _Episode:
    frames: list[Image.Image]
    total: float
    steps: int
    stride: int


Act = Callable[[Any, Any, np.int32, jax.Array], tuple[Any, jax.Array]]


def _acting(env: gymnasium.Env, policy_settings: dict[str, Any], deployed: DeployedPolicy) -> tuple[Any, Act]:
    """The memory at an episode's begin, and from memory, observation, step and key the memory after it and the
    action."""
    space: Any = env.action_space
    observations: Any = env.observation_space
    # The run is the reader's own: its network may be a file's, as its task may.
    policy: Any = network_from(policy_settings, policy_settings.get("name")).bind(observations, space)

    @jax.jit
    def act(carry: Any, obs: Any, step: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        seen = obs if deployed.statistics is None else deployed.statistics.normalize(obs)
        carry, distribution = policy.apply(deployed.params, carry, seen)
        greedy = deployed.action_mode == "greedy"
        action = distribution.mode() if greedy else distribution.sample(jax.random.fold_in(key, step))
        return carry, jnp.clip(action, space.low, space.high) if isinstance(space, gymnasium.spaces.Box) else action

    return policy.initial_carry(), act


def _episode(env: gymnasium.Env, acting: tuple[Any, Act], seed: int, most: int, number: int, episodes: int) -> _Episode:
    """One episode in at most about `most` frames. number, episodes: which of how many, for the caption."""
    carry, act = acting
    key = stream(jax.random.key(seed), "action")
    which = "" if episodes == 1 else f"   episode {number} of {episodes}"
    obs, _ = env.reset(seed=seed)
    total, steps, stride, over = 0.0, 0, 1, False
    frames = [_captioned(env.render(), total, steps, which)]
    while not over:
        carry, action = act(carry, obs, np.int32(steps), key)
        obs, reward, terminated, truncated, _ = env.step(np.asarray(action))
        total, steps, over = total + float(reward), steps + 1, terminated or truncated
        if over or steps % stride == 0:
            frames.append(_captioned(env.render(), total, steps, which))
        if len(frames) > most:
            frames, stride = frames[::2], 2 * stride
    return _Episode(frames, total, steps, stride)


def _captioned(picture: Any, total: float, steps: int, which: str) -> Image.Image:
    """A frame with the return so far above it. Its sides are even, as films need."""
    height, width = (side - side % 2 for side in picture.shape[:2])
    image = Image.new("RGB", (width, height + 28), "black")
    image.paste(Image.fromarray(picture), (0, 28))
    draw = ImageDraw.Draw(image)
    draw.text((8, 14), f"return {total:.5g}   step {steps}{which}", "white", ImageFont.load_default(16), anchor="lm")
    return image


def _write_gif(path: Path, episodes: list[list[Image.Image]], fps: float) -> None:
    # A GIF's clock ticks in hundredths of a second.
    tick, hold = round(100 / fps) * 10, round(1000 * HOLD_SECONDS)
    times = [time for frames in episodes for time in [tick] * (len(frames) - 1) + [max(tick, hold)]]
    first, *others = [frame for frames in episodes for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=times, loop=0)


def _write_mp4(path: Path, episodes: list[list[Image.Image]], fps: float) -> None:
    held = max(1, round(fps * HOLD_SECONDS))  # a film has one clock: the last frame is there that often
    frames = [frame for one in episodes for frame in [*one, *[one[-1]] * (held - 1)]]
    width, height = frames[0].size
    pipe = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {fps:g} -i -".split()
    film = ["-loglevel", "error", "-y", "-an", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    with subprocess.Popen([_ffmpeg(), *pipe, *film, str(path)], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for frame in frames:
            process.stdin.write(frame.tobytes())
    if process.returncode:
        raise InputError(f"--out {str(path)!r}: ffmpeg could not write it")


def _ffmpeg() -> str:
    try:
        import imageio_ffmpeg
    except ModuleNotFoundError as error:
        raise InputError("an .mp4 needs imageio-ffmpeg: pip install 'esbench[video]', or write a .gif") from error
    return imageio_ffmpeg.get_ffmpeg_exe()
