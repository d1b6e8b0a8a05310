"""What is no record, no export or no database is refused with its place, and nothing of it is imported."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.errors import InputError
from ntkbench.results.exchange import sources
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


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
    return store.path


@pytest.fixture
def filled(three: Path, tmp_path: Path) -> Store:
    """A copy of it."""
    return Store(shutil.copy(three, tmp_path / "filled.duckdb"))


def lines(path: Path, *records: RunRecord) -> Path:
    path.write_text("".join(record.to_json() + "\n" for record in records))
    return path


def count(store: Store) -> int:
    return store.query("SELECT count(*) FROM run")[1][0][0]


MALFORMED = [
    ("{", "not JSON"),
    ("[1]", "JSON object"),
    (lambda r: {**r, "format": 99}, "newer"),
    (lambda r: {k: v for k, v in r.items() if k != "seed"}, "lacks the field 'seed'"),
    (lambda r: {**r, "sead": 1}, "sead"),
    (lambda r: {**r, "run_id": "7"}, "run_id"),
    (lambda r: {**r, "seed": "0"}, "seed"),
    (lambda r: {**r, "seed": 2**40}, "seed"),
    (lambda r: {**r, "finished": "yesterday"}, "yesterday"),
    (lambda r: {**r, "params": {"a": [1]}}, "params"),
    (lambda r: {**r, "reason": "\ud800"}, "reason"),
    (lambda r: {**r, "metrics": 5}, "metrics"),
    (lambda r: {**r, "metrics": r["metrics"] * 2}, "twice"),
    (lambda r: {**r, "metrics": [{**r["metrics"][0], "value": "40"}]}, "value"),
    (lambda r: {**r, "metrics": [{**r["metrics"][0], "value": float("nan")}]}, "value"),
    (lambda r: {**r, "metrics": [{**r["metrics"][0], "name": ["a"]}]}, "name"),
    (lambda r: {**r, "curves": [{**r["curves"][0], "x": [1.0]}]}, "points"),
    (lambda r: {**r, "timings": r["timings"] * 2}, "twice"),
    (lambda r: {**r, "claims": r["claims"] * 2}, "twice"),
    (lambda r: {**r, "environment": ["cpu"]}, "environment"),
]


@pytest.mark.parametrize(("fault", "says"), MALFORMED)
def test_a_malformed_line_is_named_with_its_file_and_nothing_is_imported(store, tmp_path, fault, says):
    bad = fault if isinstance(fault, str) else json.dumps(fault(json.loads(RECORD.to_json())))
    good, source = lines(tmp_path / "good.jsonl", numbered(7)), tmp_path / "bad.jsonl"
    source.write_text(numbered(8).to_json() + "\n\n" + bad + "\n")
    with pytest.raises(InputError) as caught:
        sources.import_sources(store, [good, source])
    assert str(caught.value).startswith(f"{source}, line 3: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not store.path.exists()


def test_a_source_that_is_not_there_stops_all(store, filled, tmp_path):
    with pytest.raises(InputError, match=r"none\.jsonl does not exist"):
        sources.import_sources(store, [filled.path, tmp_path / "none.jsonl"])
    assert not store.path.exists()


def test_a_folder_that_is_no_export_is_refused(store, filled, tmp_path):
    with pytest.raises(InputError, match=r"is not an export: it lacks environment\.parquet"):
        sources.import_sources(store, [tmp_path])
    export_parquet(filled, tmp_path / "export")
    (tmp_path / "export" / "curve.parquet").unlink()
    with pytest.raises(InputError, match=r"is not an export: it lacks curve\.parquet"):
        sources.import_sources(store, [tmp_path / "export"])


@pytest.mark.parametrize(
    ("table", "sql", "says"),
    [
        ("run", "SELECT * EXCLUDE (seed) FROM run", "seed"),
        ("run", "SELECT * REPLACE ('x' AS run_id) FROM run", "run_id"),
        ("run", "SELECT * REPLACE ('1 / 0' AS params) FROM run", "JSON"),
        ("run", "SELECT * REPLACE ('odd' AS status) FROM run", "status"),
        ("environment", "FROM environment WHERE false", "has no environment"),
        ("metric", "SELECT * REPLACE (NULL::DOUBLE AS value) FROM metric", "value"),
    ],
)
def test_tables_that_hold_no_records_are_refused_with_their_folder(store, filled, tmp_path, table, sql, says):
    folder = tmp_path / "export"
    export_parquet(filled, folder)
    with filled.reading() as connection:
        connection.execute(f"COPY ({sql}) TO '{folder}/{table}.parquet' (FORMAT parquet)")
    with pytest.raises(InputError) as caught:
        sources.import_sources(store, [folder])
    assert str(folder) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not store.path.exists()


@pytest.mark.parametrize("value", ["'nan'", "'inf'", "'-inf'"])
def test_a_number_that_is_none_in_a_parquet_file_is_refused_with_its_run(store, filled, tmp_path, value):
    folder = tmp_path / "export"
    export_parquet(filled, folder)
    with filled.reading() as connection:
        sql = f"SELECT * REPLACE ({value}::DOUBLE AS value) FROM metric"
        connection.execute(f"COPY ({sql}) TO '{folder}/metric.parquet' (FORMAT parquet)")
    with pytest.raises(InputError, match=f"{folder}: run {1:032x}: metric 'accuracy': value must be a finite number"):
        sources.import_sources(store, [folder])


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT * EXCLUDE (seed) FROM run", "run.parquet lacks the column 'seed'"),
        ("SELECT * REPLACE (seed::VARCHAR AS seed) FROM run", "run.parquet: column 'seed' holds VARCHAR, not INTEGER"),
        ("SELECT *, 1 AS mood FROM run", "run.parquet has a column 'mood', which this ntkbench does not know"),
        ("SELECT 1 AS a", "run.parquet lacks the column 'run_id'"),
    ],
)
def test_a_parquet_file_of_another_schema_is_named_with_the_column(filled, tmp_path, sql, says):
    export_parquet(filled, tmp_path / "before")
    folder = tmp_path / "export"
    export_parquet(filled, folder)
    with filled.reading() as connection:
        connection.execute(f"COPY ({sql}) TO '{folder}/run.parquet' (FORMAT parquet)")
    with pytest.raises(InputError, match=f"^{folder}/{says}$"):
        sources.import_sources(filled, [folder])
    export_parquet(filled, tmp_path / "after")
    for file in (tmp_path / "before").iterdir():
        assert file.read_bytes() == (tmp_path / "after" / file.name).read_bytes()


def test_a_parquet_file_that_is_none_is_refused(store, filled, tmp_path):
    export_parquet(filled, tmp_path / "export")
    (tmp_path / "export" / "metric.parquet").write_text("no parquet")
    with pytest.raises(InputError, match=f"{tmp_path}/export/metric.parquet: "):
        sources.import_sources(store, [tmp_path / "export"])


@pytest.mark.parametrize("name", ["old.duckdb", "old.txt"])
def test_a_file_that_is_neither_lines_nor_a_database_is_refused(store, tmp_path, name):
    source = tmp_path / name
    source.write_bytes(b"\xff\xfe\x00" * 100)
    with pytest.raises(InputError, match=f"{source} (is not a DuckDB database|cannot be read as JSON lines)"):
        sources.import_sources(store, [source])
