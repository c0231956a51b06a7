"""The wheel has all that is used at run time, and nothing else; `make test-install` installs it."""

from pathlib import Path
from zipfile import ZipFile

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_files_of_the_wheel(tmp_path):
    """All of the package, and the settings of baselines/, but for what describes the board's entries."""
    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path)))
    names = {name for name in ZipFile(wheel).namelist() if not name.partition("/")[0].endswith(".dist-info")}
    package = {file for file in (ROOT / "esbench").rglob("*") if file.is_file() and file.suffix != ".pyc"}
    settings = {file for file in (ROOT / "baselines").rglob("*.toml") if file.parent.name != "entries"}
    expected = {str(file.relative_to(ROOT)) for file in package}
    assert names == expected | {str("esbench" / file.relative_to(ROOT)) for file in settings}
