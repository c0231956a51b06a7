"""The page of a board in a real browser, at the widths of a screen and of a telephone."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from esbench.leaderboard.build import PAGE, build
from tests.leaderboard.honest import enter, new_board
from tests.report.test_whole_report import BROWSERS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", [1400, 400])
def test_it_fits_sorts_and_asks_for_nothing(width, tmp_path):
    boards = tmp_path / "leaderboards"
    board = new_board(boards)
    for slug, skill in (("low", 0.2), ("high", 0.8), ("middle", 0.5)):
        enter(tmp_path, boards, board, slug, skill=skill)
    (boards / PAGE).write_text(build(boards)[PAGE])
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, f"the page is tested in a real browser: install one of {', '.join(BROWSERS)}"
    noticed = []
    with sync_playwright() as playwright:
        # A browser run by the superuser, as in containers, has no sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("request", lambda r: noticed.append(r.url) if not r.url.startswith("file:") else None)
        page.on("console", lambda message: noticed.append(message.text))
        page.on("pageerror", lambda error: noticed.append(str(error)))
        page.goto((boards / PAGE).as_uri())
        whole, seen = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert whole == seen  # tables scroll in their own boxes
        table = page.locator("table").first
        entries = table.locator("tbody td:nth-child(2)")
        assert entries.all_inner_texts() == ["high", "middle", "low"]
        table.locator("thead button", has_text="Ranking score").click()
        assert entries.all_inner_texts() == ["low", "middle", "high"]
        browser.close()
    assert noticed == []
