"""A page in a real browser: what it asks for, whether it fits, and whether it can be read."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.fail(f"the page is tested in a real browser: install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        # A browser run by the superuser, as in containers, has no sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, width: int, scheme: str = "light", label: str = "") -> Iterator[Page]:
    """The page; it must ask for nothing and complain of nothing. label: what the address ends with."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    noticed = []
    page.on("request", lambda r: noticed.append(r.url) if not r.url.startswith(("data:", "file:")) else None)
    page.on("console", lambda message: noticed.append(message.text))
    page.on("pageerror", lambda error: noticed.append(str(error)))
    page.goto(file.as_uri() + (f"#{label}" if label else ""))
    yield page
    assert noticed == []
    page.close()


def unfold(page: Page) -> None:
    """Opens all that is folded, as a reader does."""
    for summary in page.locator("details:not([open]) > summary").all()[::-1]:
        summary.click()
    assert page.locator("details:not([open])").count() == 0


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def lowest_contrast(page: Page) -> tuple[float, str]:
    """Of all text that is shown the ratio of its colour to what lies behind it, as WCAG counts it, and which it is."""
    return tuple(
        page.evaluate(
            """() => {
            const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
            const light = (colour) => numbers(colour).slice(0, 3).map((c) => c / 255)
                .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = (element) => {
                for (let one = element; one; one = one.parentElement) {
                    const colour = getComputedStyle(one).backgroundColor;
                    if (numbers(colour)[3] !== 0) return colour;
                }
                throw new Error("no background");
            };
            let lowest = [21, "nothing"];
            for (const element of document.body.querySelectorAll("*:not(script):not(svg *)")) {
                const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
                if (!own || !element.getClientRects().length) continue;
                const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
                const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
                if (ratio < lowest[0]) lowest = [ratio, element.outerHTML.slice(0, 200)];
            }
            return lowest;
        }"""
        )
    )
