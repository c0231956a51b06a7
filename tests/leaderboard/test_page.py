"""The page of a board in a real browser, at the widths of a screen and of a telephone."""

import pytest

from esbench.leaderboard.build import PAGE, build
from tests.leaderboard.honest import enter, new_board
from tests.report.browser import chromium, lowest_contrast, opened, sideways, unfold

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_it_fits_sorts_is_read_and_asks_for_nothing(width, scheme, tmp_path):
    boards = tmp_path / "leaderboards"
    board = new_board(boards)
    for slug, skill in (("low", 0.2), ("high", 0.8), ("middle", 0.5)):
        enter(tmp_path, boards, board, slug, skill=skill)
    (boards / PAGE).write_text(build(boards)[PAGE])
    with chromium() as browser, opened(browser, boards / PAGE, width, scheme) as page:
        bars = page.locator(".ranking .scale b").evaluate_all("(all) => all.map((b) => b.getBoundingClientRect().left)")
        assert len(bars) == 3 and bars == sorted(bars, reverse=True)  # the best is on top
        tables = page.locator("table")
        assert [table.is_visible() for table in tables.all()] == [True] + [False] * (tables.count() - 1)
        entries = tables.first.locator("tbody td:nth-child(2)")
        assert entries.all_inner_texts() == ["high", "middle", "low"]
        tables.first.locator("thead button", has_text="Ranking score").click()
        assert entries.all_inner_texts() == ["low", "middle", "high"]
        unfold(page)
        assert sideways(page) == 0  # tables scroll in their own boxes
        ratio, where = lowest_contrast(page)
        assert ratio >= 4.5, where
        of_tasks = page.locator("details", has_text="task by task").locator("table")
        of_tasks.locator("thead button", has_text="Score").click()
        scores = [float(text.split()[0]) for text in of_tasks.locator("tbody td:nth-child(4)").all_inner_texts()]
        assert scores == sorted(scores) and len(scores) > 3
