"""`make bundle`: esbench and all that it needs as one file, for a machine without a network.

    python -m esbench.bundle [--platform manylinux_2_28_x86_64] [--python 3.12] [--extras A,B] [--has NAMES|FILE]

Works in a checkout. The file holds the code of the checkout, without results and leaderboards, and a wheel of all that
`requirements.lock` names for these extras, but for what the machine has: JAX and what it brings, or what `--has` says,
names or a file that `pip freeze` wrote there. Wheels are stored unpacked, so that all of them are packed together.
"""

import argparse
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from esbench.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
# Whoever has JAX has what it imports.
HAS = ("jax", "jaxlib", "ml-dtypes", "numpy", "opt-einsum", "scipy")
# What the suites name and training imports nowhere: half of all. Of these pygame draws gymnax' tasks.
_UNUSED = (
    *("black", "flake8", "flask", "hf-xet", "isort", "moviepy"),
    *("pygame", "pylint", "pyopengl", "pytest", "tensorboardx", "uvloop"),
)
_KINETIX_ALONE = ("orbax-checkpoint", "orbax-export", "tensorstore")
# kinetix takes twice the room of all others.
EXTRAS = ("gymnax", "brax", "craftax", "jumanji", "navix", "evosax")
LEFT_OUT = ("results/", "leaderboards/", "docs/", "tests/", ".github/")
FOLDER = "esbench-bundle"
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
_MISSING = re.compile(r"No matching distribution found for ([\w.-]+)")


@dataclass(frozen=True)
class Pin:
    """A package of the lock. text: its lines there, version, marker and hashes. parents: what requires it."""

    name: str
    text: str
    parents: frozenset[str]


def pins(lock: str) -> list[Pin]:
    """The packages of a lock as uv writes it; of one that is there twice, for two versions of Python, both."""
    found = []
    for block in re.split(r"^(?=[\w.-]+==)", lock, flags=re.M)[1:]:
        parents = re.findall(r"^    # (?:via |  )([\w.-]+)", block, re.M)
        text = re.sub(r"^ *#.*\n?", "", block, flags=re.M)
        found.append(Pin(canonical(block.partition("==")[0]), text, frozenset(map(canonical, parents))))
    return found


def needed(locked: list[Pin], roots: Iterable[str], has: Iterable[str]) -> list[Pin]:
    """What is required by `roots`, themselves included, but for what is there and what only that requires."""
    there, wanted = set(has), set(roots) - set(has)
    while more := {pin.name for pin in locked if pin.parents & wanted} - wanted - there:
        wanted |= more
    return [pin for pin in locked if pin.name in wanted]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def roots(extras: Iterable[str]) -> list[str]:
    """Names of what esbench requires, and each of its extras; InputError for an extra that is none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional, found = project["optional-dependencies"], list(project["dependencies"])
    for extra in extras:
        if extra not in optional:
            raise InputError(f"extra {extra!r}: expected some of {', '.join(optional)}")
        found += optional[extra]
    inner = {name for text in found if (own := re.match(r"esbench\[(.*)\]", text)) for name in own[1].split(",")}
    names = {canonical(re.split(r"[^\w.-]", text)[0]) for text in found} - {"esbench"}
    return [*names, *(roots(inner) if inner else [])]


def tags(name: str) -> list[str]:
    """The platforms whose wheels run on `name`, as pip names them: of a manylinux those before it too."""
    if not (linux := re.fullmatch(r"manylinux_2_(\d+)_(\w+)", name)):
        return [name]
    older = [f"manylinux_2_{number}_{linux[2]}" for number in range(int(linux[1]), 4, -1)]
    return [*older, *(f"{old}_{linux[2]}" for old in ("manylinux2014", "manylinux2010", "manylinux1", "linux"))]


def download(wanted: list[Pin], platform: str, python: str, out: Path) -> None:
    """The wheels of `wanted` for a platform and a Python, into `out`. What is there as source alone is built where its
    wheel is any platform's. InputError names all that have none."""
    target = [option for tag in tags(platform) for option in ("--platform", tag)]
    asked = ["download", "-q", "--no-deps", "--only-binary=:all:", *target, "--python-version", python, "-d", str(out)]
    left, missing = list(wanted), []
    while (failed := _pip(asked, left)) is not None:
        if not (found := _MISSING.search(failed)):
            raise InputError(f"pip cannot download the wheels: {failed.strip().splitlines()[-1]}")
        missing += [pin for pin in left if pin.name == canonical(found[1])]
        left = [pin for pin in left if pin not in missing]
    built = out / "built"
    for pin in missing:
        _pip(["wheel", "-q", "--no-deps", "-w", str(built)], [pin])
    for wheel in built.glob("*-none-any.whl"):
        wheel.rename(out / wheel.name)
    there = {canonical(wheel.name.partition("-")[0]) for wheel in out.glob("*.whl")}
    if without := sorted({pin.name for pin in missing} - there):
        raise InputError(
            f"no wheels for {platform}, Python {python}: {', '.join(without)}: expected a platform that has them, "
            "such as manylinux_2_28_x86_64, or fewer extras (EXTRAS=gymnax), or --has them"
        )


