"""Databases, exports and records that the first version wrote are read, and brought up to date."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ntkbench.errors import InputError
from ntkbench.results.database import reading_as_it_is
from ntkbench.results.exchange import import_sources
from ntkbench.results.parquet import export_parquet
from ntkbench.results.schema import SCHEMA_VERSION, TABLES
from ntkbench.results.store import Store

OLD = Path(__file__).parents[1] / "data" / "version1"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the database of version 1."""
    path = tmp_path / "old.duckdb"
    path.write_bytes(gzip.decompress((OLD / "results.duckdb.gz").read_bytes()))
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("FROM schema_version").fetchall() == [(1,)]
    return path


def structure(store: Store) -> dict[str, list[tuple]]:
    """Everything but content: columns, types, comments, keys, triggers, views."""
    here = "database_name = current_database()"
    queries = {
        "columns": "SELECT table_name, column_index, column_name, data_type, is_nullable, column_default, comment "
        f"FROM duckdb_columns() WHERE {here} AND schema_name = 'main' ORDER BY ALL",
        "tables": f"SELECT table_name, comment FROM duckdb_tables() WHERE {here} ORDER BY ALL",
        "constraints": f"SELECT table_name, constraint_text FROM duckdb_constraints() WHERE {here} ORDER BY ALL",
        "triggers": f"SELECT trigger_name, table_name FROM duckdb_triggers() WHERE {here} ORDER BY ALL",
        "views": f"SELECT view_name, sql, comment FROM duckdb_views() WHERE {here} AND NOT internal ORDER BY ALL",
    }
    return {what: store.query(query)[1] for what, query in queries.items()}


def content(store: Store) -> dict[str, list[tuple]]:
    return {table: store.query(f"FROM {table} ORDER BY ALL")[1] for table in TABLES}


def test_a_database_is_brought_up_to_date_by_its_first_reader(old: Path, database: Path) -> None:
    with duckdb.connect(str(old), read_only=True) as connection:
        before = {t: connection.execute(f"FROM {t} ORDER BY ALL").fetchall() for t in TABLES if t != "perf"}
    after = content(Store(old))
    assert after.pop("perf") == []
    # Claims gained a side, as their last column; all else is as it was.
    assert [row[:-1] for row in after["claim"]] == before["claim"]
    assert {row[-1] for row in after["claim"]} == {"within"}
    assert {t: rows for t, rows in after.items() if t != "claim"} == {t: r for t, r in before.items() if t != "claim"}


def test_one_brought_up_to_date_is_built_as_a_new_one(old: Path, database: Path) -> None:
    Store(database).prepare()
    found, wanted = structure(Store(old)), structure(Store(database))
    for what in wanted:
        assert found[what] == wanted[what], what


def test_one_brought_up_to_date_takes_new_runs_and_keeps_the_old_ones(old: Path, tmp_path: Path) -> None:
    record = json.loads((OLD / "records.jsonl").read_text().splitlines()[0])
    new = {**record, "run_id": "f" * 32}
    (tmp_path / "new.jsonl").write_text(json.dumps(new) + "\n")
    store = Store(old)
    assert import_sources(store, [tmp_path / "new.jsonl", OLD / "records.jsonl"]) == (1, 4)
    with duckdb.connect(str(old)) as connection, pytest.raises(duckdb.Error, match="metric is append-only"):
        connection.execute("DELETE FROM metric")


def test_a_database_in_a_folder_that_cannot_be_written_says_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise duckdb.IOException("Read-only file system")

    monkeypatch.setattr("ntkbench.results.schema.upgrade", refused)
    with pytest.raises(InputError, match=f"cannot write to {old}: Read-only file system"):
        Store(old).query("FROM run")


@pytest.mark.parametrize("source", ["database", "export", "records.jsonl"])
def test_all_three_forms_are_imported_to_the_same(old: Path, database: Path, tmp_path: Path, source: str) -> None:
    before = old.read_bytes()
    store = Store(database)
    assert import_sources(store, [old if source == "database" else OLD / source]) == (4, 0)
    # The source stays as it is.
    assert old.read_bytes() == before
    with reading_as_it_is(old) as (_, version):
        assert version == 1
    found, wanted = content(store), content(Store(old))
    if source == "records.jsonl":  # which carry no declarations
        assert found.pop("declaration") == []
        del wanted["declaration"]
    assert found == wanted


def test_whichever_way_it_came_its_export_has_the_same_bytes(old: Path, database: Path, tmp_path: Path) -> None:
    import_sources(Store(database), [OLD / "export"])
    export_parquet(Store(database), tmp_path / "imported")
    export_parquet(Store(old), tmp_path / "upgraded")
    for file in (tmp_path / "upgraded").iterdir():
        assert file.read_bytes() == (tmp_path / "imported" / file.name).read_bytes(), file.name


def test_an_export_says_its_version_and_one_of_a_newer_ntkbench_is_refused(old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    export_parquet(Store(old), folder)
    file = folder / "schema_version.parquet"
    assert duckdb.sql(f"FROM '{file}'").fetchall() == [(SCHEMA_VERSION,)]
    duckdb.sql(f"COPY (SELECT {SCHEMA_VERSION + 1} AS version) TO '{file}'")
    with pytest.raises(InputError, match=f"{folder} is of a newer ntkbench"):
        import_sources(Store(tmp_path / "new.duckdb"), [folder])


def test_verify_compares_with_an_export_of_version_1(database: Path, ntkbench: Callable) -> None:
    import_sources(Store(database), [OLD / "export"])
    outcome = ntkbench("verify", "--against", OLD / "export")
    assert outcome.err == ""
    assert "Runs that differ from the reference" not in outcome.out
