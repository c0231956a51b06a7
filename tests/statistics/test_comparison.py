import math

import numpy as np
import pytest
from scipy import stats

from esbench.statistics.comparison import (
    holm,
    mean_difference,
    non_inferiority,
    paired,
    rank_ranges,
    t_test,
    t_test_against,
    verdict,
    welch_spread,
)
from esbench.statistics.intervals import Estimate


def test_paired_test_is_scipys():
    first, second = np.random.default_rng(0).normal(size=(2, 7))
    expected = stats.ttest_rel(first, second)
    result = paired(first - second)
    interval = expected.confidence_interval(0.95)
    assert result.seeds == 7
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.difference == pytest.approx(((first - second).mean(), interval.low, interval.high))


def test_paired_test_of_known_differences():
    # Mean 2, s = 1, n = 3: t = 2 sqrt(3) = 3.4641, p = 0.0742 with 2 degrees of freedom.
    assert paired([1.0, 2.0, 3.0]).p_value == pytest.approx(0.07418, rel=1e-3)


def test_differences_without_spread():
    assert paired([0.0, 0.0, 0.0]).p_value == 1.0
    assert paired([2.0, 2.0]).p_value == 0.0


def test_one_shared_seed_is_no_test():
    assert math.isnan(paired([1.0]).p_value) and paired([1.0]).difference.value == 1.0
    assert not paired([1.0]).difference.has_interval
    assert paired([]).seeds == 0 and math.isnan(paired([]).difference.value)


def test_holm_of_known_p_values():
    # Holm 1979, as in R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])


def test_holm_counts_only_what_was_tested():
    np.testing.assert_allclose(holm([0.02, math.nan, 0.03]), [0.04, math.nan, 0.04])
    assert len(holm([])) == 0


@pytest.mark.parametrize(
    ("difference", "p", "expected"),
    [
        (1.0, 0.04, "win"),
        (-1.0, 0.04, "loss"),
        (1.0, 0.05, "tie"),
        (0.0, 0.0, "tie"),
        (5.0, math.nan, "untested"),
    ],
)
def test_verdicts(difference, p, expected):
    assert verdict(difference, p) == expected


def test_non_inferiority_is_the_one_sided_t_test_against_the_margin():
    differences = [0.00, 0.01, 0.02]  # mean 0.01, standard error 0.01 / sqrt(3); t(2): 2.91999 has 5% above it
    low = 0.01 - 2.91999 * 0.01 / 3**0.5
    result = non_inferiority(differences, margin=0.05)
    assert result[:2] == (3, pytest.approx(0.01)) and result.low == pytest.approx(low, abs=1e-6)
    assert non_inferiority(differences, margin=-low).p_value == pytest.approx(0.05, abs=1e-6)
    assert result.p_value == pytest.approx(stats.ttest_1samp(differences, -0.05, alternative="greater").pvalue)


def test_non_inferiority_without_spread_or_seeds():
    assert non_inferiority([-0.04, -0.04]).p_value == 0 and non_inferiority([-0.06, -0.06]).p_value == 1
    assert non_inferiority([0.0, 0.0]).low == 0
    assert non_inferiority([0.5]).seeds == 1 and math.isnan(non_inferiority([0.5]).p_value)
    assert math.isnan(non_inferiority([]).difference)


def test_equal_differences_are_believed_as_far_as_their_episodes_allow():
    """Two seeds, the same difference on both: t(1) at 1 / (s / sqrt(2)) is no proof of anything."""
    assert paired([1.0, 1.0]).p_value == 0 and paired([0.0, 0.0]).p_value == 1
    assert paired([1.0, 1.0], least=2**0.5).p_value == pytest.approx(0.5)  # t = 1 with 1 degree of freedom
    assert non_inferiority([0.95, 0.95], margin=0.05, least=2**0.5).p_value == pytest.approx(0.25)
    assert paired([1.0, 1.0], least=2**0.5).difference.low == pytest.approx(1 - 12.7062, rel=1e-4)  # t of 97.5 %
    # The same difference but for rounding: -6/128 of two pairs of means of 128 episodes.
    rounded = np.array([109, 103]) / 128 / 0.955 - np.array([115, 109]) / 128 / 0.955
    assert np.ptp(rounded) > 0
    assert non_inferiority(rounded, least=0.06).p_value == pytest.approx(0.49, abs=0.02)
    assert paired([1.0, 1.1, 0.9], least=100.0) == paired([1.0, 1.1, 0.9])


def test_mean_difference_needs_shared_seeds_everywhere():
    generator = np.random.default_rng(0)
    pairs = [np.array([0.1, 0.3]), np.array([0.0, 0.2])]
    estimate = mean_difference(pairs, generator)
    assert estimate.value == pytest.approx(0.15) and estimate.low < 0.15 < estimate.high
    assert not mean_difference([*pairs, np.array([0.5])], generator).has_interval
    assert math.isnan(mean_difference([*pairs, np.array([])], generator).value)
    assert math.isnan(mean_difference([], generator).value)


def test_ranks_are_ranges_where_nothing_separates():
    values = {"a": 0.9, "b": 0.8, "c": 0.3}
    apart, together = Estimate(0.5, 0.4, 0.6), Estimate(0.1, -0.1, 0.3)
    ranks = rank_ranges(values, {("a", "b"): together, ("a", "c"): apart, ("c", "b"): Estimate(-0.5, -0.6, -0.4)})
    assert {name: list(rank) for name, rank in ranks.items()} == {"a": [1, 2], "b": [1, 2], "c": [3]}
    unknown = Estimate(0.1)
    ranks = rank_ranges(values, {("a", "b"): unknown, ("a", "c"): unknown, ("b", "c"): unknown})
    assert all(list(rank) == [1, 2, 3] for rank in ranks.values())


def test_welchs_test_is_scipys():
    """Of means of unlike spread and number; where neither varies it is of what evaluations leave open."""
    one, other = np.array([1.0, 2.0, 4.0, 4.5]), np.array([3.0, 9.0, 5.0])
    result, expected = t_test(welch_spread(one, other)), stats.ttest_ind(one, other, equal_var=False)
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.difference[1:] == pytest.approx(tuple(expected.confidence_interval()))
    less = stats.ttest_ind(one, other - 1.5, equal_var=False, alternative="greater")
    assert t_test_against(welch_spread(one, other), 1.5).p_value == pytest.approx(less.pvalue)
    level = t_test(welch_spread([1.0, 1.0], [2.0, 2.0], least=(0.0, 2**0.5)))
    assert level.p_value == pytest.approx(2 * stats.t.sf(1.0, 1))
    assert t_test(welch_spread([1.0, 1.0], [2.0, 2.0])).p_value == 0
    assert math.isnan(t_test(welch_spread([1.0], [2.0, 2.0])).p_value)
    assert t_test(welch_spread([], [1.0])).seeds == 0
