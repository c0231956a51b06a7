import math

import numpy as np
import pytest
from scipy import stats

from esbench.statistics.runtime import (
    TARGETS,
    area_under,
    carry_forward,
    first_hits,
    runtime_distribution,
    to_target,
)

TIMES, RISING = np.array([0.0, 10.0, 20.0]), np.array([1.0, 2.0, 3.0])


def test_values_are_carried_forward():
    at = np.array([-1.0, 0.0, 9.9, 10.0, 15.0, 20.0, 100.0])
    np.testing.assert_array_equal(carry_forward(TIMES, RISING, at), [1, 1, 1, 2, 2, 3, 3])


@pytest.mark.parametrize(("end", "area"), [(20.0, 30.0), (40.0, 90.0), (15.0, 20.0), (5.0, 5.0)])
def test_area_of_a_staircase(end, area):
    assert area_under(TIMES, RISING, end) == pytest.approx(area / end)


def test_the_clock_may_start_late():
    assert area_under(np.array([2.0, 10.0]), np.array([1.0, 5.0]), 20.0) == pytest.approx((10 * 1 + 10 * 5) / 20)


def test_first_hits_stand_though_the_curve_falls_again():
    hits = first_hits(TIMES, np.array([1.0, 5.0, 2.0]), np.array([0.5, 1.0, 1.5, 5.0, 5.1]))
    np.testing.assert_array_equal(hits, [0, 0, 10, 10, math.inf])


def test_at_least_ten_targets_up_to_the_reference():
    assert len(TARGETS) >= 10 and TARGETS[-1] == 1.0 and (np.diff(TARGETS) > 0).all()


def test_what_is_not_reached_is_censored_and_never_dropped():
    result = to_target([10.0, 30.0, math.inf], [100.0, 100.0, 100.0])
    assert result == (2, 3, 30.0, (10 + 30 + 100) / 2, 100.0)
    assert to_target([10.0, math.inf], [50.0, 60.0]).median == math.inf
    assert to_target([10.0, 30.0], [50.0, 60.0]).median == 20.0
    nothing = to_target([math.inf], [60.0])
    assert (nothing.reached, nothing.median, nothing.expected, nothing.spent) == (0, math.inf, math.inf, 60.0)


def test_runtime_distribution_is_scipys_where_all_is_reached():
    hits = np.random.default_rng(0).exponential(size=(5, 4))
    at = np.linspace(0, 4, 9)
    expected = stats.ecdf(hits.ravel()).cdf.evaluate(at)
    np.testing.assert_allclose(runtime_distribution([hits], at), expected)


def test_runtime_distribution_keeps_what_was_not_reached_in_the_denominator():
    easy, hard = np.array([[1.0, 2.0]]), np.full((3, 2), math.inf)
    np.testing.assert_allclose(runtime_distribution([easy, hard], np.array([0.5, 1.0, 9.0])), [0, 0.25, 0.5])
