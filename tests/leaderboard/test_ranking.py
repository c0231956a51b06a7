"""Ranks: of entries whose order is known, of those that nothing separates, and of those that are not to be ranked."""

import json
import shutil

import pytest

from esbench.leaderboard.ranking import rank_board
from esbench.report.write import read_contents
from tests.leaderboard.honest import edit_entry, enter, new_board, spread


@pytest.fixture(scope="module")
def ranked_boards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranked")
    boards = folder / "leaderboards"
    board = new_board(boards, seeds=(0, 1, 2, 3, 4))
    enter(folder, boards, board, "high", skill=0.8, seconds=400.0)
    enter(folder, boards, board, "middle", skill=0.5, seconds=40.0)
    enter(folder, boards, board, "alike", skill=0.5, seconds=40.0)
    enter(folder, boards, board, "elsewhere", skill=0.2, device={"platform": "gpu", "kind": "H", "count": 1})
    enter(folder, boards, board, "free", track="open", skill=0.9)
    enter(folder, boards, board, "own", track="tuned", skill=0.9)
    enter(folder, boards, board, "part", skill=0.95, tasks=["CartPole-v1"])
    return boards


@pytest.fixture
def board(ranked_boards, tmp_path):
    return shutil.copytree(ranked_boards, tmp_path / "leaderboards") / "lite-v1"


def ranks(aggregates):
    return {one.algorithm: (one.ranks[0], one.ranks[-1]) for one in aggregates}


def test_at_equal_steps_and_at_equal_seconds(board):
    fixed, tuned = rank_board(board).rankings
    assert ranks(fixed.steps) == {"high": (1, 1), "middle": (2, 3), "alike": (2, 3), "elsewhere": (4, 4)}
    # Ten times slower: after the others' seconds it has learned a third of what it will.
    at_seconds = ranks(fixed.seconds["1 x AMD EPYC (cpu)"])
    assert at_seconds["high"] == (3, 3) and set(at_seconds) == {"high", "middle", "alike"}
    assert ranks(fixed.seconds["1 x H (gpu)"]) == {"elsewhere": (1, 1)}
    assert ranks(tuned.steps) == {"own": (1, 1)}


def test_a_partial_entry_is_ranked_on_its_tasks_only(board):
    fixed = rank_board(board).rankings[0]
    assert "part" not in ranks(fixed.steps)
    places = {(place.task, place.slug): place.ranks for place in fixed.places}
    assert places["CartPole-v1", "part"][0] == 1 and ("Knapsack-v1", "part") not in places
    assert "free" not in {slug for _, slug in places} and "own" not in {slug for _, slug in places}


def test_the_ranks_are_those_of_a_report(board):
    for name in ("free", "own", "part"):
        shutil.rmtree(board / name)
    fixed = rank_board(board).rankings[0]
    ((*report,),) = read_contents([board]).sections[0].aggregates
    assert ranks(fixed.steps) == ranks(report)
    values = {one.algorithm: one.estimates["mean"] for one in report}
    assert {one.algorithm: one.estimates["mean"] for one in fixed.steps} == values


def test_what_fails_its_check_is_claimed_and_not_ranked(board):
    edit_entry(board / "high", lambda values: values["scores"].update(aggregate=1.0))
    now = rank_board(board)
    assert now.standings["high"].state == "claimed"
    assert "high" not in ranks(now.rankings[0].steps)
    edit_entry(board / "middle", lambda values: values.update(track="best"))
    assert rank_board(board).standings["middle"].entry is None


def test_an_algorithm_that_always_fails_has_the_score_of_the_random_policy(board):
    spread(board / "elsewhere")
    for task in ("CartPole-v1", "Knapsack-v1"):
        for seed in range(1, 5):
            shutil.rmtree(board / "elsewhere" / "runs" / task / f"seed-{seed}")
    edit_failed(board / "elsewhere")
    now = rank_board(board)
    assert now.standings["elsewhere"].problems == []
    (one,) = [one for one in now.rankings[0].steps if one.algorithm == "elsewhere"]
    assert one.estimates["mean"].value < 0.06


def edit_failed(entry):
    """States the runs that are gone as failures."""
    from esbench.leaderboard.board import read_board
    from esbench.leaderboard.entry import read_entry
    from esbench.leaderboard.entry_scores import entry_scores
    from esbench.leaderboard.evidence import gather
    from tests.leaderboard.honest import repack

    repack(entry)
    board = read_board(entry.parent)
    found = gather(board, read_entry(entry))
    missing = [f"{task}/seed-{seed}" for task, seed in found.expected if (task, seed) not in found.runs]
    scores = entry_scores(board, list(board.tasks), found.finished)

    def change(values):
        values["failures"] = dict.fromkeys(missing, "out of memory")
        values["policies"] = {name: digest for name, digest in values["policies"].items() if name not in missing}
        values["scores"] = json.loads(scores.model_dump_json())

    edit_entry(entry, change)
