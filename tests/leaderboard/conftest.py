import shutil
import sys

import pytest

from esbench.errors import InputError
from esbench.leaderboard.verification import sandbox
from tests.leaderboard.honest import enter, new_board


@pytest.fixture(scope="session")
def honest_boards(tmp_path_factory):
    """A board of two tasks and three seeds with one honest entry; not to be changed."""
    folder = tmp_path_factory.mktemp("honest")
    board = new_board(folder / "leaderboards")
    enter(folder, folder / "leaderboards", board, "eggroll")
    return folder / "leaderboards"


@pytest.fixture
def entry(honest_boards, tmp_path):
    """The directory of a copy of the honest entry, in a copy of its board."""
    shutil.copytree(honest_boards, tmp_path / "leaderboards")
    return tmp_path / "leaderboards" / "lite-v1" / "eggroll"


@pytest.fixture
def needs_sandbox(tmp_path):
    """Where the kernel allows no namespaces, nothing is run, and it is said why."""
    if (lack := sandbox.missing()) is not None:
        with pytest.raises(InputError, match="no sandbox to run an entry's code in"):
            sandbox.run([sys.executable, "-c", "open('ran', 'w')"], tmp_path)
        assert not (tmp_path / "ran").exists()
        pytest.skip(lack)
