import numpy as np
import pytest
from scipy import stats

from esbench.statistics.intervals import bootstrap_interval, expansion, student_t_interval

# Quantiles of Student's t, from printed tables: 97.5% with 1, 2, 3 and 9 degrees of freedom, 95% with 3.
T1, T2, T3, T9, T3_90 = 12.7062, 4.30265, 3.18245, 2.26216, 2.35336


@pytest.mark.parametrize(
    ("values", "level", "mean", "half"),
    [
        ([0.0, 1.0], 0.95, 0.5, T1 * 0.5),
        ([1.0, 2.0, 6.0], 0.95, 3.0, T2 * (7 / 3) ** 0.5),
        ([1.0, 2.0, 3.0, 4.0], 0.95, 2.5, T3 * (5 / 12) ** 0.5),
        ([1.0, 2.0, 3.0, 4.0], 0.90, 2.5, T3_90 * (5 / 12) ** 0.5),
        ([-1.0, 1.0] * 5, 0.95, 0.0, T9 / 3),
    ],
)
def test_interval_of_known_samples(values, level, mean, half):
    low, high = student_t_interval(values, level)
    assert low == pytest.approx(mean - half, rel=1e-5)
    assert high == pytest.approx(mean + half, rel=1e-5)


def test_equal_values_leave_no_width():
    assert student_t_interval([500.0] * 3) == (500.0, 500.0)


@pytest.mark.parametrize("values", [[], [3.0]])
def test_one_value_has_no_interval(values):
    assert student_t_interval(values) is None


def test_interval_is_scipys():
    values = np.random.default_rng(0).gamma(2.0, size=9)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert student_t_interval(values, 0.9) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_expansion_of_one_mean_is_t_over_z_and_the_lost_degree_of_freedom():
    # 1.95996 is the normal distribution's 97.5% quantile; 3 values: sqrt(3 / 2) and 2 degrees of freedom.
    assert expansion([np.array([1.0, 2.0, 6.0])]) == pytest.approx((3 / 2) ** 0.5 * T2 / 1.95996, rel=1e-5)


def test_expansion_of_equal_means_adds_their_degrees_of_freedom():
    parts = [np.array([0.0, 1.0]) + shift for shift in range(3)]
    assert expansion(parts) == pytest.approx(2**0.5 * T3 / 1.95996, rel=1e-5)


def test_a_part_without_spread_costs_nothing():
    parts = [np.array([1.0, 2.0, 6.0]), np.array([5.0, 5.0])]
    assert expansion(parts) == expansion(parts[:1])
    assert expansion(parts[1:]) == 1.0


def test_percentiles_are_widened_about_the_estimate():
    replicates = np.linspace(-1.0, 3.0, 4001)
    assert bootstrap_interval(1.0, replicates, 1.0) == pytest.approx((-0.9, 2.9))
    assert bootstrap_interval(0.0, replicates, 2.0, level=0.5) == pytest.approx((0.0, 4.0))
