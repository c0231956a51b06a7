"""What runs on GitHub is what make runs here, and every extra is tried."""

import re
from pathlib import Path

from tests.install import wheel

ROOT = Path(__file__).parents[2]


def test_the_targets_of_the_workflows_are_those_of_make():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        used = re.findall(r"\bmake (?:-C \S+ )?([a-z-]+)", re.sub(r"#.*", "", file.read_text()))
        assert used and set(used) <= targets


def test_every_extra_is_tried_with_the_newest_versions():
    text = (ROOT / ".github/workflows/newest.yml").read_text()
    (extras,) = re.findall(r"extra: \[(.*)\]", text)
    assert extras.split(", ") == wheel.TRIED
