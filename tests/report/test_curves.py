import dataclasses
import json
import re

import numpy as np
import pytest

from esbench.report.figures.curves import MOST_POINTS, draw_curves, mean_and_range
from esbench.report.figures.reading import draw_reading
from esbench.report.scored_runs import gather
from esbench.report.style import appearance, render
from esbench.results.load import load_runs
from esbench.tasks.spec import Anchor, TaskSpec


def tiers(directory, spec=None):
    """The tiers below a directory; every task with the anchors of `spec`, without any by default."""
    anchors = {kind: getattr(spec, kind, None) for kind in ("random", "reference")}
    return [
        dataclasses.replace(tier, specs={task: dataclasses.replace(own, **anchors) for task, own in tier.specs.items()})
        for tier in gather(load_runs(directory))
    ]


def curve(figure, panel, colour):
    """The staircase of one colour in one panel: its x and y."""
    lines = [line for line in figure.axes[panel].lines if line.get_color() == colour and line.get_marker() == "None"]
    return lines[0].get_xdata(), lines[0].get_ydata()


@pytest.fixture
def results(tmp_path, add_run, make_row):
    """Two seeds of eggroll, budget 1000: seed 1 overshoots, so that its score is at 600."""
    points = {0: [(0, 0.0), (500, 10.0), (1010, 20.0)], 1: [(0, 2.0), (600, 30.0), (1500, 99.0)]}
    for seed, rows in points.items():
        score = 2 if seed == 0 else 1
        rows = [
            make_row(useful_steps=x, train_seconds=x / 100, return_mean=y, final=i == score)
            for i, (x, y) in enumerate(rows)
        ]
        add_run(tmp_path, *rows, seed=seed)
    return tmp_path


def test_mean_and_range_over_seeds():
    curves = [(np.array([0.0, 10.0]), np.array([1.0, 5.0])), (np.array([0.0, 12.0]), np.array([3.0, 9.0]))]
    x, mean, low, high = mean_and_range(curves, 20.0)
    np.testing.assert_array_equal(x, [0, 10, 12, 20])
    np.testing.assert_array_equal(mean, [2, 4, 7, 7])
    np.testing.assert_array_equal(low, [1, 3, 5, 5])
    np.testing.assert_array_equal(high, [3, 5, 9, 9])


def test_seeds_whose_clocks_start_apart():
    curves = [(np.array([0.2, 1.0]), np.array([1.0, 5.0])), (np.array([0.1, 2.0]), np.array([3.0, 9.0]))]
    x, mean, _, _ = mean_and_range(curves, 2.0)
    np.testing.assert_array_equal(x, [0.1, 0.2, 1, 2])
    np.testing.assert_array_equal(mean, [2, 2, 4, 7])


def test_of_very_many_points_some_are_taken_and_both_ends_kept():
    times = np.arange(1000.0)
    x, mean, low, high = mean_and_range([(times, times**2), (times, times**2 + 2)], 1500.0)
    assert len(x) == MOST_POINTS
    assert (x[0], x[-1]) == (0, 1500)
    assert np.diff(x[:-1]).max() < 20
    np.testing.assert_array_equal(low, np.minimum(x, 999) ** 2)
    np.testing.assert_array_equal(mean, low + 1)
    np.testing.assert_array_equal(high, low + 2)


def test_an_svg_has_no_digits_that_cannot_be_seen(results):
    svg = render(draw_curves(tiers(results)), "svg").decode()
    paths = re.findall(r' d="([^"]+)"', svg)
    assert len(paths) > 20
    assert not [path for path in paths if re.search(r"\.\d{3}", path)]
    # The scale of glyphs is no path: rounded, there would be no text.
    assert 'transform="scale(0.015625)"' in svg


def test_seconds_are_on_a_log_axis_only_where_an_algorithm_is_much_slower(tmp_path, add_run, make_row):
    for name, seconds in {"eggroll": 2.0, "ppo": 4.0}.items():
        add_run(tmp_path, make_row(), make_row(useful_steps=1000, train_seconds=seconds, final=True), name=name)
    assert draw_curves(tiers(tmp_path)).axes[1].get_xscale() == "linear"
    rows = [make_row(), make_row(useful_steps=1000, train_seconds=60.0, final=True)]
    add_run(tmp_path, *rows, name="open_es")
    steps, seconds = draw_curves(tiers(tmp_path)).axes
    assert (steps.get_xscale(), seconds.get_xscale()) == ("linear", "log")


def test_curves_end_with_the_score_carried_to_the_budget(results):
    figure = draw_curves(tiers(results))
    colour = appearance(["eggroll"])["eggroll"].colour
    x, y = curve(figure, 0, colour)
    np.testing.assert_array_equal(x, [0, 500, 600, 1010])
    np.testing.assert_array_equal(y, [1, 6, 20, 25])
    x, y = curve(figure, 1, colour)
    np.testing.assert_allclose(x, [0, 5, 6, 10.1])
    np.testing.assert_array_equal(y, [1, 6, 20, 25])


