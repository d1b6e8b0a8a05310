import errno
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ntkbench import formats
from ntkbench.cli import main
from ntkbench.errors import InputError, SystemFault
from ntkbench.experiment.registry import load_tasks
from ntkbench.report.site import write_site
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

VOID = {"meta", "link", "br", "line", "rect", "path"}


class Page(HTMLParser):
    """A page's links, anchors, table cells and whether its tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.links, self.anchors, self.cells, self.scripts = text, [], set(), [], 0
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found["id"]} if "id" in found else set()
        self.links += [found[name] for name in ("href", "src") if name in found]
        # Inline scripts that a browser would run.
        self.scripts += tag == "script" and "src" not in found and found.get("type") != "application/json"
        if tag == "td":
            self.cells.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self._open:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, small_tasks_source: str) -> Path:
    """A folder with the database and the records of one call of `ntkbench run`."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "small.py").write_text(small_tasks_source)
    words = ["run", "squares", "--tasks", folder, "--tier", "standard", "--backend", "numba"]
    places = ["--db", folder / "results.duckdb", "--records", folder / "records.jsonl"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NTKBENCH_CACHE", str(folder / "cache"))
        assert main.main([str(word) for word in (*words, *places)]) == 0
    return folder


@pytest.fixture
def store(ran: Path, database: Path, tmp_path: Path) -> Store:
    for file in (database, tmp_path / "records.jsonl"):
        shutil.copyfile(ran / file.name, file)
    return Store(database)


@pytest.fixture
def tasks(small_tasks: Path) -> dict:
    return load_tasks([small_tasks])


def pages(folder: Path) -> dict[str, Page]:
    return {str(file.relative_to(folder)): Page(file.read_text()) for file in folder.rglob("*.html")}


def runs(found: dict[str, Page]) -> set[str]:
    return {Path(name).stem for name in found if name.startswith("runs/")}


def test_the_index_shows_the_rows_of_the_views(store: Store, tasks: dict, tmp_path: Path) -> None:
    index = write_site(store, tasks, tmp_path / "out")
    cells = [" ".join(cell.split()) for cell in Page(index.read_text()).cells]
    _, rows = store.query("SELECT claim, published, measured, verdict FROM verdict WHERE runs > 0")
    assert len(rows) == 2
    for claim, published, measured, verdict in rows:
        (at,) = (k for k, cell in enumerate(cells) if cell.startswith(f"{claim} "))
        row = cells[at : at + 8]
        assert f"{formats.number(published)} ± 0.10" in row
        assert formats.number(measured) in row
        assert any(cell.startswith(verdict) for cell in row)
    _, medians = store.query("SELECT seconds FROM leaderboard")
    assert medians
    assert all(formats.seconds(seconds) in cells for (seconds,) in medians)


def test_an_unverified_figure_is_marked(store: Store, tasks: dict, tmp_path: Path) -> None:
    cells = Page(write_site(store, tasks, tmp_path / "out").read_text()).cells
    marked = {
        " ".join(cells[i - 1].split()): "unverified" in cell for i, cell in enumerate(cells) if "reproduced" in cell
    }
    assert marked == {"three squared square; exact": False, "four squared square; memory": True}


def test_the_overview_puts_tasks_below_the_question_of_their_folder(store: Store, tasks: dict, tmp_path: Path) -> None:
    question = "What is <nine>?"
    overview = (
        write_site(store, tasks, tmp_path / "out", {"squares": question}).read_text().split('class="overview"')[1]
    )
    assert overview.count('class="question"') == 1
    assert overview.index("What is &lt;nine&gt;?") < overview.index("task-squares.html")
    # A task without a question comes after those that have one, and below none of theirs.
    assert 'class="question"' not in write_site(store, tasks, tmp_path / "out").read_text()


def test_every_link_leads_somewhere_inside_the_folder(store: Store, tasks: dict, tmp_path: Path) -> None:
    write_site(store, tasks, tmp_path / "out")
    found = pages(tmp_path / "out")
    fixed = {f"{name}.html" for name in ("index", "compare", "performance", "sql", "environments")}
    known = {
        f"task-{row[0]}.html" for row in store.query("SELECT task FROM verdict UNION SELECT task FROM provenance")[1]
    }
    assert {name for name in found if not name.startswith("runs/")} == fixed | known
    assert runs(found) == {row[0] for row in store.query("SELECT run_id FROM provenance")[1]}
    for name, page in found.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            target = (tmp_path / "out" / name).parent / file if file else tmp_path / "out" / name
            assert target.is_file(), link
            where = str(target.resolve().relative_to(tmp_path / "out"))
            # With a "=" it is the state of a table: tables.js.
            assert not anchor or "=" in anchor or anchor in found[where].anchors, link


def test_every_run_is_shown_with_its_provenance(store: Store, tasks: dict, tmp_path: Path) -> None:
    write_site(store, tasks, tmp_path / "out")
    found = pages(tmp_path / "out")
    rows = store.query("SELECT run_id, command, environment_id, experiment_id, machine FROM provenance")[1]
    assert len(rows) == 3
    for run_id, *texts in rows:
        assert f"run-{run_id}" in found["task-squares.html"].anchors
        page = found[f"runs/{run_id}.html"].text
        assert all(escape(text) in page for text in texts)
        numbers = store.query(f"SELECT value FROM recorded WHERE run_id = '{run_id}'")[1]
        assert numbers
        assert all(f">{value}</td>" in page for (value,) in numbers)
        samples = store.query(f"SELECT seconds FROM stopwatch WHERE run_id = '{run_id}'")[1]
        assert samples
        assert all(formats.seconds(seconds) in page for (seconds,) in samples)
        assert len(re.findall("M[0-9.]+ 5h0", page)) == len(samples)


def test_every_number_of_the_index_leads_to_its_run(store: Store, tasks: dict, tmp_path: Path) -> None:
    text = write_site(store, tasks, tmp_path / "out").read_text()
    claims = store.query("SELECT v.measured, v.unit, m.run_id FROM verdict v JOIN measurement m USING (task, metric) "
                         "WHERE v.runs = 1 AND json_contains(m.params, v.params)")[1]  # fmt: skip
    times = store.query("SELECT l.seconds, a.run_id FROM leaderboard l JOIN agreement a USING (task, params)")[1]
    assert (len(claims), len(times)) == (2, 3)
    for value, unit, run_id in claims:
        assert f'<a href="runs/{run_id}.html">{formats.quantity(value, unit)}</a>' in text
    for seconds, run_id in times:
        assert f'<a href="runs/{run_id}.html">{formats.seconds(seconds)}</a>' in text


def test_a_number_of_several_runs_leads_to_the_row_that_lists_them(store: Store, tasks: dict, tmp_path: Path) -> None:
    record = RunRecord.from_json((tmp_path / "records.jsonl").read_text().splitlines()[1])
    assert record.params == {"x": 3}
    store.add([replace(record, run_id="2" * 32, experiment_id="2" * 32, seed=1)])
    write_site(store, tasks, tmp_path / "out")
    found = pages(tmp_path / "out")
    (link,) = re.findall('<a href="(task-squares.html#claim-[0-9]+)">9.000</a>', found["index.html"].text)
    row = found["task-squares.html"].text.split(f'id="{link.partition("#")[2]}"')[1].split("</tr>")[0]
    assert set(re.findall("runs/([0-9a-f]+).html", row)) == {record.run_id, "2" * 32}


def test_an_attempt_that_was_repeated_keeps_its_page(store: Store, tasks: dict, tmp_path: Path) -> None:
    record = RunRecord.from_json((tmp_path / "records.jsonl").read_text().splitlines()[0])
    late = "2100-01-01T00:00:00+00:00"
    store.add([replace(record, run_id="3" * 32, started=late, finished=late)])
    write_site(store, tasks, tmp_path / "out")
    found = pages(tmp_path / "out")
    assert f"{'3' * 32}.html" in found[f"runs/{record.run_id}.html"].links
    assert f"{record.run_id}.html" in found[f"runs/{'3' * 32}.html"].links


def test_the_same_database_gives_the_same_bytes(store: Store, tasks: dict, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_site(store, tasks, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert len(files) >= 3
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_empty_database_has_a_page_that_says_so(database: Path, tmp_path: Path) -> None:
    Store(database).prepare()
    text = write_site(Store(database), {}, tmp_path / "out").read_text()
    assert "No run is stored yet" in text
    assert list((tmp_path / "out").glob("task-*")) == []


def test_failures_are_shown_with_their_reason(
    database: Path, small_tasks: Path, tasks: dict, tmp_path: Path, ntkbench: Callable
) -> None:
    words = ("run", "faults", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba", "--set", "how=raise")
    assert ntkbench(*words).code == 3
    write_site(Store(database), tasks, tmp_path / "out")
    ((run_id,),) = Store(database).query("SELECT run_id FROM failure")[1]
    for name in ("index.html", "task-faults.html", f"runs/{run_id}.html"):
        assert "ValueError: it went wrong" in (tmp_path / "out" / name).read_text()
    assert "raise ValueError" in (tmp_path / "out/runs" / f"{run_id}.html").read_text()
    assert "No timing has passed" in (tmp_path / "out/index.html").read_text()


def test_what_the_database_holds_is_escaped(store: Store, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    record = RunRecord.from_json((tmp_path / "records.jsonl").read_text().splitlines()[0])
    bad = replace(
        record,
        run_id="0" * 32,
        experiment_id="0" * 32,
        task=hostile,
        params={hostile: hostile},
        command=hostile,
        warnings=[hostile],
        environment={hostile: hostile},
        claims=[replace(claim, name=hostile + claim.name, source=hostile) for claim in record.claims],
    )
    store.add([bad])
    write_site(store, {}, tmp_path / "out")
    found = pages(tmp_path / "out")
    assert len(found) >= 3
    assert [page.scripts for page in found.values()] == [0] * len(found)
    assert all(re.fullmatch(r"(runs/)?[\w.-]+", name) for name in found)


def test_a_task_that_is_not_installed_is_shown_from_the_database(store: Store, tmp_path: Path) -> None:
    write_site(store, {}, tmp_path / "out")
    assert "not among the tasks of this installation" in (tmp_path / "out/task-squares.html").read_text()


def test_no_database_and_no_place_to_write_are_refused(store: Store, tasks: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no database at"):
        write_site(Store(tmp_path / "none.duckdb"), tasks, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the report to"):
        write_site(store, tasks, tmp_path / "file" / "out")


def test_a_full_disk_is_a_fault_of_the_machine(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ntkbench.report.folder.write", refuse)
    with pytest.raises(SystemFault, match=r"cannot write the report to .*: No space left"):
        write_site(store, {}, tmp_path / "out")


def test_the_command_writes_beside_the_database_and_says_where(store: Store, ntkbench: Callable) -> None:
    outcome = ntkbench("report")
    assert outcome.code == 0
    assert Path(outcome.out.strip()) == store.path.parent / "report" / "index.html"
    assert (store.path.parent / "report/static/style.css").is_file()


@pytest.mark.parametrize(("shown", "code"), [(True, 0), (False, 2)])
def test_the_command_opens_the_index_when_asked(
    store: Store, ntkbench: Callable, monkeypatch: pytest.MonkeyPatch, shown: bool, code: int
) -> None:
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or shown)
    outcome = ntkbench("report", "--open")
    assert outcome.code == code
    assert opened == [(store.path.parent / "report/index.html").resolve().as_uri()]
    assert ("no browser was found" in outcome.err) == (not shown)


def test_numbers_within_names_count_as_numbers(store: Store, tasks: dict, tmp_path: Path) -> None:
    record = RunRecord.from_json((tmp_path / "records.jsonl").read_text().splitlines()[0])
    claims = [replace(record.claims[0], name=f"depth {depth}", params={}) for depth in (11, 3, 21)]
    finished = "2100-01-01T00:00:00+00:00"
    store.add([replace(record, run_id="1" * 32, claims=claims, started=finished, finished=finished)])
    cells = Page(write_site(store, tasks, tmp_path / "out").read_text()).cells
    names = [cell.split(" square;")[0] for cell in cells if cell.startswith("depth ")]
    assert names == ["depth 3", "depth 11", "depth 21"]
