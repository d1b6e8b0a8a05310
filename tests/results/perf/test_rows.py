from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from ntkbench.errors import InputError
from ntkbench.results.exchange.parquet import export_parquet
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.origin import IMPORT, THIS_MACHINE, Origin
from ntkbench.results.perf.asv import Measurement
from ntkbench.results.perf.rows import read_measurements
from ntkbench.results.store import Store

ONE = Measurement(
    {"machine": "m1", "commit": "c1"}, "bench.time_gram", "v1", {"pooling": "it's \"gap\"", "depth": 3},
    datetime(2026, 1, 1, tzinfo=UTC), "Größer, schneller", datetime(2026, 1, 2, tzinfo=UTC), "s", 0.5, 0.4, 0.6,
    (0.4, 0.5, 0.6), 2, "",
)  # fmt: skip
FAILED = replace(ONE, benchmark="bench.time_solve", value=None, low=None, high=None, samples=(), failure="it failed")


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    assert store.path.exists() is False
    store.add([], measurements=[(ONE, "one"), (FAILED, "one")])
    return store


def stored(store: Store) -> list[Measurement]:
    with store.reading() as connection:
        return sorted(read_measurements(connection), key=lambda m: m.benchmark)


def test_what_was_measured_comes_out_as_it_went_in(store: Store) -> None:
    assert stored(store) == [ONE, FAILED]


def test_the_same_again_adds_nothing_whatever_the_zone_of_its_times(store: Store) -> None:
    elsewhere = timezone(timedelta(hours=5))
    moved = replace(ONE, measured=ONE.measured.astimezone(elsewhere), committed=ONE.committed.astimezone(elsewhere))
    assert store.add([], measurements=[(moved, "two"), (ONE, "three")]) == 0
    assert stored(store) == [ONE, FAILED]


def test_a_new_environment_version_or_moment_is_another_measurement(store: Store) -> None:
    others = [
        replace(ONE, facts={**ONE.facts, "commit": "c2"}),
        replace(ONE, version="v2"),
        replace(ONE, measured=ONE.measured + timedelta(hours=1)),
        replace(ONE, params={"depth": 6}),
    ]
    assert store.add([], measurements=[(m, "two") for m in others]) == 4


def test_one_that_contradicts_what_is_there_is_refused_with_all_that_came_along(store: Store) -> None:
    new = replace(ONE, version="v2")
    with pytest.raises(InputError, match=r"bench.time_gram of 2026-01-02\S+ in two differs from that in the database"):
        store.add([], measurements=[(new, "two"), (replace(ONE, value=0.7), "two")])
    with pytest.raises(InputError, match=r"in three differs from that in two"):
        store.add([], measurements=[(new, "two"), (replace(new, value=0.7), "three")])
    assert stored(store) == [ONE, FAILED]


def test_measurements_travel_in_exports_and_databases(store: Store, tmp_path: Path) -> None:
    export_parquet(store, tmp_path / "export")
    for number, source in enumerate([tmp_path / "export", store.path]):
        other = Store(tmp_path / f"other{number}.duckdb")
        assert import_sources(other, [source]) == (2, 0)
        assert import_sources(other, [source]) == (0, 2)
        assert stored(other) == [ONE, FAILED]


def test_they_come_back_as_this_machines_and_to_another_as_imports(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replace(ONE, version="v2", value=3, samples=(3,))  # to JSON another text than 3.0
    store.add([], measurements=[(whole, "asv"), (replace(ONE, version="v3", origin=Origin("import", "Ada")), "asv")])
    export_parquet(store, tmp_path / "export")
    wanted = [("v1", THIS_MACHINE), ("v1", THIS_MACHINE), ("v2", THIS_MACHINE), ("v3", Origin("import", "Ada"))]

    def origins(name: str) -> list[tuple[str, Origin]]:
        other = Store(tmp_path / name)
        import_sources(other, [tmp_path / "export"])
        with other.reading() as connection:
            return sorted(((m.version, m.origin) for m in read_measurements(connection)), key=lambda one: one[0])

    assert origins("back.duckdb") == wanted
    monkeypatch.setenv("NTKBENCH_MACHINE", "another")
    assert origins("elsewhere.duckdb") == [(version, IMPORT) for version, _ in wanted]


def test_a_seal_is_of_one_content(store: Store, tmp_path: Path) -> None:
    export_parquet(store, tmp_path / "export")
    file = tmp_path / "export/perf.parquet"
    genuine = file.rename(tmp_path / "genuine.parquet")
    duckdb.sql(f"COPY (SELECT * REPLACE (coalesce(value, 1) / 2 AS value) FROM '{genuine}') TO '{file}'")
    other = Store(tmp_path / "other.duckdb")
    import_sources(other, [tmp_path / "export"])
    assert other.query("SELECT DISTINCT origin FROM perf")[1] == [("import",)]


def test_a_folder_of_asv_is_imported(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "asv"
    (folder / "m1").mkdir(parents=True)
    about = {"time_gram": {"param_names": [], "type": "time", "unit": "seconds"}}
    (folder / "benchmarks.json").write_text(json.dumps(about))
    result = {
        "version": 2, "commit_hash": "a" * 40, "date": 1_767_225_600_000, "python": "3.11",
        "params": {"machine": "m1", "cpu": "Z", "num_cpu": "2", "ram": "1024", "os": "Linux"},
        "result_columns": ["result", "params", "version", "started_at"],
        "results": {"time_gram": [[0.25], [], "v1", 1_767_312_000_000]},
    }  # fmt: skip
    (folder / "m1" / "aaaaaaaa.json").write_text(json.dumps(result))
    assert import_sources(Store(database), [folder]) == (1, 0)
    assert import_sources(Store(database), [folder]) == (0, 1)
    rows = Store(database).query(
        "SELECT benchmark, machine, commit_id, committed, value, unit, origin FROM perf_history"
    )[1]
    assert rows == [("time_gram", "m1", "a" * 40, datetime(2026, 1, 1), 0.25, "s", "import")]
