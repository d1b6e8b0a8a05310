"""A report with something of everything in it, made by hand, and a browser to open it with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ntkbench import Context, Curve, Metric, Tier, task
from ntkbench.report.site import write_site
from ntkbench.results.perf.asv import Measurement
from ntkbench.results.record import CurveRow, MetricRow, RunRecord, TimingRow
from ntkbench.results.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data/record.json").read_text())
HOSTILE = "<script>document.title='owned'</script>"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@task(
    title="Images & <more>",
    source="table 1",
    metrics=[Metric("accuracy", "%", better="higher", tolerance=0.2, about="share of images in the right class")],
    curves=[Curve("error", x="n", y="error", y_unit="%"), Curve("classes", x="image", y="class", drawn=False)],
    tiers=[Tier("smoke", depth=3, pooling="gap"), Tier("smoke", depth=[6, 11], pooling="gap", seeds=2)],
    formulas={"the prediction": r"f(x) = \sum_i \Theta(x, x_i)\, \left[\Theta^{-1} y\right]_i < 1"},
)
def images(ctx: Context, *, depth: int, pooling: str) -> None:
    """Does `images` hold?"""


def record(number: int, **changes) -> RunRecord:
    """A run with ids made of its number."""
    return replace(RECORD, run_id=f"{number:032x}", experiment_id=f"{number:032x}", **changes)


def timings(*seconds: float) -> list[TimingRow]:
    """A first call, then steady ones."""
    return [TimingRow("kernel", "steady" if k else "first", max(0, k - 1), value) for k, value in enumerate(seconds)]


def measurement(day: int, benchmark: str, value: float) -> Measurement:
    committed = datetime(2026, 1, 1 + day, tzinfo=UTC)
    return Measurement(
        facts={
            "machine": "m1", "python": "3.11", "commit": f"{day:040x}", "cpu": "Z80", "cores": "2", "memory": "16 GiB",
        }, benchmark=benchmark, version="v1",
        params={"depth": 3}, committed=committed, subject=f"Change {day} of {benchmark}",
        measured=committed + timedelta(days=9),
        unit="s", value=value, low=0.99 * value, high=1.01 * value, samples=(value,), number=1, failure="",
    )  # fmt: skip


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two backends, three depths, two seeds, two commits, a failure, hostile texts, curves, a benchmark's history."""
    store = Store(tmp_path_factory.mktemp("report") / "results.duckdb")
    runs = []
    # The work of the stage, and what the machine can do.
    work = [*RECORD.metrics, MetricRow("kernel_operations", 5e9, "op", None, None, None, "operations", "kernel")]
    limits = [
        MetricRow("product_float32", 1e10, "op/s", None, "higher", None, "float32 operation rate"),
        MetricRow("bandwidth", 2e10, "B/s", None, "higher", None, "bandwidth"),
    ]
    bare = {"timings": [], "claims": [], "curves": []}
    runs.append(record(50, task="machine_limits", backend="jax", metrics=limits, measures_machine=True, **bare))
    # A claim for each depth.
    claims = [replace(RECORD.claims[0], name=f"depth {d}", value=40 + d / 10, params={"depth": d}) for d in (3, 6, 11)]
    for depth in (3, 6, 11):
        for backend, speed in (("jax", 1.0), ("torch", 3.0)):
            for seed in (0, 1):
                curve = CurveRow("error", [1.0, 2.0, 4.0], [8.0 + seed, 4.0, 2.0], "n", "error", "1", "%", None, 0.0)
                seconds = [9.0, *(depth * speed * (1 + k / 100) for k in range(6))]
                runs.append(
                    record(
                        len(runs), backend=backend, seed=seed, curves=[curve], timings=timings(*seconds),
                        params={"depth": depth, "pooling": "gap"}, claims=claims, metrics=work,
                    )
                )  # fmt: skip
    broken = {"status": "error", "reason": "ValueError: no", "traceback": "Traceback:\n  no"}
    runs.append(record(90, backend="torch", claims=claims, **broken))
    # The first run again, at another commit.
    runs.append(replace(runs[1], run_id=f"{80:032x}", environment={**RECORD.environment, "commit": "c2"}))
    # More settings than one figure has colours for.
    curve = CurveRow("error", [1.0, 2.0], [8.0, 4.0], "n", "error", "1", "%", None, 0.0)
    for k in range(10):
        params = {"width": k, "kind": "ab"[k % 2]}
        bare = {"timings": [], "metrics": [], "claims": [], "curves": [curve]}
        runs.append(record(60 + k, task="curves", params=params, **bare))
    hostile = {HOSTILE: HOSTILE}
    runs.append(record(91, task=HOSTILE, params=hostile, command=HOSTILE, warnings=[HOSTILE], backend="numba"))
    histories = [measurement(day, "bench.time_gram", 1.0 + day / 100) for day in range(4)]
    histories += [measurement(day, "bench.time_solve", 1.0 if day < 6 else 3.0) for day in range(12)]
    store.add(runs, measurements=[(one, "asv") for one in histories])
    return store


@pytest.fixture(scope="session")
def site(results: Store) -> Path:
    """The folder of the report."""
    return write_site(results, {"images": images}, results.path.parent / "site").parent


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no Chromium here: `apt-get install chromium`, or leave these tests out with -m 'not browser'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that notes what it says on the console, and what it asks for, in `said` and `asked`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    context.close()
