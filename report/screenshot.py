"""Draw report/screenshot.png anew: the first page of the reference results, as Chromium shows it.

.nox/suite/bin/python report/screenshot.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from ntkbench.experiment.registry import load_tasks, topics
from ntkbench.report.site import write_site
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.store import Store

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Import, write, open, draw."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = Store(Path(folder) / "reference.duckdb")
        import_sources(store, [ROOT / "results/reference"])
        questions = {name: topic.question for name, topic in topics([]).items()}
        index = write_site(store, load_tasks([]), Path(folder) / "report", questions)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 980}, color_scheme="light")
        page.goto(index.as_uri())
        page.screenshot(path=ROOT / "report/screenshot.png")
        browser.close()


if __name__ == "__main__":
    main()
