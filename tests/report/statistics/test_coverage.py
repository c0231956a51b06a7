import pytest

from esbench.report.statistics.coverage import LAWS, SEEDS, measured, simulate, study

AGGREGATES = ["ranking score", "IQM", "probability of improvement"]


def test_committed_coverage_of_aggregates_is_nominal():
    table = measured()
    assert set(table["n"]) == set(SEEDS) and set(table["scores"]) == set(LAWS)
    aggregates = table[table["quantity"].isin(AGGREGATES) & (table["n"] >= 5)]
    assert len(aggregates) == len(AGGREGATES) * len(LAWS) * 3
    assert aggregates["coverage"].between(0.93, 0.97).all()


def test_committed_coverage_is_what_the_simulation_gives():
    table = measured().set_index(["quantity", "scores", "n"])["coverage"]
    for quantity, coverage in simulate("skewed", 5, simulations=150, repetitions=200).items():
        assert coverage == pytest.approx(table[quantity, "skewed", 5], abs=0.08)  # four standard errors of 150


@pytest.mark.slow
def test_the_study_gives_the_committed_bytes():
    again = study()
    assert again.equals(measured())
