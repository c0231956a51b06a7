"""Pictures of tasks: what they are, and what drawing them must not do."""

import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.error import UnsupportedMode
from PIL import Image

from esbench.cli import main
from esbench.tasks.gallery import contact_sheet, snapshot
from esbench.tasks.gymnasium_api.single import TaskEnv
from esbench.tasks.registry import environments
from esbench.tasks.suites.pixels import enlarge
from tests.tasks.test_registry import CORRIDOR

FAST = ["CartPole-v1", "Pendulum-v1", "Knapsack-v1", "Snake-v1", "Game2048-v1", "DoorKey-8x8-v0"]
NAMES = environments()


def in_a_process(code: str, **variables: str) -> subprocess.CompletedProcess:
    """`code` without a display, in an interpreter of its own."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL", "SDL_VIDEODRIVER", "SDL_AUDIODRIVER")
    environment = {name: value for name, value in os.environ.items() if name not in screens}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), **variables}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_a_picture_is_not_blank(name):
    picture = snapshot(name)
    assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
    assert min(picture.shape[:2]) >= 400
    assert picture.std() > 10


def test_pictures_follow_the_state_and_stay():
    """A picture is the caller's: later ones do not change it."""
    for name in FAST:
        env = gymnasium.make(f"esbench/{name}", render_mode="rgb_array")
        env.reset(seed=0)
        first = env.render()
        copy = first.copy()
        env.action_space.seed(1)
        for _ in range(1 if name == "Knapsack-v1" else 20):
            if any(env.step(env.action_space.sample())[2:4]):
                env.reset()
        second = env.render()
        assert np.array_equal(first, copy), name
        assert not np.array_equal(first, second), name


def test_upright():
    """The pole's tip is above the cart, the first row of a grid at the top."""
    env = gymnasium.make("esbench/CartPole-v1", render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render().astype(int)
    pole = np.abs(picture - [202, 152, 101]).sum(2) < 10
    cart = picture.sum(2) == 0
    assert np.argwhere(pole)[:, 0].mean() < np.argwhere(cart)[:, 0].mean()

    snake = TaskEnv("Snake-v1", "rgb_array")
    snake.reset(seed=0)
    state = snake._episode.state.inner
    head = snake.render()[int(state.head_position.row) * 40 + 20, int(state.head_position.col) * 40 + 20]
    fruit = snake.render()[int(state.fruit_position.row) * 40 + 20, int(state.fruit_position.col) * 40 + 20]
    assert tuple(head) == (27, 77, 30)
    assert tuple(fruit) == (198, 40, 40)


def test_vector_environments_draw_each_state():
    envs = gymnasium.make_vec("esbench/CartPole-v1", num_envs=2, render_mode="rgb_array")
    envs.reset(seed=[3, 4])
    pictures = envs.render()
    for seed, picture in zip([3, 4], pictures, strict=True):
        env = gymnasium.make("esbench/CartPole-v1", render_mode="rgb_array")
        env.reset(seed=seed)
        assert np.array_equal(picture, env.render())


def test_an_environment_without_pictures(tmp_path):
    (tmp_path / "corridor.py").write_text(CORRIDOR)
    env = TaskEnv(f"{tmp_path / 'corridor.py'}:Corridor", "rgb_array")
    env.reset(seed=0)
    with pytest.raises(UnsupportedMode, match=r"Corridor has no render\(state\)"):
        env.render()


def test_enlarged():
    assert np.array_equal(
        enlarge(np.arange(12, dtype=np.uint8).reshape(2, 2, 3), 4)[:, :, 0],
        [[0, 0, 3, 3], [0, 0, 3, 3], [6, 6, 9, 9], [6, 6, 9, 9]],
    )


def test_contact_sheet():
    white = np.full((40, 60, 3), 255, np.uint8)
    black = np.zeros((400, 400, 3), np.uint8)
    sheet = contact_sheet([("white", white), ("black", black)] * 3)
    assert sheet.shape == (2 * 276 + 12, 4 * 252 + 12, 3)
    assert (sheet[12:252, 264:504] == 0).all()


def test_drawing_is_quiet():
    done = in_a_process(
        "import gymnasium, esbench\n"
        "for name in ('CartPole-v1', 'Knapsack-v1'):\n"
        "    env = gymnasium.make(f'esbench/{name}', render_mode='rgb_array')\n"
        "    env.reset(seed=0)\n"
        "    env.render()\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("way", ["glfw", "disable"])
def test_no_opengl_is_an_exception_that_says_what_to_install(way):
    """MuJoCo by itself aborts the process where its window library finds no display."""
    done = in_a_process(
        "import gymnasium.error\n"
        "from esbench.tasks.suites.brax import render\n"
        "try:\n"
        "    render._choose_opengl()\n"
        "except gymnasium.error.DependencyNotInstalled as error:\n"
        "    print(error)\n",
        MUJOCO_GL=way,
    )
    assert done.returncode == 0, done.stderr
    assert f"no OpenGL by {way} (MUJOCO_GL)" in done.stdout
    assert "apt install libegl1" in done.stdout


def test_a_picture_of_one_task(tmp_path, capsys):
    assert main(["tasks", "show", "Snake-v1", "--gallery", str(tmp_path / "pictures")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'pictures' / 'Snake-v1.png'}\n"
    assert np.array_equal(Image.open(tmp_path / "pictures" / "Snake-v1.png"), snapshot("Snake-v1"))


def test_a_gallery_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["tasks", "--gallery", str(tmp_path / "file")]) == 2
    assert "cannot write pictures to" in capsys.readouterr().err


@pytest.mark.slow
def test_gallery(tmp_path):
    """Every task's picture and the sheet, without a word on standard error, and nothing written beside them."""
    import craftax

    package = Path(craftax.__file__).parent
    before = {path for path in package.rglob("*") if path.suffix != ".pyc"}
    done = in_a_process(
        f"import sys; from esbench.cli import main; sys.exit(main(['tasks', '--gallery', {str(tmp_path)!r}]))",
        TF_CPP_MIN_LOG_LEVEL="3",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png" for name in [*NAMES, "tasks"]}
    assert np.asarray(Image.open(tmp_path / "tasks.png")).std() > 10
    assert {path for path in package.rglob("*") if path.suffix != ".pyc"} == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CartPole-v1", "Ant-v0"])
def test_record_video(name, tmp_path):
    env = gymnasium.make(f"esbench/{name}", render_mode="rgb_array")
    env = gymnasium.wrappers.RecordVideo(env, str(tmp_path), episode_trigger=lambda episode: True)
    env.reset(seed=0)
    for _ in range(10):
        env.step(env.action_space.sample())
    env.close()
    assert [path.suffix for path in tmp_path.iterdir() if path.stat().st_size > 1000] == [".mp4"]
