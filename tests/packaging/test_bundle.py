"""`make bundle`: what it takes from the lock, wheels of a platform, and an installation from it without a network."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from esbench import bundle
from esbench.errors import InputError

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
TINY = """\
# of a test
one==1.0 ; python_full_version < '4' \\
    --hash=sha256:aa
    # via
    #   esbench (pyproject.toml)
    #   two
two-more==2.0 \\
    --hash=sha256:bb
    # via one
three==3.0 \\
    --hash=sha256:cc
    # via two-more
"""


def test_what_a_package_requires_is_needed_and_what_only_the_machine_requires_is_not():
    locked = bundle.pins(TINY)
    assert [pin.name for pin in locked] == ["one", "two-more", "three"]
    assert locked[0].text == "one==1.0 ; python_full_version < '4' \\\n    --hash=sha256:aa\n"
    assert locked[0].parents == {"esbench", "two"}
    assert [pin.name for pin in bundle.needed(locked, ["one"], [])] == ["one", "two-more", "three"]
    assert [pin.name for pin in bundle.needed(locked, ["one"], ["two-more"])] == ["one"]


def test_the_lock_gives_what_training_needs_without_tools_and_without_jax():
    names = {pin.name for pin in bundle.needed(bundle.pins(LOCK.read_text()), bundle.roots(["gymnax"]), bundle.HAS)}
    assert {"flax", "optax", "quax", "equinox", "gymnasium", "gymnax", "pandas", "pydantic"} <= names
    assert not names & {"jax", "jaxlib", "numpy", "scipy", "ruff", "ty", "playwright", "brax", "esbench"}


def test_an_unknown_extra_is_named():
    with pytest.raises(InputError, match="extra 'gymnacks': expected some of gymnax, brax"):
        bundle.roots(["gymnacks"])


def test_what_a_machine_has_is_names_or_a_file(tmp_path):
    file = tmp_path / "has.txt"
    file.write_text("# pip freeze\njax==0.11.2\nML_dtypes==0.5\n-e git+https://x\njaxlib @ file:///x\n")
    assert bundle.names_of(str(file)) == ["jax", "ml-dtypes", "jaxlib"]
    assert bundle.names_of("jax, ML_dtypes numpy") == ["jax", "ml-dtypes", "numpy"]


def test_older_platforms_wheels_run_on_newer_ones():
    tags = bundle.tags("manylinux_2_28_aarch64")
    assert tags[0] == "manylinux_2_28_aarch64" and {"manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= {*tags}
    assert bundle.tags("win_amd64") == ["win_amd64"]


def tiny_wheel(folder, name, tag):
    """A wheel of one empty module, and its line in a lock."""
    file = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    with ZipFile(file, "w", ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{name}.py", "word = 'here'\n" * 100)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return bundle.Pin(name, f"{name}==1.0 --hash=sha256:{digest}\n", frozenset())


def test_a_platform_without_wheels_is_told_all_that_have_none(tmp_path, monkeypatch):
    index = tmp_path / "index"
    index.mkdir()
    wanted = [
        tiny_wheel(index, "anywhere", "py3-none-any"),
        tiny_wheel(index, "linux", "cp311-cp311-manylinux_2_17_x86_64"),
        tiny_wheel(index, "also", "py3-none-manylinux2014_x86_64"),
    ]
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    for name in ("there", "not"):
        (tmp_path / name).mkdir()
    bundle.download(wanted, "manylinux_2_28_x86_64", "3.11", tmp_path / "there")
    assert len(list((tmp_path / "there").glob("*.whl"))) == 3
    with pytest.raises(InputError, match=r"no wheels for manylinux_2_28_s390x, Python 3.11: also, linux: expected"):
        bundle.download(wanted, "manylinux_2_28_s390x", "3.11", tmp_path / "not")


def test_an_unpacked_wheel_installs(tmp_path):
    tiny_wheel(tmp_path, "anywhere", "py3-none-any")
    (wheel,) = tmp_path.glob("*.whl")
    packed = wheel.stat().st_size
    bundle.unpacked(wheel)
    assert wheel.stat().st_size > packed
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", tmp_path / "to"]
    subprocess.run([*command, wheel], check=True)
    assert (tmp_path / "to" / "anywhere.py").exists()


def provide(names, site):
    """Puts these packages of this environment into another one."""
    for name in names:
        for file in {Path(path.parts[0]) for path in distribution(name).files or () if ".." not in path.parts}:
            source = Path(str(distribution(name).locate_file(file)))
            if source.exists() and not (site / file).exists():
                (site / file).symlink_to(source)


@pytest.mark.slow
def test_a_bundle_installs_without_an_index_where_jax_is_and_a_run_works(tmp_path):
    target, python = f"manylinux_2_28_{platform.machine()}", ".".join(platform.python_version_tuple()[:2])
    file = bundle.bundle(target, python, ["gymnax"], list(bundle.HAS), tmp_path)
    assert file.stat().st_size < 64e6
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path, filter="data")
    assert (tmp_path / bundle.FOLDER / "code" / "baselines" / "studies" / "gpu.py").is_file()
    venv.create(tmp_path / "venv", with_pip=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    provide(("jax", "jaxlib", "numpy", "scipy", "ml-dtypes", "opt-einsum"), site)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    environ = {**kept, "PIP_NO_INDEX": "1", "PYTHONNOUSERSITE": "1"}
    binary = tmp_path / "venv" / "bin" / "python"
    wheels = sorted((tmp_path / bundle.FOLDER / "wheels").glob("*.whl"))
    subprocess.run([binary, "-m", "pip", "install", "-q", "--no-index", "--no-deps", *wheels], env=environ, check=True)
    run = "run --task CartPole-v1 --algorithm eggroll --tier smoke --set pop_size=32 n_layers=1 layer_size=16"
    subprocess.run([binary, "-m", "esbench", *run.split()], env=environ, cwd=tmp_path, check=True)
    shutil.rmtree(tmp_path / bundle.FOLDER)
