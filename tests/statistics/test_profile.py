import numpy as np

from esbench.statistics.profile import performance_profile


def test_shares_of_known_scores():
    scores = [np.array([0.2, 0.6]), np.array([0.5, 0.5, 0.5, 0.9])]
    thresholds = np.array([0.0, 0.2, 0.5, 0.9])
    share, low, high = performance_profile(scores, thresholds, np.random.default_rng(0))
    np.testing.assert_allclose(share, [1, (0.5 + 1) / 2, (0.5 + 0.25) / 2, 0])
    assert (low <= share).all() and (share <= high).all()
    assert (low[0], high[0], low[3], high[3]) == (1, 1, 0, 0)


def test_one_seed_has_a_profile_and_no_band():
    share, low, high = performance_profile([np.array([0.5])], np.array([0.1, 0.9]), np.random.default_rng(0))
    np.testing.assert_array_equal(share, [1, 0])
    assert np.isnan(low).all() and np.isnan(high).all()
