"""Files and folders that the command line is given: any name, through links, and none of another's making replaced."""

from __future__ import annotations

import importlib
import os
import shutil
from argparse import ArgumentParser
from pathlib import Path

import duckdb
import pytest

from ntkbench.cli.commands import COMMANDS
from ntkbench.cli.options import as_path
from ntkbench.results.database import connect
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


@pytest.fixture
def run(ntkbench, small_tasks):
    """Runs `squares`, with further words."""
    words = ["run", "squares", "--tasks", small_tasks, "--tier", "smoke", "--backend", "numba", "--set", "x=3"]
    return lambda *more: ntkbench(*words, *more)


@pytest.fixture
def filled(database: Path) -> Store:
    """A database with a run."""
    store = Store(database)
    store.prepare()
    store.add([RECORD])
    return store


def refused(outcome) -> str:
    """The message of a refusal, which is one line."""
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    return outcome.err.strip()


def contents(folder: Path) -> dict[str, bytes]:
    """Of every file in a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_path_of_every_command_may_begin_with_the_home_folder(command: str) -> None:
    parser = ArgumentParser()
    importlib.import_module(f"ntkbench.cli.commands.{COMMANDS[command].module}").add_arguments(parser)
    paths = [action for action in parser._actions if action.metavar in ("FILE", "DIR", "PATH")]
    assert [action.dest for action in paths if action.type is not as_path] == []


def test_what_begins_with_the_home_folder_is_there(run, ntkbench, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run("--db=~/deep/here.duckdb", "--records=~/r.jsonl").code == 0
    (tmp_path / "query.sql").write_text("SELECT count(*) AS n FROM run")
    assert ntkbench("sql", "~/query.sql", "--db=~/deep/here.duckdb", "--format", "csv").out == "n\n1\n"
    assert (tmp_path / "r.jsonl").exists()
    assert not (tmp_path / "~").exists()


def test_what_a_link_leads_to_is_made(run, ntkbench, tmp_path) -> None:
    links = {}
    for name in ("a.duckdb", "r.jsonl", "copy.duckdb"):
        links[name] = tmp_path / "links" / name
        links[name].parent.mkdir(exist_ok=True)
        links[name].symlink_to(tmp_path / "elsewhere" / name)
    assert run("--db", links["a.duckdb"]).code == 0
    assert run("--db", links["a.duckdb"], "--records", links["r.jsonl"], "--rerun").code == 0
    for _ in range(2):
        assert ntkbench("export", "--duckdb", links["copy.duckdb"], "--db", links["a.duckdb"]).code == 0
    assert all(link.is_symlink() for link in links.values())
    assert sorted(contents(tmp_path / "elsewhere")) == ["a.duckdb", "copy.duckdb", "r.jsonl"]
    with duckdb.connect(str(tmp_path / "elsewhere/copy.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (2,)


def test_links_in_a_circle_are_one_line(run, tmp_path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for words in (["--db"], ["--records"], ["--tasks"]):
        assert str(tmp_path / "circle") in refused(run(*words, tmp_path / "circle"))
    assert (tmp_path / "circle").is_symlink()


def test_a_name_that_is_too_long_is_one_line(run, ntkbench, filled, tmp_path) -> None:
    long = tmp_path / ("x" * 300)
    for words in (["export", long], ["export", "--duckdb", long], ["report", "--out", long], ["import", long]):
        assert str(long) in refused(ntkbench(*words))
    for option in ("--db", "--records", "--tasks"):
        assert str(long) in refused(run(option, long))


def test_a_report_replaces_no_page_that_none_wrote(ntkbench, filled, tmp_path) -> None:
    for name, content in (("index.html", "my home page"), ("manifest.json", '{"name": "my app", "files": ["a"]}')):
        folder = tmp_path / f"of {name}"
        folder.mkdir()
        (folder / name).write_text(content)
        (folder / "notes.md").write_text("mine")
        before = contents(folder)
        said = refused(ntkbench("report", "--out", folder))
        assert said == (
            f"ntkbench: {folder} holds a file {name} that no report wrote: name another --out, or move the file"
        )
        assert contents(folder) == before
        (folder / name).unlink()
        assert ntkbench("report", "--out", folder).code == 0
        assert ntkbench("report", "--out", folder).code == 0
        assert (folder / "notes.md").read_text() == "mine"


def test_a_page_that_came_into_a_report_from_elsewhere_stays(ntkbench, filled, tmp_path) -> None:
    assert ntkbench("report", "--out", tmp_path / "out").code == 0
    filled.add([RunRecord.from_json(RECORD.to_json().replace(RECORD.run_id, "b" * 32))])
    mine = tmp_path / "out/runs" / f"{'b' * 32}.html"
    mine.write_text("mine")
    assert f"holds a file runs/{mine.name} that no report wrote" in refused(
        ntkbench("report", "--out", tmp_path / "out")
    )
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("name", ["run.parquet", "schema_version.parquet"])
def test_an_export_replaces_no_table_of_another(ntkbench, filled, tmp_path, name) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 7 AS version) TO '{folder / name}'")
    before = contents(folder)
    assert f"an export would replace {folder / name}, so name another folder" in refused(ntkbench("export", folder))
    assert contents(folder) == before


def test_an_older_export_is_replaced(ntkbench, filled, tmp_path) -> None:
    shutil.copytree(Path(__file__).parents[1] / "data/version2/export", tmp_path / "export")
    assert ntkbench("export", tmp_path / "export").code == 0
    assert ntkbench("import", tmp_path / "export", "--db", tmp_path / "other.duckdb").out.startswith("1 added")


@pytest.mark.parametrize("kind", ["notes", "another's database", "a database of ours", "a copy with a table of mine"])
def test_a_copy_replaces_nothing_but_a_copy(ntkbench, filled, tmp_path, kind) -> None:
    file = tmp_path / "there"
    if kind == "notes":
        file.write_text("notes of mine\n" * 2_000)
    elif kind == "another's database":
        with duckdb.connect(str(file)) as connection:
            connection.execute("CREATE TABLE run (mine INTEGER); CREATE VIEW verdicts AS FROM run")
    elif kind == "a database of ours":
        Store(file).prepare()
    else:
        assert ntkbench("export", "--duckdb", file).code == 0
        with duckdb.connect(str(file)) as connection:
            connection.execute("CREATE TABLE mine (a INTEGER)")
    before = file.read_bytes()
    said = f"ntkbench: {file} is no copy that ntkbench made, which another would replace: name another file"
    assert refused(ntkbench("export", "--duckdb", file)) == said
    assert file.read_bytes() == before


def test_an_empty_file_is_nothing_to_lose(ntkbench, filled, tmp_path) -> None:
    (tmp_path / "copy").touch()
    assert ntkbench("export", "--duckdb", tmp_path / "copy").code == 0


def test_records_are_added_to_a_file_of_records_alone(run, database, tmp_path) -> None:
    (tmp_path / "notes.md").write_text("notes of mine\n")
    assert f"{tmp_path / 'notes.md'}, line 1: not JSON" in refused(run("--records", tmp_path / "notes.md"))
    assert (tmp_path / "notes.md").read_text() == "notes of mine\n"
    same = os.path.relpath(database)
    said = f"ntkbench: --records names the database, {database}: name another file"
    assert refused(run("--records", same)) == said
    assert not database.exists()


def test_a_page_of_peers_replaces_no_other(ntkbench, database, tmp_path) -> None:
    page = tmp_path / "peers.md"
    page.write_text("# Peers\n\nPeople whom I like.\n")
    said = f"ntkbench: {page} is no page of `ntkbench peers`, which would replace it: name another file with --out"
    assert refused(ntkbench("peers")) == said
    assert refused(ntkbench("peers", "--out", page)) == said
    assert page.read_text() == "# Peers\n\nPeople whom I like.\n"
    assert not database.exists()


@pytest.mark.parametrize(
    ("place", "works"),
    [
        ("a b/#%20 [1]*{2}'\"; ü.duckdb", True),
        ("what?.duckdb", True),
        ("s3:/md:x.duckdb", True),
        ("what?/x.duckdb", False),
        ("w\\x.duckdb", False),
        ("w\\x/y.duckdb", False),
        ("caf\udce9.duckdb", False),
        ("caf\udce9/x.duckdb", False),
    ],
)
def test_a_database_has_its_name_or_is_refused_and_nothing_is_left(run, ntkbench, tmp_path, place, works) -> None:
    (tmp_path / "w").mkdir()
    Store(tmp_path / "w/x.duckdb").prepare()  # what the backslash must not lead to
    file = tmp_path / place
    before = contents(tmp_path)
    outcome = run("--db", file)
    if works:
        assert outcome.code == 0
        assert file.is_file()
        assert list(file.parent.iterdir()) == [file] or file.parent == tmp_path
        assert ntkbench("sql", "SELECT count(*) AS n FROM run", "--db", file, "--format", "csv").out == "n\n1\n"
        with connect(file) as connection:
            assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)
        return
    assert "DuckDB opens no " in refused(outcome)
    assert contents(tmp_path) == before
    assert not file.parent.exists() or file.parent == tmp_path


@pytest.mark.parametrize("name", ["w\\x", "what? [1]*", "caf\udce9"])
def test_folders_of_tasks_and_pages_and_tables_may_have_any_name(run, ntkbench, small_tasks, tmp_path, name) -> None:
    folder = small_tasks.rename(tmp_path / name)
    records = tmp_path / f"{name}.jsonl"
    words = ["run", "squares", "--tasks", folder, "--tier", "smoke", "--backend", "numba", "--set", "x=3"]
    assert ntkbench(*words, "--records", records).code == 0
    assert ntkbench("report", "--out", tmp_path / f"{name} report").code == 0
    assert (tmp_path / f"{name} report" / "index.html").is_file()
    assert ntkbench("import", records, "--db", tmp_path / "other.duckdb").code == 0
    export = tmp_path / f"{name} export"
    outcome = ntkbench("export", export)
    if name.isascii():
        assert ntkbench("import", export, "--db", tmp_path / "third.duckdb").out.startswith("1 added")
    else:
        assert "DuckDB opens no file whose path is not text" in refused(outcome)
        assert not export.exists()


def test_through_a_link_the_database_itself_is_opened(filled, tmp_path) -> None:
    (tmp_path / "link").symlink_to(filled.path)
    with Store(tmp_path / "link").reading() as connection:
        opened = connection.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()")
        assert opened.fetchone() == (str(filled.path),)