def _pip(command: list[str], wanted: list[Pin]) -> str | None:
    """Runs pip on the lines of the lock; what it said where it failed."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(pin.text for pin in wanted))
        file.flush()
        done = subprocess.run([*_PIP, *command, "--require-hashes", "-r", file.name], capture_output=True, text=True)
    return done.stderr if done.returncode else None


def unpacked(wheel: Path) -> None:
    """Writes a wheel again without compression: one archive of many packs better than many."""
    with zipfile.ZipFile(wheel) as old:
        contents = [(info, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as new:
        for info, data in contents:
            info.compress_type = zipfile.ZIP_STORED
            new.writestr(info, data)


def names_of(has: str) -> list[str]:
    """What a machine has: names with spaces or commas between them, or a file with a requirement a line."""
    text = Path(has).read_text() if Path(has).is_file() else re.sub(r"[\s,]+", "\n", has)
    lines = (line.strip() for line in text.splitlines())
    return [canonical(re.split(r"[^\w.-]", line)[0]) for line in lines if re.match(r"\w", line)]


def bundle(platform: str, python: str, extras: list[str], has: list[str], out: Path) -> Path:
    """Writes the file into `out`; InputError for an unknown extra, and for a platform without wheels."""
    unused = _UNUSED if {"kinetix", "all"} & {*extras} else (*_UNUSED, *_KINETIX_ALONE)
    wanted = needed(pins((ROOT / "requirements.lock").read_text()), roots(extras), [*has, *unused])
    file = out / f"{FOLDER}-{platform}-py{python.replace('.', '')}.tar.xz"
    with tempfile.TemporaryDirectory() as scratch:
        wheels = Path(scratch) / FOLDER / "wheels"
        wheels.mkdir(parents=True)
        download(wanted, platform, python, wheels)
        own = [*_PIP, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), str(ROOT)]
        subprocess.run(own, check=True)
        for wheel in wheels.glob("*.whl"):
            unpacked(wheel)
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        code = [name for name in listed.splitlines() if not name.startswith(LEFT_OUT)]
        with tarfile.open(file, "w:xz", preset=9) as archive:
            for name in code:
                archive.add(ROOT / name, f"{FOLDER}/code/{name}")
            for wheel in sorted(wheels.glob("*.whl")):
                archive.add(wheel, f"{FOLDER}/wheels/{wheel.name}")
    return file


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bundle", description=__doc__)
    parser.add_argument("--platform", default=f"manylinux_2_28_{platform.machine()}")
    parser.add_argument("--python", default=".".join(platform.python_version_tuple()[:2]))
    parser.add_argument("--extras", default=",".join(EXTRAS))
    parser.add_argument("--has", default=" ".join(HAS))
    parser.add_argument("--out", type=Path, default=Path("."))
    asked = parser.parse_args()
    try:
        extras = [extra for extra in asked.extras.split(",") if extra]
        file = bundle(asked.platform, asked.python, extras, names_of(asked.has), asked.out)
    except InputError as error:
        print(f"make bundle: {error}", file=sys.stderr)
        return 2
    print(f"{file} ({file.stat().st_size / 1e6:.0f} MB). There, in an environment that has JAX:")
    print(f"tar -xf {file.name}")
    print(f"pip install --no-index --no-deps {FOLDER}/wheels/*.whl")
    return 0


if __name__ == "__main__":
    sys.exit(main())
