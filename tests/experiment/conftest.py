"""The tiny task and its learner, named as a user names a file's."""

from pathlib import Path

import pytest

TINY = Path(__file__).with_name("tiny.py")


@pytest.fixture(scope="session")
def tiny():
    """`tiny("NAME")` is the name that loads NAME from the file."""
    return lambda name: f"{TINY}:{name}"


@pytest.fixture(scope="session")
def echo(tiny):
    """Options of a run of the tiny learner on the tiny task, with a small policy."""
    small = {"n_layers": 1, "layer_size": 8}
    return {"task": tiny("ECHO"), "algorithm": tiny("RandomSearch"), "tier": "smoke", "settings": small}
