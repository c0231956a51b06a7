"""The test's level on honest entries and its power on others, by simulation; and a case worked out by hand."""

import numpy as np
import pytest

from esbench.leaderboard.permutation_test import ALPHA, Stratum, worse

REPORTED, FRESH, TASKS, VERIFICATIONS = 5, 3, 4, 200


def normal(generator, n, mean):
    return generator.normal(mean, 0.05, n)


def skewed(generator, n, mean):
    """Most seeds low, a few far above."""
    return mean - 0.1 + 0.1 * generator.lognormal(-0.5, 1.0, n)


def bounded(generator, n, mean):
    """Between the random policy and the reference, many near one of them."""
    return generator.beta(2 * mean, 2 * (1 - mean), n)


def tied(generator, n, mean):
    """Two values only."""
    return (generator.random(n) < mean).astype(float)


LAWS = (normal, skewed, bounded, tied)


def verification(generator, laws, drop=0.0):
    """The p-value of one verification; `drop`: by how much fresh runs are worse."""
    strata = []
    for index, law in enumerate(laws):
        mean = 0.3 + 0.1 * index
        strata.append(Stratum(law(generator, REPORTED, mean), law(generator, FRESH, mean - drop)))
    return worse(strata, permutations=19_999)


@pytest.mark.parametrize("laws", [[law] * TASKS for law in LAWS] + [list(LAWS)], ids=lambda laws: laws[0].__name__)
def test_false_alarms_of_200_verifications_are_below_one_percent(laws):
    generator = np.random.default_rng(1)
    rejected = sum(verification(generator, laws) <= ALPHA for _ in range(VERIFICATIONS))
    assert rejected <= 1


def test_fresh_runs_that_are_clearly_worse_are_found():
    """Two standard deviations below: what half the budget costs on a task that is far from solved."""
    generator = np.random.default_rng(2)
    found = [verification(generator, [normal] * TASKS, drop=0.1) <= ALPHA for _ in range(50)]
    assert np.mean(found) > 0.9


def test_fresh_runs_that_are_better_are_no_offence():
    generator = np.random.default_rng(3)
    assert verification(generator, [normal] * TASKS, drop=-0.2) > 0.9


def test_one_task_by_hand():
    # Of the ten ways to deal two of five scores out, one has the two lowest.
    stratum = Stratum(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0]))
    assert worse([stratum]) == pytest.approx(0.1, abs=0.005)


def test_two_tasks_multiply():
    stratum = Stratum(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0]))
    assert worse([stratum, stratum]) == pytest.approx(0.01, abs=0.002)


def test_scores_without_spread_say_nothing():
    assert worse([Stratum(np.ones(7), np.ones(3))] * 4) == 1.0


def test_a_task_of_large_spread_does_not_drown_the_others():
    generator = np.random.default_rng(4)
    loud = Stratum(generator.normal(0, 1e6, REPORTED), generator.normal(0, 1e6, FRESH))
    worse_ones = [Stratum(np.arange(7.0) + 10, np.arange(3.0)) for _ in range(3)]
    assert worse([loud, *worse_ones]) <= ALPHA
