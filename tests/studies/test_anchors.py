"""The anchors that are measured: the catalogue's are those of the committed table, and the command makes its rows."""

import numpy as np
import pytest

from baselines.studies import anchors
from esbench.tasks.catalogue import CATALOGUE

ROWS = anchors.read()


def test_every_measurement_is_in_the_table():
    assert ROWS.keys() == anchors.RULES.keys()


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.id)
def test_the_catalogue_has_the_tables_values(spec):
    for policy in ("random", "heuristic"):
        anchor, row = getattr(spec, policy), ROWS.get((spec.id, policy))
        assert (anchor is None) == (row is None)
        if anchor is not None and row is not None:
            assert anchor.value == pytest.approx(float(row["mean"]), abs=0.1 * anchor.standard_error + 1e-4)
            assert anchor.standard_error == pytest.approx(float(row["standard_error"]), rel=0.1)
            assert anchor.source == f"{row['rule']}, {row['episodes']} episode{'s' * (row['episodes'] != '1')}, seed 0"


def test_the_command_measures(tmp_path):
    """A table of its own; rows that were there stay; the same episodes as the committed ones."""
    out = tmp_path / "anchors.csv"
    anchors.main([("CartPole-v1", "heuristic")], 20, out)
    anchors.main([("CartPole-v1", "random")], 500, out)
    rows = anchors.read(out)
    assert list(rows) == [("CartPole-v1", "random"), ("CartPole-v1", "heuristic")]
    assert rows["CartPole-v1", "heuristic"]["mean"] == "500"
    # The first 500 episodes of the committed 10 000.
    assert float(rows["CartPole-v1", "random"]["mean"]) == pytest.approx(22.32, abs=4.5 * 12 / np.sqrt(500))


def test_legal_actions_are_legal():
    """Knapsack packed legally ends only when nothing fits: its length is the number of items packed."""
    row = anchors.measure("Knapsack-v1", "legal", 16)
    assert 20 < row["mean_length"] < 35
