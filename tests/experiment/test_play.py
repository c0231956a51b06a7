"""Films of deployed policies."""

import resource
import subprocess

import gymnasium
import jax
import numpy as np
import pytest
from PIL import Image

from esbench.cli import main
from esbench.errors import InputError
from esbench.experiment.one_run import play as module
from esbench.experiment.one_run.play import play
from esbench.policies.registry import network_from
from esbench.results.run_directory import RunDirectory


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on Pendulum, of a greedy policy that normalizes its observations."""
    out = tmp_path_factory.mktemp("runs")
    argv = ["run", "--task", "Pendulum-v1", "--algorithm", "eggroll", "--tier", "smoke", "--steps", "3200"]
    settings = ["n_layers=1", "layer_size=8", "deterministic_policy=true", "normalize_observations=true"]
    assert main([*argv, "--set", *settings, "--out", str(out)]) == 0
    return out / "smoke" / "Pendulum-v1" / "eggroll" / "seed-0"


def test_gif(run, tmp_path):
    """A frame for the start and for each of 200 steps; the return is drawn above the picture."""
    played = play(run, tmp_path / "film.gif")
    assert (played.steps, played.stride) == (200, 1)
    assert -2000 < played.episode_return < 0
    film = Image.open(tmp_path / "film.gif")
    assert (film.n_frames, film.size) == (201, (500, 528))
    first = np.asarray(film.convert("RGB"))
    film.seek(200)
    last = np.asarray(film.convert("RGB"))
    assert not np.array_equal(first[:28], last[:28])
    assert not np.array_equal(first[28:], last[28:])


def test_several_episodes_each_with_a_hold_at_its_end(run, tmp_path):
    """The first is that of a film of its own, and the second that of the next seed's."""
    alone = [play(run, tmp_path / "film.gif", seed) for seed in (5, 6)]
    film = play(run, tmp_path / "film.gif", 5, fps=50, episodes=2)
    assert film.episode_return == pytest.approx(sum(one.episode_return for one in alone) / 2)
    assert (film.steps, film.fps) == (400, 50)
    times = durations(tmp_path / "film.gif")
    assert len(times) == 402 and {number for number, time in enumerate(times) if time == 1000} == {200, 401}
    assert set(times) == {20, 1000}


def test_a_film_of_few_frames_lasts_and_an_mp4_holds_too(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_FRAMES", 8)
    played = play(run, tmp_path / "film.gif")
    times = durations(tmp_path / "film.gif")
    assert sum(times) >= 3000 and times[-1] == 1000 and played.fps < 5
    play(run, tmp_path / "film.mp4", fps=10)
    probed = subprocess.run([module._ffmpeg(), "-i", str(tmp_path / "film.mp4")], capture_output=True, text=True)
    assert f"Duration: 00:00:0{(len(times) + 9) / 10:.1f}" in probed.stderr


def durations(path):
    """Of the frames of a GIF, in milliseconds."""
    film = Image.open(path)
    times = []
    for number in range(film.n_frames):
        film.seek(number)
        times.append(film.info["duration"])
    return times


def test_mp4(run, tmp_path, capfd):
    assert main(["play", str(run), "--out", str(tmp_path / "film.mp4")]) == 0
    captured = capfd.readouterr()
    assert "return -" in captured.out
    assert captured.err == ""
    probed = subprocess.run([module._ffmpeg(), "-i", str(tmp_path / "film.mp4")], capture_output=True, text=True)
    assert "500x528" in probed.stderr


def test_a_film_that_is_cut_short_by_a_full_disk_is_an_error(run, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        for name in ("film.mp4", "film.gif"):
            with pytest.raises(InputError, match=rf"{name}.*(could not write it|cannot be written)"):
                play(run, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_long_episodes_are_thinned(run, tmp_path, monkeypatch):
    """Every second frame, and again every second of those, and always the last."""
    monkeypatch.setattr(module, "MAX_FRAMES", 60)
    assert play(run, tmp_path / "film.gif").stride == 4
    assert Image.open(tmp_path / "film.gif").n_frames == 51


def test_the_deployed_policy_acts(run, tmp_path):
    """The film's return is that of the policy by hand, with its own observation statistics, on the same seed."""
    directory = RunDirectory.open(run)
    deployed = directory.load_policy()
    assert deployed.action_mode == "greedy"
    assert deployed.statistics is not None
    env = gymnasium.make("esbench/Pendulum-v1")
    policy = network_from(directory.manifest.policy).bind(env.observation_space, env.action_space)
    act = jax.jit(lambda obs: policy.apply(deployed.params, (), deployed.statistics.normalize(obs))[1].mode())
    obs, _ = env.reset(seed=3)
    total, over = 0.0, False
    while not over:
        obs, reward, terminated, truncated, _ = env.step(np.clip(act(obs), -2, 2))
        total, over = total + reward, terminated or truncated
    film = tmp_path / "film.mp4"
    assert play(run, film, seed=3).episode_return == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize(
    ("out", "text"),
    [
        ("film.avi", "expected a file that ends in .gif or .mp4"),
        ("absent/film.gif", "expected a file in a directory that is there"),
    ],
)
def test_bad_output(run, tmp_path, out, text, capsys):
    assert main(["play", str(run), "--out", str(tmp_path / out)]) == 2
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.err.count("\n") == 1


def test_no_run(tmp_path, capsys):
    assert main(["play", str(tmp_path), "--out", str(tmp_path / "film.gif")]) == 2
    assert "no run in" in capsys.readouterr().err
