"""The expected best of k, against all subsets."""

import math
from fractions import Fraction
from itertools import combinations
from statistics import fmean

import numpy as np
import pytest

from esbench.tuning.best_of_k import expected_best, finite_values
from esbench.tuning.halving import Result


@pytest.mark.parametrize("values", [[0.3], [0.1, 0.9, -0.5, 0.4, 0.4, 2.0], [1.0, 1.0, 1.0]])
def test_it_is_the_mean_over_all_subsets(values):
    every = [fmean(map(max, combinations(values, k))) for k in range(1, len(values) + 1)]
    np.testing.assert_allclose(expected_best(values), every, rtol=1e-12)


def test_the_sum_of_the_products_is_rounded_once():
    """What another order of adding gives has other last bits."""
    values = sorted(np.random.default_rng(0).normal(size=12).tolist())
    for k, best in enumerate(expected_best(values), 1):
        products = [math.comb(i, k - 1) / math.comb(12, k) * value for i, value in enumerate(values)]
        assert best == float(sum(map(Fraction, products)))


def test_a_failed_trial_counts_as_the_worst_and_no_more_than_random():
    def result(**values):
        return Result("T-v0", "a", 0, 1, 1000, 10, {}, **values)

    good, failed = result(score=0.5, mean=7.0), result(error="broken")
    assert finite_values([good, failed, result(score=0.2, mean=6.0)]) == [0.5, 0.0, 0.2]
    assert finite_values([good, failed, result(score=-0.2, mean=4.0)]) == [0.5, -0.2, -0.2]
    assert finite_values([result(mean=7.0), failed, result(mean=3.0)]) == [7.0, 3.0, 3.0]
