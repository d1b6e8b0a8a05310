from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from ntkbench.errors import InputError, NotInstalled
from ntkbench.results import database as database_module
from ntkbench.results.perf.asv import Measurement
from ntkbench.results.record import PartRow, RunRecord
from ntkbench.results.rows import Declaration
from ntkbench.results.schema import SCHEMA_VERSION, TABLES
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())

MEASUREMENT = Measurement(
    {"machine": "m1", "commit": "c1"}, "bench.time_gram", "v1", {"depth": 3}, datetime(2026, 1, 1, tzinfo=UTC),
    "A subject", datetime(2026, 1, 2, tzinfo=UTC), "s", 0.5, 0.4, 0.6, (0.4, 0.5, 0.6), 2, "",
)  # fmt: skip


def numbered(number: int, **changes) -> RunRecord:
    return replace(RECORD, run_id=f"{number:032x}", experiment_id=f"{number:032x}", **changes)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a run; making one takes longer than most of these tests."""
    path = tmp_path_factory.mktemp("empty") / "results.duckdb"
    Store(path).prepare()
    return path


@pytest.fixture
def store(empty: Path, database: Path) -> Store:
    return Store(shutil.copy(empty, database), patience=5)


def count(store: Store, table: str = "run") -> int:
    return store.query(f"SELECT count(*) FROM {table}")[1][0][0]


def test_a_record_is_added_once(store):
    assert store.add([RECORD, numbered(2)]) == 2
    assert store.add([RECORD, numbered(3), numbered(3)]) == 1
    assert count(store) == 3
    assert count(store, "timing") == 9


def test_the_same_environment_and_claims_are_kept_once(store):
    store.add([numbered(1), numbered(2)])
    assert (count(store, "environment"), count(store, "claim")) == (1, 2)


def test_a_run_of_the_same_id_and_other_content_is_refused_and_nothing_is_added(store):
    store.add([RECORD])
    other = replace(RECORD, seed=7)
    with pytest.raises(InputError, match=f"run {RECORD.run_id} in that file differs from the one in .*duckdb"):
        store.add([numbered(2), other], places={other.run_id: "that file"})
    assert count(store) == 1


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A database with a row in every table."""
    store = Store(tmp_path_factory.mktemp("filled") / "results.duckdb")
    store.prepare()
    declared = Declaration("images", 1, RECORD.finished, RECORD.claims)
    store.add([replace(RECORD, parts=[PartRow("starting", 0.5)])], [declared], measurements=[(MEASUREMENT, "asv")])
    return store


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "change", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", "TRUNCATE {table}"]
)
def test_nothing_stored_can_be_changed_or_removed(filled, table, change):
    with duckdb.connect(str(filled.path)) as connection:
        column = connection.execute(f"FROM {table}").description[0][0]
        with pytest.raises(duckdb.Error, match=f"{table} is append-only"):
            connection.execute(change.format(table=table, column=column))
    assert count(filled, table) > 0


def test_what_is_done_is_what_ended_well_or_does_not_apply(store):
    store.add([numbered(1), numbered(2, status="error"), numbered(3, status="not_applicable")])
    assert store.done("m1") == {f"{1:032x}", f"{3:032x}"}


def test_what_waits_for_data_that_may_be_had_now_is_not_done(store):
    lacking = {"status": "not_applicable", "dataset_sha256": "0" * 64}
    store.add([numbered(1, dataset="uci90", **lacking), numbered(2, dataset="cifar10", **lacking)])
    store.add([numbered(3, dataset="uci90", dataset_sha256="0" * 64)])
    assert store.done("m1") == {f"{2:032x}", f"{3:032x}"}


def test_what_waits_for_a_library_that_may_be_had_now_is_not_done(store):
    reasons = [str(NotInstalled("a task", "GPyTorch", "gpytorch")), "numba lacks autodiff"]
    store.add(numbered(k, status="not_applicable", reason=reason) for k, reason in enumerate(reasons))
    assert store.done("m1") == {f"{1:032x}"}


def test_what_is_done_on_one_machine_is_not_done_on_another(store):
    elsewhere = {**RECORD.environment, "machine": "m2"}
    both = replace(numbered(1), run_id="f" * 32, environment=elsewhere)
    store.add([numbered(1), both, numbered(2), numbered(3, environment=elsewhere)])
    assert store.done("m1") == {f"{1:032x}", f"{2:032x}"}
    assert store.done("m2") == {f"{1:032x}", f"{3:032x}"}
    assert store.done("m3") == set()