def test_axes_say_what_they_show(results):
    steps, seconds = draw_curves(tiers(results)).axes
    assert steps.get_title() == "CartPole-v1"
    assert steps.get_xlabel() == "useful steps"
    assert seconds.get_xlabel() == "training time (s), without compilation"
    assert steps.get_ylabel() == seconds.get_ylabel() == "mean return"


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def horizontal_lines(axes):
    return sorted(line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1])


def test_anchors_are_lines(results, make_spec):
    spec = make_spec(random=Anchor(1.0, "measured"), reference=Anchor(40.0, "rules"))
    figure = draw_curves(tiers(results, spec))
    assert horizontal_lines(figure.axes[0]) == [1.0, 40.0]
    assert figure.axes[0].get_ylim()[1] > 40.0
    assert legend(figure) == ["eggroll", "lowest to highest seed", "random policy", "reference"]


def test_an_anchor_far_away_is_put_into_words(results, make_spec):
    figure = draw_curves(tiers(results, make_spec(random=None, reference=Anchor(500.0, "rules"))))
    assert horizontal_lines(figure.axes[0]) == []
    assert figure.axes[0].get_ylim()[1] < 50.0
    assert [text.get_text() for text in figure.axes[0].texts] == ["reference: 500"]


def test_an_algorithm_that_a_task_lacks_is_named(tmp_path, results, add_run, make_row, make_spec):
    spec = make_spec(id="Ant-v0")
    for name in ("eggroll", "ppo"):
        add_run(tmp_path, make_row(), make_row(useful_steps=1000, final=True), task=spec.to_json(), name=name)
    figure = draw_curves(tiers(tmp_path))
    texts = {axes.get_title(): [text.get_text() for text in axes.texts] for axes in figure.axes if axes.get_title()}
    assert texts == {"Ant-v0": [], "CartPole-v1": ["missing: ppo"]}


def test_many_panels_wrap_and_tiers_are_named(tmp_path, add_run, make_row, make_spec):
    for tier, tasks in {"lite": 3, "paper": 2}.items():
        for number in range(tasks):
            spec = make_spec(id=f"Task{number}-v0")
            rows = [make_row(), make_row(useful_steps=1000, train_seconds=1.0, final=True)]
            add_run(tmp_path, *rows, tier=tier, task=spec.to_json())
    figure = draw_curves(tiers(tmp_path))
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert len(visible) == 10
    assert [axes.get_title() for axes in visible if axes.get_title()] == [
        "Task0-v0 (lite)",
        "Task1-v0 (lite)",
        "Task2-v0 (lite)",
        "Task0-v0 (paper)",
        "Task1-v0 (paper)",
    ]


def test_a_baseline_keeps_its_colour_whatever_else_is_shown():
    alone, together = appearance(["ppo"]), appearance(["variant", "ppo", "eggroll"])
    assert alone["ppo"] == together["ppo"]
    assert len(set(appearance([f"variant-{i}" for i in range(20)]).values())) == 23


def test_the_baselines_differ_without_their_colours():
    looks = list(appearance([]).values())
    assert len({look.dash for look in looks}) == len({look.marker for look in looks}) == 3


def test_landmarks_are_lines_with_their_names(results, make_spec):
    spec = make_spec(random=None, reference=None, landmarks=(("a rule", 25.0), ("far away", 900.0)))
    (tier,) = tiers(results, spec)
    known = {task: dataclasses.replace(own, landmarks=spec.landmarks) for task, own in tier.specs.items()}
    figure = draw_curves([dataclasses.replace(tier, specs=known)])
    assert horizontal_lines(figure.axes[0]) == [25.0]
    assert {text.get_text() for text in figure.axes[0].texts} == {"a rule", "far away: 900"}
    assert TaskSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_curves_against_generations_and_against_what_was_read(tmp_path, add_run, make_row):
    """Four sequences of which each generation reads eight symbols."""
    rows = [
        make_row(generation=number, useful_steps=100 * number, sequential_steps=8 * number, final=number == 10)
        for number in range(0, 11, 5)
    ]
    counted = [rows[0], *(row.model_copy(update={"training": {"sequences": 4.0}}) for row in rows[1:])]
    add_run(tmp_path, *counted)
    figure = draw_reading(gather(load_runs(tmp_path)))
    colour = appearance(["eggroll"])["eggroll"].colour
    assert [list(curve(figure, panel, colour)[0]) for panel in (0, 1)] == [[0, 5, 10], [0, 160, 320]]
