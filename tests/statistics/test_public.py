"""The statistics as somebody uses them who has no runs."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import esbench.statistics as public
from esbench.errors import InputError
from esbench.statistics import (
    aggregate,
    mean_estimate,
    normalized_scores,
    performance_profile,
    probability_of_improvement,
)
from tests.documents import block

FRAME = pd.DataFrame({"one": [0.2, 0.4, 0.9], "two": [0.5, 0.6, np.nan]})
ARRAYS = [np.array([0.2, 0.4, 0.9]), np.array([0.5, 0.6])]


def test_the_example_of_the_docs_runs():
    names = {}
    exec(block("from esbench.statistics"), names)
    assert names["interval"].value == pytest.approx(1435 / 3)
    assert names["interval"].low < names["interval"].value < names["interval"].high
    assert names["iqm"] == aggregate({task: values.to_numpy() for task, values in names["scores"].items()})["iqm"]
    # All pairs of one task; of the other 500 beats 490, and is twice 500.
    assert names["better"].value == pytest.approx((1 + 2 / 9) / 2)
    assert names["share"].tolist() == pytest.approx([1, 1, 1, 1 / 6])


def test_every_name_is_there_and_documented():
    for name in public.__all__:
        assert getattr(public, name).__doc__, name


def test_a_frame_a_mapping_and_arrays_are_alike():
    """NaN is no seed; the order of rows and the kind of container do not matter."""
    mapping = dict(zip(("one", "two"), map(list, ARRAYS), strict=True))
    assert aggregate(FRAME) == aggregate(mapping) == aggregate(ARRAYS) == aggregate(ARRAYS, np.random.default_rng(0))
    one, other = (performance_profile(scores, np.array([0.3, 0.5])) for scores in (FRAME, ARRAYS))
    np.testing.assert_array_equal(one, other)


def test_two_algorithms_are_compared_on_tasks_of_the_same_name():
    low, high = {"one": [0.1, 0.2], "two": [0.8, 0.9]}, {"two": [1.0, 1.1], "one": [0.3, 0.4]}
    assert probability_of_improvement(high, low).value == 1.0
    assert probability_of_improvement(list(high.values()), list(low.values())).value == 0.5


@pytest.mark.parametrize("scores", [{}, [], {"one": []}, {"one": [np.nan]}, {"one": 0.5}, [[[0.1, 0.2]]]])
def test_what_are_no_scores_is_said_in_one_line(scores):
    for statistic in (aggregate, lambda scores: probability_of_improvement(scores, scores)):
        with pytest.raises(InputError, match="expected one or more, each with its seeds' scores in a row"):
            statistic(scores)


@pytest.mark.parametrize("others", [{"one": [0.1]}, {"one": [0.1], "three": [0.2]}, [[0.1]]])
def test_other_tasks_are_refused(others):
    with pytest.raises(InputError, match="expected the same"):
        probability_of_improvement(FRAME, others)


def test_scores_by_anchors():
    np.testing.assert_allclose(normalized_scores([-50, 150, 50], random=-50, reference=150), [0, 1, 0.5])
    np.testing.assert_allclose(normalized_scores([4, 64, 16, 0], 4, 64, log2=True), [0, 1, 0.5, -0.5])


def test_a_mean_has_students_interval():
    values = [480.0, 500.0, 455.0]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_estimate(values) == pytest.approx((np.mean(values), expected.low, expected.high))


def test_no_run_and_no_report_is_needed():
    """Neither do the statistics load JAX."""
    code = (
        "import sys, esbench.statistics; print([name for name in sys.modules if name == 'jax' or "
        "name.startswith(('esbench.report', 'esbench.experiment', 'esbench.results'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
