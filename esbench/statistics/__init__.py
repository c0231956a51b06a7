"""Statistics of runs over seeds and tasks: plain arrays or a DataFrame in, plain numbers out.

    from esbench.statistics import aggregate, mean_estimate, probability_of_improvement

    mean_estimate([480.0, 500.0, 455.0])                  # of one value a seed: Estimate(value, low, high)
    aggregate({"CartPole-v1": [0.9, 1.0, 0.8], "Ant-v0": [0.3, 0.4, 0.2]})["iqm"]

An algorithm's scores are given by task: a mapping, or a DataFrame with a column a task and a row a seed. Intervals are
of 95% unless another level is asked for. One mean has Student's t. Aggregates of many runs have a bootstrap over seeds,
stratified by task and widened for few seeds.
"""

from esbench.statistics.aggregates import aggregate, probability_of_improvement, resample
from esbench.statistics.comparison import (
    holm,
    mean_difference,
    non_inferiority,
    paired,
    rank_ranges,
    verdict,
)
from esbench.statistics.intervals import Estimate, bootstrap_interval, expansion, mean_estimate, student_t_interval
from esbench.statistics.normalization import normalized, normalized_scores
from esbench.statistics.profile import performance_profile
from esbench.statistics.runtime import area_under, carry_forward, first_hits, runtime_distribution, to_target

__all__ = [
    "Estimate",
    "aggregate",
    "area_under",
    "bootstrap_interval",
    "carry_forward",
    "expansion",
    "first_hits",
    "holm",
    "mean_difference",
    "mean_estimate",
    "non_inferiority",
    "normalized",
    "normalized_scores",
    "paired",
    "performance_profile",
    "probability_of_improvement",
    "rank_ranges",
    "resample",
    "runtime_distribution",
    "student_t_interval",
    "to_target",
    "verdict",
]
