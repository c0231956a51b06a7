import pytest
from matplotlib.figure import Figure

from esbench.report.style import appearance, drawing, legend_above, legend_line

SHORT = ["eggroll", "open_es", "ppo"]
LONG = [*SHORT, "eggroll-reused-noise", "open_es-normalized-and-greedy", "ppo-with-many-minibatches"]


def draw(names: list[str], inches: float) -> Figure:
    with drawing():
        figure = Figure(figsize=(inches, 3), layout="constrained")
        figure.subplots()
        legend_above(figure, [legend_line(name, look) for name, look in appearance(names).items() if name in names])
        figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("names", [SHORT[:1], SHORT, LONG], ids=len)
@pytest.mark.parametrize("inches", [4.0, 5.2, 9.0, 12.0])
def test_a_legend_is_as_wide_as_its_figure_at_most(names, inches):
    figure = draw(names, inches)
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1


def test_a_legend_takes_the_columns_that_there_is_room_for():
    rows = {inches: draw(LONG, inches).legends[0].get_window_extent().height for inches in (4.0, 9.0, 12.0)}
    assert rows[4.0] > rows[9.0] > rows[12.0]
    one_line = draw(SHORT, 4.0).legends[0].get_window_extent().height
    assert one_line == pytest.approx(rows[12.0], rel=0.1)
