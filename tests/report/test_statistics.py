import pytest

from esbench.report.statistics import student_t_interval

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
