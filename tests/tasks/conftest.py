"""Environments and their compiled programs, made once a session."""

import functools

import pytest

from esbench.tasks.registry import make
from tests.tasks.episodes import Player


@pytest.fixture(scope="session")
def environment():
    """The environment of a task's id."""
    return functools.cache(make)


@pytest.fixture(scope="session")
def player(environment):
    """The player of a task's id."""
    return functools.cache(lambda name: Player(name, environment(name)))
