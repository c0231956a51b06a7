"""Watching the deployed policy of a run: one episode on its task, as a film."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from esbench.errors import InputError
from esbench.keys import stream
from esbench.policies.registry import network_from
from esbench.problem import DeployedPolicy
from esbench.results.run_directory import RunDirectory
from esbench.tasks import hosted, registry
from esbench.tasks.face.single import TaskEnv
from esbench.tasks.spec import HOSTED_SUITE

FORMATS = (".gif", ".mp4")
FPS = 30
# 20 seconds: of longer episodes only every second frame is kept, or every fourth, ...
MAX_FRAMES = 600


@dataclass(frozen=True)
class Played:
    """An episode: its return and length, and how many steps lie between two frames of the film."""

    episode_return: float
    steps: int
    stride: int


def play(run: Path, out: Path, seed: int = 0, task: str | None = None) -> Played:
    """Writes one episode of the run in directory `run` to `out`, a .gif or an .mp4, the return drawn into each frame.

    The policy acts as it is scored: greedily or sampling. task: the name of the run's task, None for the one that the
    run states; a Task of a file states no file. InputError where there is no such run, its task cannot be made or
    drawn, or `out` cannot be written.
    """
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
        frames, played = _film(env, manifest.policy, deployed, seed)
    except gymnasium.error.Error as error:
        raise InputError(f"{run} cannot be played: {error}") from error
    try:
        (_write_gif if out.suffix.lower() == ".gif" else _write_mp4)(out, frames)
    except OSError as error:
        raise InputError(f"--out {str(out)!r} cannot be written: {error.strerror or error}") from error
    return played


def _environment(spec: dict[str, Any], name: str | None) -> gymnasium.Env:
    """The task of a manifest's spec, to be drawn."""
    if spec["suite"] == HOSTED_SUITE:
        # Without these, drawing off screen looks for loudspeakers and a display, and MuJoCo aborts where there is none.
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
            os.environ.setdefault("MUJOCO_GL", "egl")
        return hosted.flat(spec["source_id"], "rgb_array")
    stated = spec["source_id"] if spec["suite"] == "user" else spec["id"]
    try:
        found = registry.task(name or stated).spec.id
    except InputError as error:
        hint = "" if name else "; --task path/to/file.py:NAME says where the run's task is"
        raise InputError(f"{error}{hint}") from error
    if found != spec["id"]:
        raise InputError(f"--task {name} is {found}: expected {spec['id']}, the task of the run")
    return TaskEnv(name or stated, "rgb_array")


def _film(
    env: gymnasium.Env, policy_settings: dict[str, Any], deployed: DeployedPolicy, seed: int
) -> tuple[list[Image.Image], Played]:
    space: Any = env.action_space
    observations: Any = env.observation_space
    # The run is the reader's own: its network may be a file's, as its task may.
    policy: Any = network_from(policy_settings, policy_settings.get("name")).bind(observations, space)
    key = stream(jax.random.key(seed), "action")

    @jax.jit
    def act(carry: Any, obs: jax.Array, step: jax.Array) -> tuple[Any, jax.Array]:
        seen = obs if deployed.statistics is None else deployed.statistics.normalize(obs)
        carry, distribution = policy.apply(deployed.params, carry, seen)
        greedy = deployed.action_mode == "greedy"
        action = distribution.mode() if greedy else distribution.sample(jax.random.fold_in(key, step))
        return carry, jnp.clip(action, space.low, space.high) if isinstance(space, gymnasium.spaces.Box) else action

    obs, _ = env.reset(seed=seed)
    carry, total, steps, stride, over = policy.initial_carry(), 0.0, 0, 1, False
    frames = [_captioned(env.render(), total, steps)]
    while not over:
        carry, action = act(carry, obs, np.int32(steps))
        obs, reward, terminated, truncated, _ = env.step(np.asarray(action))
        total, steps, over = total + float(reward), steps + 1, terminated or truncated
        if over or steps % stride == 0:
            frames.append(_captioned(env.render(), total, steps))
        if len(frames) > MAX_FRAMES:
            frames, stride = frames[::2], 2 * stride
    return frames, Played(total, steps, stride)


def _captioned(picture: Any, total: float, steps: int) -> Image.Image:
    """A frame with the return so far above it. Its sides are even, as films need."""
    height, width = (side - side % 2 for side in picture.shape[:2])
    image = Image.new("RGB", (width, height + 28), "black")
    image.paste(Image.fromarray(picture), (0, 28))
    draw = ImageDraw.Draw(image)
    draw.text((8, 14), f"return {total:.5g}   step {steps}", "white", ImageFont.load_default(16), anchor="lm")
    return image


def _write_gif(path: Path, frames: list[Image.Image]) -> None:
    # A GIF's clock ticks in hundredths of a second. The last frame stays for a second.
    times = [round(100 / FPS) * 10] * (len(frames) - 1) + [1000]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=times, loop=0)


def _write_mp4(path: Path, frames: list[Image.Image]) -> None:
    width, height = frames[0].size
    pipe = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {FPS} -i -".split()
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