def test_without_a_database_nothing_is_done_and_a_query_says_how_to_get_one(tmp_path):
    store = Store(tmp_path / "none.duckdb")
    assert store.done("m1") == set()
    with pytest.raises(InputError, match=r"no database at .*none\.duckdb; `ntkbench run` makes one"):
        store.query("SELECT 1")
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_gets_the_present_views(store):
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("DROP VIEW verdict; CREATE OR REPLACE VIEW leaderboard AS SELECT 1 AS old")
        connection.execute("UPDATE schema_version SET views = 'old'")
    store.add([RECORD])
    assert store.query("SELECT claim, verdict FROM verdict ORDER BY ALL")[1][0] == ("forty", "inconclusive")
    assert "rank" in store.query("FROM leaderboard")[0]
    assert count(store) == 1


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ([], "states no schema version"),
        ([SCHEMA_VERSION + 1], "of a newer ntkbench .*upgrade ntkbench"),
        ([SCHEMA_VERSION, SCHEMA_VERSION + 1], "of a newer ntkbench"),
        ([0], "there is no schema version 0"),
    ],
)
def test_a_file_of_another_schema_is_refused_and_left_alone(store, versions, message):
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("DELETE FROM schema_version")
        for version in versions:
            connection.execute("INSERT INTO schema_version VALUES (?, NULL)", [version])
    before = store.path.read_bytes()
    for use in (store.prepare, lambda: store.add([RECORD]), lambda: store.query("SELECT 1")):
        with pytest.raises(InputError, match=message) as caught:
            use()
        assert "\n" not in str(caught.value)
    assert store.path.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS a")
    with pytest.raises(InputError, match="not one of ntkbench"):
        Store(path).prepare()
    with duckdb.connect(str(path)) as connection:
        assert [row[0] for row in connection.execute("SHOW TABLES").fetchall()] == ["mine"]


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database" * 1000)
    for use in (Store(path).prepare, lambda: Store(path).done("m1")):
        with pytest.raises(InputError, match=r"notes\.txt is not a DuckDB database"):
            use()
    assert path.read_text() == "not a database" * 1000


def test_a_folder_is_no_database(tmp_path):
    for use in (Store(tmp_path).prepare, lambda: Store(tmp_path).done("m1")):
        with pytest.raises(InputError, match="is a folder, not a database"):
            use()


@pytest.mark.parametrize("place", ["file/below/results.duckdb", "/proc/results.duckdb", "/proc/none/results.duckdb"])
def test_where_nothing_can_be_written_one_line_says_so(tmp_path, place):
    (tmp_path / "file").write_text("")
    path = tmp_path / place
    with pytest.raises(InputError, match=f"cannot write to {path}: ") as caught:
        Store(path).prepare()
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == ""


def test_nothing_is_left_beside_the_database(store):
    store.add([RECORD])
    assert list(store.path.parent.iterdir()) == [store.path]


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
def test_a_file_system_without_hard_links_will_do(database, monkeypatch, refusal):
    def link(*_: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    monkeypatch.setattr(os, "link", link)
    store = Store(database)
    store.prepare()
    assert store.add([RECORD]) == 1


@pytest.mark.parametrize("links", [True, False])
def test_the_database_of_a_process_that_was_first_is_not_replaced(store, monkeypatch, links):
    store.add([RECORD])
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no")))
    database_module._create(store.path)
    assert count(store) == 1


@pytest.mark.parametrize("odd", ["it's", "x' OR 'a' = 'a", '"; DROP TABLE run; --'])
def test_values_of_a_query_are_parameters(store, odd):
    store.add([replace(RECORD, task=odd), replace(RECORD, run_id="b" * 32)])
    assert store.query("SELECT task FROM run WHERE task = ?", [odd])[1] == [(odd,)]
    named = store.query("SELECT count(*) FROM run WHERE task IN (SELECT unnest($tasks::VARCHAR[]))", {"tasks": [odd]})
    assert named[1] == [(1,)]


FULL = """
import resource, sys
from pathlib import Path
from ntkbench.errors import SystemFault
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

record = RunRecord.from_json(Path(sys.argv[2]).read_text())
# The disk is full at this size of a file: the write fails as it does with no space left.
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    Store(Path(sys.argv[1])).add([record])
except SystemFault as error:
    print(error)
"""


def test_a_full_disk_is_one_line_and_the_database_stays_as_it_was(store, tmp_path):
    store.add([RECORD])
    large = tmp_path / "large.json"
    points = [float(i * i % 9973) for i in range(20_000)]
    curves = [replace(RECORD.curves[0], x=points, y=points)]
    large.write_text(numbered(2, curves=curves).to_json())
    size = str(store.path.stat().st_size + 10_000)
    done = subprocess.run(
        [sys.executable, "-c", FULL, store.path, large, size], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"cannot write to {store.path}: ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert (count(store), count(store, "curve")) == (1, 3)
    assert store.add([RunRecord.from_json(large.read_text())]) == 1


@pytest.mark.parametrize("size", [0, 5_000, 100_000])
def test_a_disk_too_full_for_a_new_database_leaves_none(database, tmp_path, size):
    record = Path(__file__).parents[1] / "data" / "record.json"
    done = subprocess.run(
        [sys.executable, "-c", FULL, database, record, str(size)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"cannot write to {database}: ")
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
