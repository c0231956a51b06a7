"""Countdown's anchors are those of the committed table, and what is measured is what the words say."""

import csv

import numpy as np
import pytest

from baselines.studies import countdown_anchors
from esbench.tasks.suites.countdown import adapter
from esbench.tasks.suites.countdown.specs import COUNTDOWN


def committed():
    with countdown_anchors.OUT.open(newline="") as file:
        return {row["quantity"]: {name: float(row[name]) for name in list(row)[1:]} for row in csv.DictReader(file)}


def test_the_task_has_the_tables_values():
    rows = committed()
    for name, anchor in {"random": COUNTDOWN.random, "random legal": COUNTDOWN.heuristic}.items():
        assert f"{anchor.value:.5f}" == f"{rows[name]['value']:.5f}" and f"{rows[name]['samples']:.0f}" in anchor.source
        assert anchor.standard_error == rows[name]["standard_error"]
    assert COUNTDOWN.reference.value == rows["exhaustive"]["value"] == 1
    # Legal play by chance says nothing of a policy.
    assert rows["random legal"]["value"] + 3 * rows["random legal"]["standard_error"] < 0.02


def test_there_are_as_many_instances_as_it_says():
    instances = countdown_anchors.solvable()
    held_out = countdown_anchors.held_out(instances)
    assert len(set(instances)) == len(instances) == committed()["instances"]["value"]
    assert held_out.sum() == committed()["held out"]["value"]
    assert ((1, 3, 7, 9), 84) in instances and ((1, 1, 1, 1), 30) not in instances


def test_what_is_reached_and_in_how_many_ways():
    assert countdown_anchors.ways((2, 3)) == {5: 2, 6: 2, 1: 1}  # 2+3 3+2 2*3 3*2 3-2
    found = countdown_anchors.ways((1, 1))
    assert found == {2: 2, 1: 4, 0: 2}


def test_random_play_is_judged_as_the_table_has_it():
    rows = committed()
    returns, lengths = countdown_anchors.played(legal=False, episodes=1000)
    assert returns.max() == 0 and lengths.mean() == pytest.approx(rows["tokens of random"]["value"], abs=0.1)
    returns, lengths = countdown_anchors.played(legal=True, episodes=1000)
    assert np.isin(returns, (0, 1)).all() and returns.mean() == pytest.approx(0.0164, abs=0.015)
    assert (lengths > adapter.READING + 20).mean() > 0.5
