"""A report of all 16 tasks, 3 algorithms, 10 seeds and 20 evaluations: its cost, and its page in a real browser."""

import resource
import subprocess
import sys

import pytest

from esbench.report.contents import captions
from esbench.report.wording import Wording
from esbench.tasks.catalogue import CATALOGUE
from tests.report.browser import chromium, lowest_contrast, opened, sideways, unfold
from tests.report.generated import ALGORITHMS, generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory, make_manifest, make_row):
    """(the report's directory, seconds of processor time, the process's peak memory in MiB)."""
    folder = tmp_path_factory.mktemp("whole")
    generate(folder / "runs", make_manifest, make_row)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "esbench", "report", str(folder / "runs"), "--out", str(folder / "report")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Not the wall clock: other tests run beside this one.
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return folder / "report", seconds, after.ru_maxrss / 1024


def test_it_takes_less_than_30_seconds_and_1_gb(written):
    _, seconds, peak = written
    assert seconds < 30
    assert peak < 1000


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[1400, 400])
def page(browser, written, request):
    """The page at a width."""
    with opened(browser, written[0] / "report.html", request.param) as page:
        yield page


def column(page, table, heading):
    """The visible texts of a column, from top to bottom."""
    return page.evaluate(
        """([table, heading]) => {
            const head = [...document.querySelectorAll(`table.${table} thead th`)];
            const index = head.findIndex((cell) => cell.textContent === heading);
            return [...document.querySelectorAll(`table.${table} tbody tr`)]
                .filter((row) => !row.hidden).map((row) => row.cells[index].textContent);
        }""",
        [table, heading],
    )


def test_everything_is_there_and_fits(page):
    assert len(column(page, "scores", "Task")) == len(CATALOGUE) * len(ALGORITHMS)
    unfold(page)
    assert sideways(page) == 0  # tables scroll in their own boxes
    images = page.evaluate(
        "[...document.images].map((image) => [image.alt, image.complete && image.naturalWidth > 300])"
    )
    assert images == [[caption, True] for caption in captions(Wording(CATALOGUE)).values()]
    assert page.locator("table.scores svg.strip").first.locator("circle").count() == 10


def test_pictures_come_first_then_one_table_and_the_rest_is_folded(page):
    tops = page.evaluate(
        """[...document.querySelectorAll("figure, .controls, table")].filter((one) => one.checkVisibility())
            .map((one) => [one.id || one.className, one.getBoundingClientRect().top])"""
    )
    assert [name for name, _ in tops] == ["figure-scores", "figure-curves", "controls", "overview"]
    assert [top for _, top in tops] == sorted(top for _, top in tops)
    summaries = page.locator("summary h2").all_inner_texts()
    assert len(summaries) > 10 and all(text.endswith("?") for text in summaries)


def test_figures_are_as_wide_as_the_page_or_as_they_were_drawn(page):
    image = page.locator("#figure-curves img")
    room, drawn = page.evaluate("document.body.clientWidth"), int(image.get_attribute("width"))
    assert image.bounding_box()["width"] == pytest.approx(min(room, drawn), abs=50)
    page.locator("#figure-curves button").click()
    assert image.bounding_box()["width"] == drawn and sideways(page) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_both_schemes(browser, written, scheme):
    with opened(browser, written[0] / "report.html", 1400, scheme) as page:
        unfold(page)
        ratio, where = lowest_contrast(page)
        assert ratio >= 4.5, where
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(255, 255, 255)") == (scheme == "light")
        # Figures are drawn on white in either.
        assert page.locator("#figure-curves .card").evaluate("(card) => getComputedStyle(card).backgroundColor") == (
            "rgb(255, 255, 255)"
        )


def test_a_link_to_a_folded_table_opens_it(browser, written):
    with opened(browser, written[0] / "report.html", 400, label="speed") as page:
        assert page.locator("table.speed").is_visible() and not page.locator("table.cost").is_visible()


def test_columns_sort_by_number_and_back(page):
    page.locator("details:has(table.scores) summary").click()
    heading = page.locator("table.scores thead button", has_text="Return")
    heading.click()
    values = [float(text.removesuffix("≈")) for text in column(page, "scores", "Return")]
    assert values == sorted(values) and len(set(values)) > 40
    heading.click()
    assert [float(text.removesuffix("≈")) for text in column(page, "scores", "Return")] == sorted(values, reverse=True)
    page.locator("table.scores thead button", has_text="Task").click()
    tasks = column(page, "scores", "Task")
    assert tasks == sorted(tasks, key=str.lower)


def test_rows_are_filtered_in_every_table_with_names(page):
    page.locator("select[data-filter=task]").select_option("Ant-v0")
    page.locator("select[data-filter=algorithm]").select_option("ppo")
    assert column(page, "scores", "Task") == ["Ant-v0"] and column(page, "scores", "Algorithm") == ["ppo"]
    assert set(column(page, "tasks", "First") + column(page, "tasks", "Second")) == {"eggroll", "open_es", "ppo"}
    assert set(column(page, "tasks", "Task")) == {"Ant-v0"}
    assert len(column(page, "coverage", "Interval of")) == 7
    assert (
        page.locator("details:has(table.scores) .count").inner_text() == f"1 of {len(CATALOGUE) * len(ALGORITHMS)} rows"
    )
    page.locator("#contains").fill("no such text")
    assert column(page, "scores", "Task") == []
    page.get_by_role("button", name="Show all").click()
    assert len(column(page, "scores", "Task")) == len(CATALOGUE) * len(ALGORITHMS)
