"""A report of all 16 tasks, 3 algorithms, 10 seeds and 20 evaluations: its cost, and its page in a real browser."""

import resource
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import sync_playwright

from esbench.report.contents import captions
from esbench.report.wording import Wording
from esbench.tasks.catalogue import CATALOGUE
from tests.report.generated import ALGORITHMS, generate

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


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
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.fail(f"the page is tested in a real browser: install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        # A browser run by the superuser, as in containers, has no sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[1400, 400])
def page(browser, written, request):
    """The page at a width, and everything that it asked for or complained of."""
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    page.noticed = []
    page.on("request", lambda r: page.noticed.append(r.url) if not r.url.startswith(("data:", "file:")) else None)
    page.on("console", lambda message: page.noticed.append(message.text))
    page.on("pageerror", lambda error: page.noticed.append(str(error)))
    page.goto((written[0] / "report.html").as_uri())
    yield page
    assert page.noticed == []
    page.close()


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
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] == widths[1]  # tables and figures scroll in their own boxes
    images = page.evaluate(
        "[...document.images].map((image) => [image.alt, image.complete && image.naturalWidth > 300])"
    )
    assert images == [[caption, True] for caption in captions(Wording(CATALOGUE)).values()]
    assert page.locator("table.scores svg.strip").first.locator("circle").count() == 10


def test_columns_sort_by_number_and_back(page):
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
    page.locator("#contains").fill("no such text")
    assert column(page, "scores", "Task") == []
    page.get_by_role("button", name="Show all").click()
    assert len(column(page, "scores", "Task")) == len(CATALOGUE) * len(ALGORITHMS)
