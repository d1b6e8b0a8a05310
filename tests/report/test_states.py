"""What the pages say when there is little to say: nothing stored, failures alone, one backend, nothing measured."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import escape, unescape
from pathlib import Path

import pytest

from ntkbench import formats
from ntkbench.report.site import write_site
from ntkbench.results.origin import IMPORT, Origin
from ntkbench.results.perf.rows import read_measurements
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data/record.json").read_text())


def record(number: int, **changes) -> RunRecord:
    return replace(RECORD, run_id=f"{number:032x}", experiment_id=f"{number:032x}", **changes)


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    store.prepare()
    return store


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text()


def test_an_empty_database_has_pages_that_say_so(store: Store, tmp_path: Path) -> None:
    out = write_site(store, {}, tmp_path / "out").parent
    says = {
        "index.html": "No run is stored yet", "compare.html": "Nothing to compare",
        "performance.html": "No benchmark has been measured yet", "environments.html": "nothing has run",
        "sql.html": "nothing stored here answers it",
    }  # fmt: skip
    assert {name: words in text(out, name) for name, words in says.items()} == dict.fromkeys(says, True)
    assert {file.name for file in out.glob("*.html")} == set(says)


def test_failures_alone_have_pages(store: Store, tmp_path: Path) -> None:
    store.add([record(1, status="timeout", reason="took longer than 5 s", timings=[], metrics=[], curves=[])])
    out = write_site(store, {}, tmp_path / "out").parent
    assert "No claim has been measured yet" in text(out, "index.html")
    assert "No timing has passed the agreement gate yet" in text(out, "index.html")
    run = text(out, f"runs/{1:032x}.html")
    assert all(words in run for words in ("took longer than 5 s", "recorded no metric", "timed no stage"))


def test_one_backend_has_nobody_to_compare_with(store: Store, tmp_path: Path) -> None:
    store.add([record(1)])
    out = write_site(store, {}, tmp_path / "out").parent
    assert "Nothing to compare" in text(out, "compare.html")
    assert "unchecked" in text(out, "index.html")
    assert "Backend against backend" not in text(out, "task-images.html")


def test_what_was_not_measured_is_an_empty_cell(store: Store, tmp_path: Path) -> None:
    store.add([record(1, metrics=[RECORD.metrics[0]]), record(2, metrics=[RECORD.metrics[0]], backend="jax")])
    index = text(write_site(store, {}, tmp_path / "out").parent, "index.html")
    assert len(re.findall('<td class="figure" data-value=""></td><td class="figure"></td>', index)) == 2
    assert "None" not in index


def test_of_a_database_of_a_newer_schema_there_is_one_page_that_says_so(store: Store, ntkbench: Callable) -> None:
    import duckdb

    with duckdb.connect(str(store.path)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (999, NULL)")
    outcome = ntkbench("report")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "newer ntkbench (schema version 999" in outcome.err
    out = store.path.parent / "report"
    assert [file.name for file in out.rglob("*.html")] == ["index.html"]
    page = text(out, "index.html")
    assert "results.duckdb is of a newer ntkbench (schema version 999" in page
    assert str(store.path.parent) not in page
    assert [link for link in re.findall(' href="([^"#]+)"', page) if not (out / link).is_file()] == []


def test_pages_of_what_is_no_more_are_removed_and_nothing_else(store: Store, tmp_path: Path) -> None:
    store.add([record(1), record(2, task="texts")])
    out = write_site(store, {}, tmp_path / "out").parent
    (out / "task-mine.html").write_text("mine")
    (out / "manifest.json").write_text(
        (out / "manifest.json").read_text().replace('"sql.html"', '"../kept", "sql.html"')
    )
    (tmp_path / "kept").write_text("outside")
    other = Store(tmp_path / "other.duckdb")
    other.prepare()
    other.add([record(1)])
    write_site(other, {}, out)
    assert {file.name for file in out.glob("task-*.html")} == {"task-images.html", "task-mine.html"}
    assert [file.stem for file in (out / "runs").iterdir()] == [f"{1:032x}"]
    assert (tmp_path / "kept").exists()
    written = json.loads((out / "manifest.json").read_text())["files"]
    there = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert there - set(written) == {"manifest.json", "task-mine.html"}


def test_the_pages_have_what_the_views_have(results: Store, site: Path) -> None:
    def cells(name: str) -> list[str]:
        return [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td[^>]*>(.*?)</td>", text(site, name), re.DOTALL)]

    ratios = results.query("SELECT speedup FROM speedup WHERE backend < baseline AND task = 'images'")[1]
    assert len(ratios) == 3
    assert all(formats.number(ratio, 3) in cells("compare-jax-cpu-torch-cpu.html") for (ratio,) in ratios)
    history = results.query("SELECT subject, value, ratio FROM perf_history")[1]
    assert len(history) == 16
    for subject, value, ratio in history:
        row = cells("performance.html")
        at = row.index(subject)
        assert (row[at + 1], row[at + 4]) == (formats.seconds(value), formats.number(ratio, 3))
    comments = results.query("SELECT comment FROM duckdb_columns() WHERE database_name = current_database()")[1]
    assert len(comments) > 100
    meanings = {unescape(cell) for cell in cells("sql.html")}
    assert {comment for (comment,) in comments} <= meanings


def test_histories_name_the_hardware_and_their_steps_the_commits(results: Store, site: Path) -> None:
    html = text(site, "performance.html")
    assert html.count("Z80, 2 cores, 16 GiB; machine <code>m1</code>, Python 3.11") == 2
    (step,) = results.query("SELECT commit_id, subject FROM perf_history WHERE step IS NOT NULL")[1]
    (number,) = re.findall(r'<a href="#history-(\d)">bench.time_solve</a>', html)
    assert f'<a href="#history-{number}-{step[0]}">{step[1]}</a>' in html
    assert f'<tr id="history-{number}-{step[0]}">' in html


def test_a_history_of_anothers_says_whose_it_is(results: Store, tmp_path: Path) -> None:
    store = Store(shutil.copy(results.path, tmp_path / "results.duckdb"))
    with results.reading() as connection:
        one = read_measurements(connection)[0]
    vouched = {"reference": Origin("reference"), "import by &lt;Ada&gt;": Origin("import", "<Ada>"), "import": IMPORT}
    for days, origin in enumerate(vouched.values()):
        later = one.measured + timedelta(days=1 + days)  # another measurement of the same commit and machine
        store.add([], measurements=[(replace(one, value=9.0, origin=origin, measured=later), "asv")])
    write_site(store, {}, tmp_path / "out")
    html = text(tmp_path / "out", "performance.html")
    for words in vouched:
        assert html.count(f"<code>m1</code> ({words})") == 2  # in the table and over the history
    assert html.count("<code>m1</code>") - html.count("<code>m1</code> (") == 4  # two histories of this machine's
    assert results.query("FROM perf_history")[1] == store.query("FROM perf_history WHERE origin = 'this machine'")[1]


def test_the_ratio_to_the_best_is_of_the_same_setting_and_stage(results: Store, site: Path) -> None:
    rows = results.query(
        "SELECT seconds, seconds / min(seconds) OVER (PARTITION BY task, params, precision, machine, stage) "
        "FROM leaderboard"
    )[1]
    index = text(site, "index.html")
    assert {formats.number(ratio, 3) for _, ratio in rows} > {"1.00"}
    for seconds, ratio in rows:
        row = index.split(f'data-value="{seconds}"')[1].split("</tr>")[0]
        assert f'<td class="figure">{formats.number(ratio, 3)}</td>' in row


def test_the_limits_of_the_machine_and_the_share_of_them_are_shown(results: Store, site: Path) -> None:
    shares = results.query("SELECT seconds, fraction, binds FROM efficiency WHERE fraction IS NOT NULL")[1]
    assert len(shares) == 6
    for seconds, fraction, binds in shares:
        cell = f'data-value="{fraction}">{formats.number(100 * fraction, 2)} % <small>{binds}</small></td>'
        for name in ("index.html", "task-images.html"):
            assert cell in text(site, name).split(f'data-value="{seconds}"')[1].split("</tr>")[0]
    page = text(site, "environments.html")
    assert 'as <a href="task-machine_limits.html">machine_limits</a> measured it' in page
    assert ">10.0 Gop/s</td><td>jax</td>" in page
    assert ">18.6 GiB/s</td><td>jax</td>" in page


def test_what_all_environments_of_a_machine_have_in_common_is_said_once(results: Store, site: Path) -> None:
    page = text(site, "environments.html")
    assert page.count("Zähler 9000") == 2  # the machine's title and its fact
    names = results.query("SELECT environment_id FROM environment_fact WHERE machine = 'm1'")[1]
    assert all(page.count(f'id="environment-{name}"') == 1 for (name,) in names)


def test_no_link_of_any_page_is_dead(site: Path) -> None:
    pages = {file: file.read_text() for file in site.rglob("*.html")}
    anchors = {file: set(re.findall(r' id="([^"]+)"', content)) for file, content in pages.items()}
    assert all(len(found) == len(re.findall(r' id="', pages[file])) for file, found in anchors.items())
    links = [
        (file, link) for file, content in pages.items() for link in re.findall(r' (?:href|src)="([^"]+)"', content)
    ]
    assert len(links) > 100
    dead = []
    for file, link in links:
        path, _, anchor = unescape(link).partition("#")
        target = (file.parent / path).resolve() if path else file
        # With a "=" it is the state of a table, which the page must have.
        table, _, state = anchor.partition(".")
        has = f'data-name="{table}"' in pages.get(target, "") if "=" in state else anchor in anchors.get(target, ())
        if not target.is_file() or (anchor and not has):
            dead.append((file.name, link))
    assert dead == []


@pytest.mark.parametrize(("value", "found"), [(50.0, "not reproduced"), (40.0, "holds now")])
def test_a_finding_is_shown_as_one_with_its_reason_and_counted_apart(
    store: Store, tmp_path: Path, value: float, found: str
) -> None:
    finding = "the theory leaves out <the bias>, since 2026-11-28"
    claims = [replace(RECORD.claims[0], repeats=1, verified=True, finding=finding)]
    store.add([record(1, claims=claims, metrics=[replace(RECORD.metrics[0], value=value, stderr=None)])])
    out = write_site(store, {}, tmp_path / "out").parent
    for name in ("index.html", "task-images.html"):
        assert f"{found}; {escape(finding)}" in text(out, name)
        assert 'data-value="finding"' in text(out, name)
    tiles = re.findall(r'<span class="number">(\d+)</span> <span class="verdict ([a-z-]+)">', text(out, "index.html"))
    assert {word: int(n) for n, word in tiles} == {
        "reproduced": 0, "finding": 1, "not-reproduced": 0, "inconclusive": 0, "not-run": 0,
    }  # fmt: skip
