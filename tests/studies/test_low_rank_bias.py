"""The bias study: its closed form agrees with theory and with sampled populations."""

import numpy as np
import pytest

from baselines.studies import low_rank_bias
from baselines.studies.low_rank_bias import (
    CASES,
    CHARACTERISTIC,
    full_rank,
    low_rank,
    mean,
    nodes,
    relative_bias,
    slope,
)


@pytest.mark.parametrize("law", CHARACTERISTIC)
def test_characteristic_functions_are_those_of_the_law(law):
    x, weights = nodes(law)
    s = np.array([-0.4, 0.1, 0.7])
    value, derivative = CHARACTERISTIC[law](s)
    np.testing.assert_allclose(value, (weights * np.exp(1j * s[:, None] * x)).sum(1), atol=1e-9)
    np.testing.assert_allclose(derivative, (weights * 1j * x * np.exp(1j * s[:, None] * x)).sum(1), atol=1e-9)


def test_normal_noise_has_the_known_characteristic_function():
    """A product of two standard normals has 1 / sqrt(1 + t^2), so the estimate is known without quadrature."""
    for rank in (1, 2, 16):
        t = low_rank_bias.SIGMA
        expected = np.cos(mean()) * (1 + t**2 / rank) ** (-rank / 2 - 1)
        np.testing.assert_allclose(low_rank(mean(), "normal", False, rank), expected, rtol=1e-9)


@pytest.mark.parametrize(("law", "antithetic"), CASES)
def test_slope_at_large_ranks_is_theorys_and_the_bias_vanishes(law, antithetic):
    ranks = (2**16, 2**18)
    expected = -0.5 if law == "skewed" and not antithetic else -1
    biases = [relative_bias(law, antithetic, rank) for rank in ranks]
    assert slope(biases, ranks)[0] == pytest.approx(expected, abs=0.01)
    np.testing.assert_allclose(low_rank(mean(), law, antithetic, 2**24), full_rank(mean()), rtol=1e-3)


@pytest.mark.parametrize(("law", "antithetic", "rank"), [("normal", False, 1), ("skewed", False, 2)])
def test_a_sampled_population_agrees_with_the_closed_form(law, antithetic, rank):
    estimate, error = low_rank_bias.sampled(law, antithetic, rank, members=2**16)
    exact = low_rank(mean(), law, antithetic, rank)
    assert np.sqrt((((estimate - exact) / error) ** 2).mean()) < 2
    # And it can tell the two apart: the full-rank gradient is far outside.
    assert np.sqrt((((estimate - full_rank(mean())) / error) ** 2).mean()) > 3


def test_the_command_writes_table_and_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(low_rank_bias, "CASES", (("integer", False),))
    low_rank_bias.main(tmp_path, members=2**10)
    assert {path.name for path in tmp_path.iterdir()} == {f"low_rank_bias.{end}" for end in ("csv", "md", "png", "svg")}
    assert len((tmp_path / "low_rank_bias.csv").read_text().splitlines()) == 6
    assert "| integer | " in (tmp_path / "low_rank_bias.md").read_text()
