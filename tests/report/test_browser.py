"""The report in a browser: it opens from its folder alone, sorts, filters, changes theme, and is accessible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ntkbench.results.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "index.html", "task-images.html", "task-curves.html", "compare.html", "compare-jax-cpu-torch-cpu.html",
    "compare-environments-*.html", "performance.html", "sql.html", "environments.html", f"runs/{1:032x}.html",
    f"runs/{90:032x}.html", f"runs/{91:032x}.html",
)  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"


def address(site: Path, name: str) -> str:
    """The address of the page of this name or pattern."""
    (file,) = site.glob(name)
    return file.as_uri()


def position(page: Page, table: str, heading: str) -> int:
    """The number of the column that has the heading, from one."""
    headings = page.locator(f"table[data-name={table}] thead th").all_text_contents()
    return headings.index(heading) + 1


def shown(page: Page, table: str, heading: str) -> list[str]:
    """The texts of a column's cells in the rows that are not hidden, from above."""
    column = position(page, table, heading)
    return page.locator(f"table[data-name={table}] tbody tr:visible td:nth-child({column})").all_inner_texts()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_its_folder_alone_without_a_word_on_the_console(page: Page, site: Path, name: str) -> None:
    page.goto(address(site, name))
    if page.locator("figure.chart").count():
        page.locator(".drawn svg").first.wait_for()
    assert page.said == []
    assert page.asked
    assert [url for url in page.asked if not url.startswith((site.as_uri(), "data:"))] == []
    assert page.title() != "owned"


@pytest.mark.parametrize(
    ("name", "width", "theme"),
    [*((name, 390, "dark") for name in PAGES), ("index.html", 1280, "light"), ("task-images.html", 1280, "light")],
)
def test_no_rule_of_accessibility_is_broken(browser: Browser, site: Path, name: str, width: int, theme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page = context.new_page()
    page.goto(address(site, name))
    # Preloading asks for style sheets anew, which a page from a file may not.
    found = Axe().run(page, options={"runOnly": RULES, "preload": False, "resultTypes": ["violations"]})
    assert [(v["id"], v["nodes"][0]["html"]) for v in found.response["violations"]] == []
    context.close()


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_no_page_is_wider_than_the_screen(browser: Browser, site: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    wide = []
    for name in PAGES:
        page.goto(address(site, name))
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(name)
    assert wide == []
    context.close()


def test_a_heading_sorts_its_column_up_and_down_by_number(page: Page, site: Path, results: Store) -> None:
    page.goto((site / "index.html").as_uri())
    medians = [value for (value,) in results.query("SELECT seconds FROM leaderboard WHERE stage = 'kernel'")[1]]
    cells = page.locator(f"table[data-name=speed] tbody td:nth-child({position(page, 'speed', 'Median')})")

    def order() -> list[float]:
        return [float(value) for value in cells.evaluate_all("cells => cells.map((cell) => cell.dataset.value)")]

    heading = page.locator("table[data-name=speed] th", has_text="Median")
    heading.get_by_role("button").click()
    assert order() == sorted(medians)
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").press("Enter")
    assert order() == sorted(medians, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"


def test_words_and_columns_filter_and_the_address_says_so(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    everything = len(shown(page, "speed", "Task"))
    controls = page.locator(".controls:has(+ .wide table[data-name=speed])")
    controls.get_by_label("Entry").select_option("torch on cpu, float32")
    controls.get_by_label("Filter").fill("depth=6")
    assert shown(page, "speed", "Entry") == ["torch on cpu, float32"]
    assert shown(page, "speed", "Parameters") == ["depth=6 pooling=gap"]
    assert everything > 1
    assert f"1 of {everything} rows" in controls.inner_text()
    assert "speed.q=depth%3D6" in page.url
    assert "speed.Entry=torch+on+cpu%2C+float32" in page.url


def test_an_address_restores_what_it_was_copied_from(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri() + "#speed.q=torch&speed.sort=-Median&claims.Verdict=no+such+verdict")
    assert set(shown(page, "speed", "Entry")) == {"torch on cpu, float32"}
    assert [cell.split()[0] for cell in shown(page, "speed", "Parameters")] == ["depth=11", "depth=6", "depth=3"]
    # A value that is not among those of the table filters nothing.
    assert shown(page, "claims", "Claim") != []


def test_a_link_to_a_row_is_no_state(page: Page, site: Path) -> None:
    page.goto((site / "task-images.html").as_uri() + "#time-1")
    assert page.locator("tr:target").count() == 1
    assert page.url.endswith("#time-1")


def test_the_theme_goes_through_its_choices_and_is_kept(page: Page, site: Path) -> None:
    page.emulate_media(color_scheme="light")
    page.goto((site / "index.html").as_uri())
    light = page.evaluate(BACKGROUND)
    button = page.get_by_role("button", name=re.compile("^Theme"))
    button.click()
    assert (button.inner_text(), page.evaluate(BACKGROUND)) == ("Theme: light", light)
    button.click()
    dark = page.evaluate(BACKGROUND)
    assert button.inner_text() == "Theme: dark"
    assert dark != light
    page.goto((site / "sql.html").as_uri())
    assert page.evaluate(BACKGROUND) == dark
    button.click()
    assert (button.inner_text(), page.evaluate(BACKGROUND)) == ("Theme: system", light)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(BACKGROUND) == dark


def test_a_point_of_a_figure_tells_its_values(page: Page, site: Path) -> None:
    page.goto((site / "task-images.html").as_uri())
    for title, words in (("accuracy against depth", "interval"), ("error", "backend")):
        chart = page.locator("figure.chart", has=page.get_by_text(title, exact=True))
        point = chart.locator(".drawn .role-mark.mark-symbol path").last
        point.wait_for()
        point.hover(force=True)
        page.locator("#vg-tooltip-element.visible", has_text=words).wait_for()
        assert not chart.locator(".static").is_visible()


def test_a_figure_that_is_folded_away_is_drawn_when_it_is_unfolded(page: Page, site: Path) -> None:
    page.goto((site / "task-curves.html").as_uri())
    assert page.locator("figure.chart").count() == 2
    page.locator(".drawn svg").first.wait_for()
    assert page.locator(".drawn svg").count() == 1
    page.locator(".more-charts > summary").click()
    page.locator(".more-charts .drawn svg").wait_for()
    assert page.locator(".more-charts .drawn svg").bounding_box()["width"] > 300


def test_without_scripts_every_number_and_figure_is_there(browser: Browser, site: Path, results: Store) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    (count,) = results.query("SELECT count(*) FROM leaderboard")[1][0]
    assert len(shown(page, "speed", "Task")) == count > 0
    assert not page.locator("#theme").is_visible()
    page.goto((site / "task-images.html").as_uri())
    assert page.locator(".static svg").first.is_visible()
    context.close()


def test_the_keyboard_reaches_the_results_the_pages_and_the_tasks(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_text("Tasks", exact=True).press("Enter")
    page.get_by_role("link", name="images").first.wait_for()
    page.keyboard.press("Escape")
    assert not page.locator(".menu ul").is_visible()


def test_the_print_has_no_controls_and_the_static_figures(page: Page, site: Path) -> None:
    page.goto((site / "task-images.html").as_uri())
    page.locator(".drawn svg").first.wait_for()
    page.emulate_media(media="print")
    assert page.locator(".static svg").first.is_visible()
    assert not page.locator(".drawn").first.is_visible()
    assert not page.locator(".controls").first.is_visible()
