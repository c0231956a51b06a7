"""Pictures of brax's bodies, by MuJoCo's renderer, without a screen.

MuJoCo's default way to OpenGL aborts the process where it finds no display. So every way is first tried in a separate
process. The one that works is then put in place here: MuJoCo was imported with brax long before, when it was too late
to set MUJOCO_GL.
"""

import functools
import importlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

mujoco: Any = importlib.import_module("mujoco")  # its names are not known to type checkers

HEIGHT, WIDTH = 400, 400

_TRIAL = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 16, 16)
renderer.update_scene(data)
renderer.render()
renderer.close()
"""


def _works(way: str) -> bool:
    """Whether MuJoCo draws with MUJOCO_GL set to `way`."""
    environment = {**os.environ, "MUJOCO_GL": way}
    try:
        done = subprocess.run([sys.executable, "-c", _TRIAL], env=environment, capture_output=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@functools.cache
def _choose_opengl() -> None:
    """Makes MuJoCo draw by the first way that works: the one MUJOCO_GL names, or a GPU, software, a window."""
    named = os.environ.get("MUJOCO_GL", "").strip().lower()
    ways = [named] if named else ["egl", "osmesa", "glfw"] if sys.platform == "linux" else ["cgl", "glfw"]
    for way in ways:
        if _works(way):
            if way in ("egl", "osmesa", "glfw", "cgl"):
                renderer: Any = sys.modules[mujoco.Renderer.__module__]
                renderer.gl_context.GLContext = importlib.import_module(f"mujoco.{way}").GLContext
            return
    raise DependencyNotInstalled(
        f"MuJoCo cannot draw: no OpenGL by {' or '.join(ways)}"
        + (" (MUJOCO_GL)" if named else "")
        + "; on Linux install EGL (apt install libegl1 libgl1-mesa-dri) or OSMesa (apt install libosmesa6)"
    )


class Camera:
    """Draws generalized states of a brax `system`, from the model's own camera where it has one."""

    def __init__(self, system: Any):
        _choose_opengl()
        self._model = system.mj_model
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, HEIGHT, WIDTH)
        self._camera = 0 if self._model.ncam else self._own_camera()

    def __call__(self, state: Any) -> np.ndarray:
        self._data.qpos, self._data.qvel = np.asarray(state.q), np.asarray(state.qd)
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, self._camera)
        return self._renderer.render()

    def _own_camera(self) -> Any:
        """A camera that stands still before the bodies. MuJoCo's own looks at the middle of the floor below them."""
        camera = mujoco.MjvCamera()
        mujoco.mjv_defaultFreeCamera(self._model, camera)
        camera.lookat[:] = (0, 0, 0.3)
        camera.distance, camera.elevation = 4, -30
        return camera
