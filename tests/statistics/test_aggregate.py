import time

import numpy as np
import pytest
from scipy import stats

from esbench.statistics.aggregates import (
    AGGREGATES,
    aggregate,
    interquartile_mean,
    median,
    optimality_gap,
    probability_of_improvement,
    resample,
    stratified_mean,
)


def once(scores):
    return [np.ones((1, len(values))) for values in scores]


def values(*tasks):
    return [np.array(task, float) for task in tasks]


def generator(seed=0):
    return np.random.default_rng(seed)


def test_every_task_weighs_the_same():
    scores = values([0.0, 0.0, 0.0, 0.0], [1.0], [0.5, 0.7])
    assert stratified_mean(scores, once(scores)) == pytest.approx([(0 + 1 + 0.6) / 3])
    assert median(scores, once(scores)) == pytest.approx([0.6])


def test_optimality_gap_does_not_pay_for_more_than_the_reference():
    scores = values([0.5, 1.5], [-1.0, 1.0])
    assert optimality_gap(scores, once(scores)) == pytest.approx([((0.5 + 0.0) / 2 + (2.0 + 0.0) / 2) / 2])


def test_the_gap_counts_what_is_worse_than_random():
    """The ranking score does not: there -0.5 is 0."""
    found = aggregate(values([-0.5, -0.7], [0.5, 1.5]), generator())
    assert found["mean"].value == pytest.approx((0 + 0.75) / 2)
    assert found["optimality_gap"].value == pytest.approx((1.6 + 0.25) / 2)
    assert found["mean"].high <= 1 < found["optimality_gap"].high


@pytest.mark.parametrize(("tasks", "seeds"), [(16, 10), (3, 3), (5, 7), (1, 2)])
def test_interquartile_mean_is_scipys(tasks, seeds):
    scores = generator().random((tasks, seeds))
    assert interquartile_mean(scores, once(scores)) == pytest.approx([stats.trim_mean(scores, 0.25, axis=None)])


def test_interquartile_mean_of_uneven_seeds():
    # Six runs, one cut off at each end, which is a sixth of all weight: half of the run that has a third.
    scores = values([0.0, 1.0, 4.0, 9.0], [2.0, 3.0])
    weights = {0.0: 1 / 8, 1.0: 1 / 8, 2.0: 1 / 4, 3.0: 1 / 4, 4.0: 1 / 8, 9.0: 1 / 8}
    weights |= {0.0: 0.0, 1.0: 1 / 4 - 1 / 6, 9.0: 0.0, 4.0: 1 / 4 - 1 / 6}
    expected = sum(value * weight for value, weight in weights.items()) / (1 - 1 / 3)
    assert interquartile_mean(scores, once(scores)) == pytest.approx([expected])


@pytest.mark.parametrize("name", AGGREGATES)
def test_counts_say_what_drawing_the_seeds_would(name):
    scores = [generator(task).random(6) for task in range(4)]
    counts = resample(generator(), [6] * 4, 20)
    drawn = [[np.repeat(s, c[i].astype(int)) for s, c in zip(scores, counts, strict=True)] for i in range(20)]
    expected = [AGGREGATES[name](resampled, once(resampled))[0] for resampled in drawn]
    np.testing.assert_allclose(AGGREGATES[name](scores, counts), expected, rtol=1e-12)


def test_draws_are_stratified():
    for counts, n in zip(resample(generator(), [2, 5, 3], 100), [2, 5, 3], strict=True):
        assert counts.shape == (100, n)
        assert (counts.sum(1) == n).all()


def test_bootstrap_of_one_task_is_students_t():
    # Of a single normal sample the corrected bootstrap is the t interval, up to the bootstrap's own noise.
    scores = generator(3).normal(0.5, 0.05, 12)
    estimate = aggregate([scores], generator(), repetitions=100_000)["mean"]
    expected = stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    width = expected.high - expected.low
    assert estimate.value == pytest.approx(scores.mean())
    assert estimate.low == pytest.approx(expected.low, abs=0.05 * width)
    assert estimate.high == pytest.approx(expected.high, abs=0.05 * width)


def test_scores_are_clipped_before_they_are_averaged():
    estimates = aggregate(values([-3.0, 5.0], [0.5, 0.5]), generator(), 100)
    assert estimates["mean"].value == pytest.approx(0.5)
    assert 0.0 <= estimates["mean"].low <= estimates["mean"].high <= 1.0


def test_the_same_seed_gives_the_same_interval():
    scores = [generator(task).random(5) for task in range(4)]
    assert aggregate(scores, generator(7)) == aggregate(scores, generator(7))
    assert aggregate(scores, generator(7))["mean"] != aggregate(scores, generator(8))["mean"]
    first, second = (probability_of_improvement(scores, scores[::-1], generator(7)) for _ in range(2))
    assert first == second


def test_one_seed_anywhere_leaves_no_interval():
    scores = values([0.1, 0.2, 0.3], [0.5])
    estimates = aggregate(scores, generator())
    assert estimates["mean"].value == pytest.approx(0.35)
    assert not any(estimate.has_interval for estimate in estimates.values())
    assert not probability_of_improvement(scores, scores, generator()).has_interval


def test_the_median_has_no_interval():
    scores = [generator(task).random(5) for task in range(4)]
    assert {name for name, estimate in aggregate(scores, generator()).items() if not estimate.has_interval} == {
        "median"
    }


def test_probability_of_improvement_is_mann_and_whitneys():
    first, second = generator(1).integers(0, 5, (2, 3, 8)).astype(float)
    expected = np.mean([stats.mannwhitneyu(a, b).statistic / 64 for a, b in zip(first, second, strict=True)])
    assert probability_of_improvement(first, second, generator()).value == pytest.approx(expected)


def test_probability_of_improvement_of_known_scores():
    estimate = probability_of_improvement(values([1, 2], [0, 0]), values([0, 1], [0, 0]), generator(), 100)
    assert estimate.value == pytest.approx((3.5 / 4 + 0.5) / 2)
    assert 0.0 <= estimate.low <= estimate.value <= estimate.high <= 1.0


def test_wholly_separated_runs_show_no_spread_to_make_an_interval_of():
    estimate = probability_of_improvement(values([2, 3], [0, 1]), values([0, 1], [2, 3]), generator(), 100)
    assert estimate.value == 0.5 and not estimate.has_interval


def test_three_algorithms_on_16_tasks_take_less_than_two_seconds():
    scores = generator().random((3, 16, 10))

    def seconds():
        start = time.process_time()
        for algorithm in scores:
            aggregate(algorithm, generator())
        for i, j in ((0, 1), (0, 2), (1, 2)):
            probability_of_improvement(scores[i], scores[j], generator())
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 2.0
