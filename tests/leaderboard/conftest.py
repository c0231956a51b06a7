import shutil

import pytest

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
