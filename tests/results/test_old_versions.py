"""Databases, exports and records that earlier versions wrote are read, and brought up to date."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ntkbench.errors import InputError
from ntkbench.results.database import reading_as_it_is
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.schema import SCHEMA_VERSION, TABLES
from ntkbench.results.store import Store

DATA = Path(__file__).parents[1] / "data"
RUNS = {1: 4, 2: 5, 3: 5, 4: 6}
MEASUREMENTS = {1: 0, 2: 0, 3: 1, 4: 2}


@pytest.fixture(params=RUNS)
def version(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def folder(version: int) -> Path:
    """What a version wrote."""
    return DATA / f"version{version}"


@pytest.fixture
def old(folder: Path, version: int, tmp_path: Path) -> Path:
    """A copy of its database."""
    path = tmp_path / "old.duckdb"
    path.write_bytes(gzip.decompress((folder / "results.duckdb.gz").read_bytes()))
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(version,)]
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


def content(store: Store, sealed: bool = True) -> dict[str, list[tuple]]:
    """All rows; of runs alone, without who vouches for them and their place in the order, where they are not sealed."""
    asked = (
        {}
        if sealed
        else {
            "environment": "FROM environment WHERE environment_id IN (SELECT environment_id FROM run)",
            "run": "SELECT * EXCLUDE (origin, submitter, seal, stored) FROM run",
            "claim": "FROM claim WHERE claims_id IN (SELECT claims_id FROM run)",
        }
    )
    return {t: store.query(f"{asked.get(t, f'FROM {t}')} ORDER BY ALL")[1] for t in TABLES}


def test_a_database_is_brought_up_to_date_by_its_first_reader(old: Path, version: int) -> None:
    with duckdb.connect(str(old), read_only=True) as connection:
        there = [t for t in TABLES if version >= {"perf": 2, "part": 3}.get(t, 1)]
        before = {t: connection.execute(f"FROM {t} ORDER BY ALL").fetchall() for t in there}
        columns = {t: [c[0] for c in connection.execute(f"FROM {t}").description] for t in there}
    store = Store(old)
    for table in there:
        # What came later stands in columns at the end; all else is as it was.
        assert store.query(f"SELECT {', '.join(columns[table])} FROM {table} ORDER BY ALL")[1] == before[table]
    assert (
        store.query("SELECT DISTINCT side FROM claim ORDER BY side")[1]
        == [("at most",), ("within",)][max(0, 2 - version) :]
    )


def test_what_names_meant_is_in_columns_of_its_own(database: Path) -> None:
    import_sources(Store(database), [DATA / "version2/export"])
    store = Store(database)
    assert store.query("SELECT DISTINCT task, name, role, stage FROM metric JOIN run USING (run_id) ORDER BY ALL")[
        1
    ] == [
        ("images", "_bytes", None, None),
        ("images", "accuracy", None, None),
        ("images", "gram_error", "gram error", None),
        ("images", "kernel_bytes", "bytes", "kernel"),
        ("images", "kernel_operations", "operations", "kernel"),
        ("images", "peak_memory", "peak memory", None),
        ("images", "solve_operations", None, None),
        ("machine_limits", "bandwidth", "bandwidth", None),
        ("machine_limits", "product_float32", "float32 operation rate", None),
        ("machine_limits", "product_float64", "float64 operation rate", None),
        ("others", "bandwidth", None, None),
    ]
    assert store.query("SELECT DISTINCT name, theory_of FROM curve ORDER BY ALL")[1] == [
        ("predicted_alone", None),
        ("predicted_empty", None),
        ("predicted_test_error", "test_error"),
        ("test_error", None),
    ]
    measuring = store.query("SELECT task FROM run WHERE measures_machine")[1]
    assert measuring == [("machine_limits",)]
    assert store.query("SELECT stage, operations, bytes FROM rate WHERE backend = 'jax'")[1] == [("kernel", 4e10, 1e9)]
    limits = store.query("SELECT operations_per_second, bytes_per_second FROM machine_limit ORDER BY precision")[1]
    assert limits == [(1e11, 2e10), (5e10, 2e10)]
    assert store.query("SELECT DISTINCT gram_error, peak_memory FROM speed WHERE task = 'images'")[1] == [
        (1e-6, 2.0**30)
    ]


def test_one_brought_up_to_date_is_built_as_a_new_one(old: Path, database: Path) -> None:
    Store(database).prepare()
    found, wanted = structure(Store(old)), structure(Store(database))
    for what in wanted:
        assert found[what] == wanted[what], what


def test_one_brought_up_to_date_takes_new_runs_and_keeps_the_old_ones(
    old: Path, folder: Path, version: int, tmp_path: Path
) -> None:
    record = json.loads((folder / "records.jsonl").read_text().splitlines()[0])
    new = {**record, "run_id": "f" * 32}
    (tmp_path / "new.jsonl").write_text(json.dumps(new) + "\n")
    store = Store(old)
    assert import_sources(store, [tmp_path / "new.jsonl", folder / "records.jsonl"]) == (1, RUNS[version])
    with duckdb.connect(str(old)) as connection, pytest.raises(duckdb.Error, match="metric is append-only"):
        connection.execute("DELETE FROM metric")


def test_what_it_holds_of_this_hardware_is_this_machines_and_the_rest_imported(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("schema", "store", "latest"):
        monkeypatch.setattr(f"ntkbench.results.{module}.hardware_id", lambda: "m1")
    for module in ("store", "latest"):  # those who run the tests may have been given a share
        monkeypatch.setattr(f"ntkbench.results.{module}.cores_given", lambda: "")
    store = Store(old)
    rows = store.query("SELECT DISTINCT machine, origin FROM run JOIN environment USING (environment_id) ORDER BY ALL")[
        1
    ]
    assert ("m1", "this machine") in rows
    assert all((machine == "m1") == (origin == "this machine") for machine, origin in rows)
    # It need not be run again, although the machine has another name by now.
    good = store.query(
        "SELECT DISTINCT experiment_id FROM run WHERE origin = 'this machine' AND status IN ('ok', 'not_applicable')"
    )
    assert store.done("a new name") == {name for (name,) in good[1]} != set()
    tasks = [name for (name,) in store.query("SELECT DISTINCT task FROM run")[1]]
    assert len(store.latest("a new name", tasks)) == len(good[1])
    monkeypatch.setattr("ntkbench.results.store.hardware_id", lambda: "other hardware")
    assert store.done("a new name") == set()


@pytest.mark.parametrize("named", ["hardware_id", "machine_id"])
def test_so_is_what_asv_measured_under_a_name_of_this_machine(
    old: Path, version: int, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"ntkbench.results.schema.{named}", lambda: "m1")
    rows = Store(old).query("SELECT machine, origin, seal FROM perf JOIN environment USING (environment_id) ORDER BY 1")
    assert rows[1] == [("m1", "this machine", ""), ("m2", "import", "")][: MEASUREMENTS[version]]


def test_a_database_in_a_folder_that_cannot_be_written_says_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise duckdb.IOException("Read-only file system")

    monkeypatch.setattr("ntkbench.results.schema.upgrade", refused)
    with pytest.raises(InputError, match=f"cannot write to {old}: Read-only file system"):
        Store(old).query("FROM run")


@pytest.mark.parametrize("source", ["database", "export", "records.jsonl"])
def test_all_three_forms_are_imported_to_the_same(
    old: Path, folder: Path, version: int, database: Path, source: str
) -> None:
    before = old.read_bytes()
    store = Store(database)
    measured = MEASUREMENTS[version] if source != "records.jsonl" else 0
    assert import_sources(store, [old if source == "database" else folder / source]) == (RUNS[version] + measured, 0)
    # The source stays as it is.
    assert old.read_bytes() == before
    with reading_as_it_is(old) as (_, found_version):
        assert found_version == version
    sealed = version < 3 or source != "records.jsonl"
    found, wanted = content(store, sealed), content(Store(old), sealed)
    if source == "records.jsonl":  # which carry no declarations, measurements, seals and moments
        assert found.pop("declaration") == found.pop("perf") == []
        del wanted["declaration"], wanted["perf"]
    assert found == wanted


def test_whichever_way_it_came_its_export_has_the_same_bytes(
    old: Path, folder: Path, database: Path, tmp_path: Path
) -> None:
    import_sources(Store(database), [folder / "export"])
    export_parquet(Store(database), tmp_path / "imported")
    export_parquet(Store(old), tmp_path / "upgraded")
    for file in (tmp_path / "upgraded").iterdir():
        assert file.read_bytes() == (tmp_path / "imported" / file.name).read_bytes(), file.name


def test_an_export_says_its_version_and_one_of_a_newer_ntkbench_is_refused(old: Path, tmp_path: Path) -> None:
    written = tmp_path / "export"
    export_parquet(Store(old), written)
    file = written / "schema_version.parquet"
    assert duckdb.sql(f"FROM '{file}'").fetchall() == [(SCHEMA_VERSION,)]
    duckdb.sql(f"COPY (SELECT {SCHEMA_VERSION + 1} AS version) TO '{file}'")
    with pytest.raises(InputError, match=f"{written} is of a newer ntkbench"):
        import_sources(Store(tmp_path / "new.duckdb"), [written])


def test_verify_compares_with_an_export_of_an_earlier_version(folder: Path, database: Path, ntkbench: Callable) -> None:
    import_sources(Store(database), [folder / "export"])
    outcome = ntkbench("verify", "--against", folder / "export")
    assert outcome.err == ""
    assert "Runs that differ from the reference" not in outcome.out


@pytest.mark.parametrize("table", ["run", "timing", "curve", "claim"])
def test_an_old_export_without_one_of_its_tables_is_refused(
    folder: Path, database: Path, tmp_path: Path, table: str
) -> None:
    export = shutil.copytree(folder / "export", tmp_path / "export")
    (export / f"{table}.parquet").unlink()
    with pytest.raises(InputError, match=f"{export} is not an export: it lacks {table}.parquet"):
        import_sources(Store(database), [export])


def test_an_old_export_without_one_of_its_columns_is_refused_in_one_line(database: Path, tmp_path: Path) -> None:
    export = shutil.copytree(DATA / "version2/export", tmp_path / "export")
    duckdb.sql(
        f"COPY (SELECT * EXCLUDE (better) FROM '{DATA}/version2/export/metric.parquet') TO '{export}/metric.parquet'"
    )
    with pytest.raises(InputError, match=f"^{export}: ") as caught:
        import_sources(Store(database), [export])
    assert "\n" not in str(caught.value)
