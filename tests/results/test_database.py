from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import polars
import pytest

import ntkbench
from ntkbench.errors import InputError
from ntkbench.results import database as module
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database, patience=0.2)
    store.add([RECORD])
    return store


@pytest.mark.parametrize("given", [True, False])
def test_a_connection_has_the_views_and_hands_over_to_polars(store: Store, given: bool) -> None:
    # Without a path it is the default database, which this test's NTKBENCH_DB names.
    with ntkbench.connect(store.path) if given else ntkbench.connect() as connection:
        frame = polars.DataFrame(connection.sql("SELECT claim, verdict FROM verdict ORDER BY claim"))
    assert frame.rows() == [("forty", "inconclusive"), ("worst", "not reproduced")]


def test_a_connection_cannot_write_and_lets_others_read(store: Store) -> None:
    with ntkbench.connect(str(store.path)) as connection:
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute("DELETE FROM run")
        assert store.query("SELECT count(*) FROM run")[1] == [(1,)]
        with pytest.raises(module.BusyError, match="another process is using"):
            store.add([replace(RECORD, run_id="b" * 32)])
    assert store.add([replace(RECORD, run_id="b" * 32)]) == 1


def test_where_there_is_no_database_nothing_is_connected_to(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no database at"):
        ntkbench.connect(tmp_path / "none.duckdb")
    assert list(tmp_path.iterdir()) == []


def test_older_views_are_made_anew_by_a_reader(store: Store) -> None:
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("DROP VIEW verdict; UPDATE schema_version SET views = 'older'")
    with ntkbench.connect(store.path) as connection:
        assert connection.sql("SELECT count(*) FROM verdict").fetchall() == [(2,)]


def test_older_views_will_do_where_the_file_cannot_be_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("UPDATE schema_version SET views = 'older'")

    def refused(*_: object) -> None:
        raise duckdb.IOException("Read-only file system")

    monkeypatch.setattr("ntkbench.results.schema.upgrade", refused)
    assert store.query("SELECT count(*) FROM verdict")[1] == [(2,)]


def test_a_failed_piece_of_work_leaves_the_process_able_to_go_on(store: Store) -> None:
    def work() -> None:
        with module.writing(store.path) as connection:
            connection.begin()
            connection.execute("INSERT INTO run SELECT * REPLACE ('c' AS run_id) FROM run")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert store.query("SELECT count(*) FROM run")[1] == [(1,)]
    assert store.add([replace(RECORD, run_id="b" * 32)]) == 1
