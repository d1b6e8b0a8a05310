"""What was stored last is the latest, whatever the clocks of machines said."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntkbench.results.exchange.json_lines import append_json_line
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.exchange.portable import export_duckdb
from ntkbench.results.exchange.set_aside import take_set_aside
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.order import in_order
from ntkbench.results.perf.asv import Measurement
from ntkbench.results.record import RunRecord
from ntkbench.results.record_file import RecordFile
from ntkbench.results.rows import Declaration
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())
AHEAD = "2231-01-01T00:00:00.000+00:00"


def attempt(number: int, finished: str = RECORD.finished) -> RunRecord:
    return replace(RECORD, run_id=f"{number:032x}", started=RECORD.started, finished=finished)


@pytest.fixture
def store(database: Path) -> Store:
    """A run by a clock that was ahead, and a later one of the same experiment."""
    store = Store(database)
    store.add([attempt(1, AHEAD)])
    store.add([attempt(2)])
    return store


def latest(store: Store) -> list[str]:
    return [row[0] for row in store.query("SELECT run_id FROM latest_on_machine")[1]]


def test_a_rerun_takes_the_place_of_a_run_whose_clock_was_ahead(store: Store) -> None:
    assert latest(store) == [attempt(2).run_id]
    store.add([attempt(3)])
    assert latest(store) == [attempt(3).run_id]
    # Its stages are those of the newest, too: what is planned goes by them.
    store.add([replace(attempt(4), timings=[])])
    assert [a.stages for a in store.latest("m1", ["images"])] == [()]


def json_lines(store: Store, folder: Path) -> Path:
    file = RecordFile(folder / "records.jsonl")
    file.add([attempt(1, AHEAD), attempt(2)])
    return file.path


def parquet(store: Store, folder: Path) -> Path:
    export_parquet(store, folder / "export")
    return folder / "export"


@pytest.mark.parametrize(
    "form", [json_lines, parquet, lambda store, _: store.path], ids=["lines", "parquet", "database"]
)
def test_the_order_goes_with_the_records(store: Store, form: Callable[[Store, Path], Path], tmp_path: Path) -> None:
    other = Store(tmp_path / "other.duckdb")
    source = form(store, tmp_path)
    import_sources(other, [source])
    assert latest(other) == [attempt(2).run_id]
    export_parquet(other, tmp_path / "again")
    assert duckdb.sql(f"SELECT run_id FROM '{tmp_path}/again/run.parquet' ORDER BY stored").fetchall() == [
        (attempt(1).run_id,),
        (attempt(2).run_id,),
    ]


def test_a_copy_for_other_programs_has_it_too(store: Store, tmp_path: Path) -> None:
    export_duckdb(store, tmp_path / "copy.duckdb")
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT run_id FROM latest_run").fetchall() == [(attempt(2).run_id,)]


def test_what_is_brought_back_from_an_earlier_database_is_no_later_than_what_ran_since(tmp_path: Path) -> None:
    earlier, store = Store(tmp_path / "earlier.duckdb"), Store(tmp_path / "now.duckdb")
    earlier.add([attempt(1)])
    store.add([attempt(2, "2026-01-05T00:00:00+00:00")])
    assert import_sources(store, [earlier.path]) == (1, 0)
    assert latest(store) == [attempt(2).run_id]


def test_claims_that_were_declared_by_a_clock_that_was_ahead_are_followed_by_others(database: Path) -> None:
    store = Store(database)
    store.declare([Declaration("images", 1, AHEAD, RECORD.claims)])
    for _ in range(2):  # the second time nothing is new
        store.declare([Declaration("images", 1, RECORD.finished, RECORD.claims[:1])])
    assert store.query("SELECT count(*) FROM declaration")[1] == [(2,)]
    assert store.query("SELECT DISTINCT claim FROM verdict")[1] == [(RECORD.claims[0].name,)]


def test_a_measurement_by_a_clock_that_was_ahead_is_followed_by_another(database: Path) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    ahead = Measurement(
        {"machine": "m1", "commit": "c1"}, "bench.time_gram", "v1", {}, moment, "one", datetime(2231, 1, 1, tzinfo=UTC),
        "s", 9.0, None, None, (), 1, "",
    )  # fmt: skip
    store = Store(database)
    store.add([], measurements=[(ahead, "one")])
    store.add([], measurements=[(replace(ahead, measured=moment, value=0.5), "two")])
    assert store.query("SELECT value FROM perf_history")[1] == [(0.5,)]


def test_of_two_runs_that_waited_beside_the_database_the_one_made_last_is_the_latest(database: Path) -> None:
    store = Store(database)
    store.prepare()
    for number, written in ((1, 20), (2, 10)):
        file = database.with_name(f"{database.name}.{number}.waiting.jsonl")
        append_json_line(file, attempt(number))
        os.utime(file, (written, written))
    take_set_aside(store, pytest.fail)
    assert latest(store) == [attempt(1).run_id]


moments = st.datetimes(datetime(1970, 1, 1), datetime(2300, 1, 1))


@given(st.lists(st.tuples(moments, st.none() | moments)))
@settings(max_examples=50, deadline=None)
def test_each_follows_those_before_and_none_is_to_come(rows: list[tuple[datetime, datetime | None]]) -> None:
    with duckdb.connect() as connection:
        for table in ("run", "declaration", "perf"):
            connection.execute(f"CREATE TABLE {table} (stored TIMESTAMP)")
        found = in_order(connection, rows)
    now = datetime.now(UTC).replace(tzinfo=None)
    for place, ((_, elsewhere), moment) in enumerate(zip(rows, found, strict=True)):
        assert moment <= now + timedelta(microseconds=len(rows))
        if elsewhere is not None and elsewhere < now - timedelta(hours=1):
            assert moment == elsewhere
        else:
            assert all(moment > earlier for earlier in found[:place])
