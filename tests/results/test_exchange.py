from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from ntkbench.errors import InputError
from ntkbench.results.exchange import sources
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.record import RunRecord
from ntkbench.results.rows import Declaration, read_records
from ntkbench.results.schema import TABLES
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())

TEXTS = Declaration("texts", 4, "2026-01-02T00:00:00+00:00", RECORD.claims)


def numbered(number: int, **changes) -> RunRecord:
    return replace(RECORD, run_id=f"{number:032x}", experiment_id=f"{number:032x}", **changes)


@pytest.fixture
def store(database: Path) -> Store:
    """Where no database is yet."""
    return Store(database)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with three runs, and with a task that was declared and not run."""
    store = Store(tmp_path_factory.mktemp("three") / "results.duckdb")
    store.prepare()
    store.add([numbered(1), numbered(2, status="error", reason="no"), numbered(3, seed=1)])
    store.declare([TEXTS])
    return store.path


@pytest.fixture
def filled(three: Path, tmp_path: Path) -> Store:
    """A copy of it."""
    return Store(shutil.copy(three, tmp_path / "filled.duckdb"))


def lines(path: Path, *records: RunRecord) -> Path:
    path.write_text("".join(record.to_json() + "\n" for record in records))
    return path


def everything(store: Store) -> dict[str, list[tuple]]:
    return {table: store.query(f"FROM {table} ORDER BY ALL")[1] for table in TABLES}


def count(store: Store) -> int:
    return store.query("SELECT count(*) FROM run")[1][0][0]


def test_an_export_rebuilds_the_database(filled, store, tmp_path):
    export_parquet(filled, tmp_path / "export")
    assert sources.import_sources(store, [tmp_path / "export"]) == (3, 0)
    assert everything(store) == everything(filled)


def test_another_database_is_imported_whole(filled, store):
    assert sources.import_sources(store, [filled.path]) == (3, 0)
    assert everything(store) == everything(filled)


def test_a_database_is_known_by_its_content_whatever_its_name(filled, store):
    assert sources.import_sources(store, [filled.path.rename(filled.path.with_name("results.db"))]) == (3, 0)


def test_json_lines_rebuild_the_runs_and_their_claims(filled, store, tmp_path):
    source = lines(tmp_path / "r.jsonl", numbered(1), numbered(2, status="error", reason="no"), numbered(3, seed=1))
    assert sources.import_sources(store, [source]) == (3, 0)
    query = "SELECT * EXCLUDE (origin, submitter, seal) FROM run ORDER BY ALL"
    assert store.query(query)[1] == filled.query(query)[1]
    runs = {t: rows for t, rows in everything(filled).items() if t not in ("declaration", "claim", "run")}
    assert {table: everything(store)[table] for table in runs} == runs
    assert store.query("SELECT DISTINCT task FROM claim")[1] == [("images",)]


def test_importing_again_adds_nothing(filled, store, tmp_path):
    export_parquet(filled, tmp_path / "export")
    source = lines(tmp_path / "r.jsonl", numbered(1), numbered(4))
    assert sources.import_sources(store, [source]) == (2, 0)
    assert sources.import_sources(store, [tmp_path / "export", source, filled.path]) == (2, 6)
    before = everything(store)
    assert sources.import_sources(store, [filled.path, tmp_path / "export"]) == (0, 6)
    assert everything(store) == before


def test_equal_content_is_exported_as_equal_bytes(filled, store, tmp_path):
    export_parquet(filled, tmp_path / "one")
    # One by one, and twice.
    for record in (numbered(1), numbered(2, status="error", reason="no"), numbered(3, seed=1)):
        assert [store.add([record]), store.add([record])] == [1, 0]
    store.declare([TEXTS])
    export_parquet(store, tmp_path / "other")
    for table in TABLES:
        one, other = (tmp_path / folder / f"{table}.parquet" for folder in ("one", "other"))
        assert one.read_bytes() == other.read_bytes(), table


def test_an_export_replaces_an_older_one_and_leaves_nothing_else(filled, tmp_path):
    folder = tmp_path / "export"
    export_parquet(filled, folder)
    filled.add([numbered(9)])
    export_parquet(filled, folder)
    names = sorted(f"{table}.parquet" for table in (*TABLES, "schema_version"))
    assert sorted(file.name for file in folder.iterdir()) == names
    ((runs,),) = duckdb.sql(f"SELECT count(*) FROM '{folder}/run.parquet'").fetchall()
    assert runs == 4


def test_a_folder_may_have_any_name(filled, store, tmp_path):
    folder = tmp_path / "it's [1] *of* two?"
    export_parquet(filled, folder)
    filled.add([numbered(4)])
    export_parquet(filled, tmp_path / "it's 1 of two1")
    assert sources.import_sources(store, [folder]) == (3, 0)


def test_a_line_may_hold_any_character_of_a_text(store, tmp_path):
    odd = "a\u2028b\u0085c\x0bd\ne"
    assert sources.import_sources(store, [lines(tmp_path / "odd.jsonl", replace(RECORD, reason=odd))]) == (1, 0)
    assert store.query("SELECT reason FROM run")[1] == [(odd,)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_sources_that_contradict_each_other_are_both_named(store, tmp_path, order):
    both = [lines(tmp_path / "one.jsonl", numbered(1)), lines(tmp_path / "two.jsonl", numbered(1, seed=5))]
    first, second = (both[i] for i in order)
    with pytest.raises(InputError, match=f"run {1:032x} in {second}, line 1 differs from the one in {first}, line 1"):
        sources.import_sources(store, [first, second])
    assert not store.path.exists()


def test_a_source_that_contradicts_the_database_is_named_with_it(store, tmp_path):
    store.add([numbered(1)])
    source = lines(tmp_path / "new.jsonl", numbered(2), numbered(1, seed=5))
    with pytest.raises(InputError, match=f"in {source}, line 2 differs from the one in {store.path}"):
        sources.import_sources(store, [source])
    assert count(store) == 1


def test_what_is_refused_leaves_the_database_as_it_was(filled, tmp_path):
    export_parquet(filled, tmp_path / "before")
    bad = tmp_path / "bad.jsonl"
    for text in ("{", numbered(1, seed=5).to_json(), numbered(9).to_json().replace('"seed":0', '"seed":"0"')):
        bad.write_text(numbered(8).to_json() + "\n" + text + "\n")
        with pytest.raises(InputError, match=f"{bad}, line 2"):
            sources.import_sources(filled, [bad])
    export_parquet(filled, tmp_path / "after")
    for file in (tmp_path / "before").iterdir():
        assert file.read_bytes() == (tmp_path / "after" / file.name).read_bytes()


def test_long_and_odd_texts_survive_every_form(store, filled, tmp_path):
    odd = 'it\'s "odd" \\ \n\t\x01 \u2028 ñ 汉字 🙂 -- ; DROP TABLE run'
    record = numbered(
        9,
        traceback="\n".join(f"line {number}: {odd}" for number in range(200_000)),
        params={odd: odd, "'": 1.5},
        reason=odd,
        environment={odd: odd},
    )
    assert len(record.traceback) > 10_000_000
    sources.import_sources(filled, [lines(tmp_path / "odd.jsonl", record)])
    export_parquet(filled, tmp_path / "export")
    sources.import_sources(store, [tmp_path / "export"])
    with store.reading() as connection:
        (found,) = read_records(connection, [record.run_id])
    assert (found.traceback, found.params, found.reason) == (record.traceback, record.params, record.reason)
    assert found.environment == record.environment


@pytest.mark.parametrize("place", ["file/below", "/proc/none"])
def test_where_an_export_cannot_be_written_one_line_says_so(filled, tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"cannot write to {tmp_path / place}: "):
        export_parquet(filled, tmp_path / place)


def test_without_a_database_no_folder_is_made(tmp_path):
    with pytest.raises(InputError, match="no database"):
        export_parquet(Store(tmp_path / "none.duckdb"), tmp_path / "export")
    assert list(tmp_path.iterdir()) == []
