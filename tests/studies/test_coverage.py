import pytest

from baselines.studies.coverage import LAWS, SEEDS, simulate
from esbench.report.tables.coverage import measured

AGGREGATES = ["ranking score", "IQM", "probability of improvement"]


def test_committed_coverage_of_aggregates_is_nominal():
    table = measured()
    assert set(table["n"]) == set(SEEDS) and set(table["scores"]) == set(LAWS)
    aggregates = table[table["quantity"].isin(AGGREGATES) & (table["n"] >= 5) & (table["tasks"] == 16)]
    assert len(aggregates) == len(AGGREGATES) * len(LAWS) * 3
    assert aggregates["coverage"].between(0.93, 0.97).all()
    few = table[(table["quantity"] == "ranking score") & (table["n"] >= 5) & (table["tasks"] == 3)]
    assert few["coverage"].between(0.93, 0.97).all()


def test_committed_coverage_is_what_the_simulation_gives():
    table = measured().set_index(["quantity", "scores", "tasks", "n"])["coverage"]
    for quantity, coverage in simulate("skewed", 16, 5, simulations=150, repetitions=200).items():
        tasks = 1 if quantity == "cell" else 16
        assert coverage == pytest.approx(table[quantity, "skewed", tasks, 5], abs=0.08)  # four standard errors of 150


@pytest.mark.slow
def test_the_study_gives_the_committed_numbers():
    table = measured().set_index(["quantity", "scores", "tasks", "n"])["coverage"]
    for quantity, coverage in simulate("mixed", 16, 5).items():
        tasks = 1 if quantity == "cell" else 16
        assert coverage == pytest.approx(table[quantity, "mixed", tasks, 5], abs=0.001)
