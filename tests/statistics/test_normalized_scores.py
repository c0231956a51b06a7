import numpy as np
import pytest

from esbench.statistics.normalization import has_scores, normalized
from esbench.tasks.registry import task, task_specs
from esbench.tasks.spec import Anchor


def test_anchors_are_zero_and_one(make_spec):
    spec = make_spec(random=Anchor(-50.0, "measured"), reference=Anchor(150.0, "rules"))
    np.testing.assert_array_equal(normalized(np.array([-50.0, 150.0, 50.0, -150.0, 350.0]), spec), [0, 1, 0.5, -0.5, 2])


def test_a_doubling_scale(make_spec):
    spec = make_spec(random=Anchor(4.0, "m"), reference=Anchor(64.0, "m"), score_scale="log2")
    np.testing.assert_allclose(normalized([4.0, 64.0, 16.0, 1.0, 0.0], spec), [0, 1, 0.5, -0.5, -0.5])


@pytest.mark.parametrize("changes", [{"score_scale": "log"}, {"score_scale": "log2", "random": Anchor(-1.0, "m")}])
def test_a_scale_that_cannot_be_is_refused(make_spec, changes):
    with pytest.raises(ValueError, match=r"score scale 'log'|below 1"):
        make_spec(**changes)


def test_2048_is_read_in_log2():
    assert [spec.id for spec in task_specs() if spec.score_scale == "log2"] == ["Game2048-v1"]
    spec = task("Game2048-v1").spec
    assert normalized((spec.random.value * spec.reference.value) ** 0.5, spec) == pytest.approx(0.5)


def test_without_an_anchor_there_is_no_score(make_spec):
    spec = make_spec(reference=None)
    assert not has_scores(spec)
    assert np.isnan(normalized(np.zeros(3), spec)).all()
