"""Installs the wheel as users do, alone and with every extra alone, and uses what is installed.

Each time in a clean environment outside the checkout, with what the package index has today: `make test-install`, or
`python tests/install/wheel.py [none] [EXTRA ...]`, where `none` is the wheel alone. Needs nothing but Python.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ALONE = "none"
# cuda12 and cuda13 need a GPU; dev, docs and parity are a checkout's: `make test`, `make docs` and `make test-parity`
# are their tests.
TRIED = [ALONE, *(extra for extra in EXTRAS if extra not in ("cuda12", "cuda13", "dev", "docs", "parity"))]
# A light task of every suite; an extra that is no suite is used with a task of a file.
TASKS = {
    "gymnax": "CartPole-v1",
    "brax": "InvertedDoublePendulum-v0",
    "craftax": "CraftaxClassic-v0",
    "jumanji": "Knapsack-v1",
    "kinetix": "ThrustOverBall-v0",
    "navix": "DoorKey-8x8-v0",
    "all": "CartPole-v1",
}
SMALL = "--tier smoke --set pop_size=32 n_layers=1 layer_size=16"
LIMIT = 900.0
"""Seconds that one command may take."""

FROM_THE_WHEEL = "import esbench, sys; assert esbench.__file__.startswith(sys.prefix), esbench.__file__"
OWN_TEST = "import test_mine as t; [getattr(t, name)() for name in dir(t) if name.startswith('test_')]"


def commands(extra: str) -> list[list[str]]:
    """What is done with an extra: of `esbench`, but for those that begin with `python`."""
    python = [["python", "-m", "pip", "check"], ["python", "-c", FROM_THE_WHEEL]]
    if extra == "text":
        run = "runs/smoke/KingJames-v0/eggroll_int/seed-0"
        texts = ["run --task KingJames-v0 --algorithm eggroll_int --tier smoke", f"play {run} --prompt And"]
        return [*python, *(text.split() for text in texts)]
    task = TASKS.get(extra, "drawn.py:Dot")
    algorithm, log = {"evosax": ("evosax:SNES", ""), "tensorboard": ("eggroll", "--log tensorboard")}.get(
        extra, ("eggroll", "--log wandb" if extra == "wandb" else "")
    )
    film = "film.mp4" if extra == "video" else "film.gif"
    run = f"runs/smoke/{'Dot-v0' if task.endswith('Dot') else task}/seen/seed-0"
    texts = [
        "tasks",
        f"tasks show {task}",
        "algorithms",
        "doctor",
        f"run --task {task} --algorithm {algorithm} --name seen {SMALL} {log}",
        f"sweep --tasks {task} --algorithms eggroll --seeds 0:2 {SMALL} {'--engine ray' if extra == 'ray' else ''}",
        "report runs --out report",
        f"tune --tasks {task} --algorithms eggroll --dry-run",
        f"play {run} --out {film} --task {task}",
        "new strategy mine",
        f"run --task {task} --algorithm mine.py:Mine {SMALL}",
    ]
    return [*python, *(text.split() for text in texts), ["python", "-c", OWN_TEST]]


def environ(folder: Path) -> dict[str, str]:
    """Of the commands: nothing of the checkout or of this Python, and caches of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "JAX_"))}
    own = {"PYTHONNOUSERSITE": "1", "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"), "WANDB_MODE": "offline"}
    return {**kept, **own}


def done(command: list[str], cwd: Path, env: dict[str, str]) -> bool:
    """Whether a command went well; if not, what it printed is shown."""
    try:
        ended = subprocess.run(
            command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT
        )
        status, text = ended.returncode, ended.stdout
    except subprocess.TimeoutExpired as error:
        status, text = "too slow", (error.stdout or b"").decode(errors="replace")
    if status:
        print(f"FAILED ({status}): {' '.join(map(str, command))}\n{text}", flush=True)
    return status == 0


def tried(extra: str, wheel: Path) -> bool:
    """Whether the wheel installs with an extra, and everything done with it goes well."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"esbench-{extra}-") as scratch:
        folder = Path(scratch).resolve()
        work, binaries = folder / "work", folder / "venv" / "bin"
        work.mkdir()
        venv.create(folder / "venv", with_pip=True)
        shutil.copy(ROOT / "tests/install/drawn.py", work)
        env = environ(folder)
        wanted = str(wheel) if extra == ALONE else f"{wheel}[{extra}]"
        if not done([str(binaries / "python"), "-m", "pip", "install", "--quiet", wanted], work, env):
            return False
        installed = time.monotonic()
        print(f"{extra}: installed in {installed - start:.0f} s", flush=True)
        for command in commands(extra):
            program = ["python", *command[1:]] if command[0] == "python" else ["esbench", *command]
            if not done([str(binaries / program[0]), *program[1:]], work, env):
                return False
        print(f"{extra}: used in {time.monotonic() - installed:.0f} s", flush=True)
    return True


def main(asked: list[str]) -> int:
    if unknown := set(asked) - set(TRIED):
        print(f"unknown: {', '.join(sorted(unknown))}; expected some of {', '.join(TRIED)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="esbench-wheel-") as folder:
        subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, str(ROOT)], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        failed = [extra for extra in asked or TRIED if not tried(extra, wheel)]
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
