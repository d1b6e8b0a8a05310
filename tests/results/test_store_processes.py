"""The database with several processes at it, some of them killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.errors import InputError
from ntkbench.results.database import BusyError
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

FILE = Path(__file__).parents[1] / "data" / "record.json"
RECORD = RunRecord.from_json(FILE.read_text())

# Adds records with the numbers from..to, and prints each number when it is stored.
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

record = RunRecord.from_json(Path(sys.argv[2]).read_text())
for number in range(int(sys.argv[3]), int(sys.argv[4])):
    Store(Path(sys.argv[1])).add([replace(record, run_id=f"{number:032x}")])
    print(number, flush=True)
"""

# Opens the database as `sys.argv[2]` says, tells so, and keeps it until its standard input ends.
HOLDER = """
import sys
import duckdb

connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reading")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(database: Path) -> Store:
    store = Store(database)
    store.prepare()
    return store


@contextmanager
def process(script: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def run_ids(store: Store) -> set[int]:
    return {int(row[0], 16) for row in store.query("SELECT run_id FROM run")[1]}


def incomplete(store: Store) -> int:
    """How many runs lack one of their rows."""
    return store.query(
        "SELECT count(*) FROM run r WHERE (SELECT count(*) FROM timing t WHERE t.run_id = r.run_id) <> 3"
        " OR (SELECT count(*) FROM metric m WHERE m.run_id = r.run_id) <> 2"
        " OR (SELECT count(*) FROM curve c WHERE c.run_id = r.run_id) <> 3"
        " OR r.claims_id NOT IN (SELECT claims_id FROM claim)"
        " OR r.environment_id NOT IN (SELECT environment_id FROM environment)"
    )[1][0][0]


def test_readers_are_answered_while_a_writer_adds(store):
    with process(WRITER, store.path, FILE, 1, 100_000) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        seen: list[int] = []
        deadline = time.monotonic() + 600
        while len(set(seen)) < 3 and time.monotonic() < deadline:
            seen.append(len(run_ids(store)))
            assert incomplete(store) == 0
        assert writer.poll() is None
    assert len(set(seen)) == 3
    assert seen == sorted(seen)


def test_two_writers_that_contend_both_land(store):
    with process(WRITER, store.path, FILE, 1, 11) as one, process(WRITER, store.path, FILE, 101, 111) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    assert run_ids(store) == {*range(1, 11), *range(101, 111)}


READER = """
import sys
from pathlib import Path
from ntkbench.results.store import Store

most = 0
while most < int(sys.argv[2]):
    found = Store(Path(sys.argv[1])).query("SELECT count(*), count(DISTINCT run_id) FROM run")[1][0]
    assert found[0] == found[1] >= most, found
    most = found[0]
"""


@pytest.mark.slow
def test_many_writers_and_readers_at_once_lose_and_double_nothing(store):
    processes, each = 4, 6
    with ExitStack() as stack:
        readers = [stack.enter_context(process(READER, store.path, processes * each)) for _ in range(2)]
        ranges = [(1000 * k, 1000 * k + each) for k in range(processes)]
        writers = [stack.enter_context(process(WRITER, store.path, FILE, *numbers)) for numbers in ranges]
        assert [child.wait(120) for child in [*writers, *readers]] == [0] * (processes + 2)
    assert run_ids(store) == {n for first, last in ranges for n in range(first, last)}
    assert incomplete(store) == 0


def test_two_processes_that_make_the_database_at_once_both_land(database):
    with process(WRITER, database, FILE, 1, 2) as one, process(WRITER, database, FILE, 2, 3) as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    assert run_ids(Store(database)) == {1, 2}
    assert list(database.parent.iterdir()) == [database]


@pytest.mark.parametrize("how", ["reading", "writing"])
def test_a_file_that_is_held_for_long_is_busy_and_one_line_says_what_to_do(store, how):
    impatient = replace(store, patience=0.2)
    with process(HOLDER, store.path, how) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=r"another process is using .*\.duckdb; try again") as caught:
            impatient.add([RECORD])
        assert "\n" not in str(caught.value)
        if how == "reading":  # readers do not mind each other
            assert run_ids(impatient) == set()
        else:
            with pytest.raises(BusyError):
                impatient.query("SELECT 1")
    assert store.add([RECORD]) == 1


def test_a_file_that_is_held_for_a_moment_is_waited_for(store):
    with process(HOLDER, store.path, "writing") as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        with process("import sys, time; time.sleep(0.3); print('now')") as alarm:
            assert alarm.stdout is not None
            alarm.stdout.readline()
            holder.stdin.close()
            assert store.add([RECORD]) == 1


@pytest.mark.parametrize("moment", [0.0, 0.011, 0.023, 0.037, 0.052])
def test_a_writer_killed_at_any_moment_leaves_whole_runs_only(store, moment):
    with process(WRITER, store.path, FILE, 1, 1000) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(moment)
        writer.kill()
        told = {1, *(int(line) for line in writer.stdout)}
    # The first to open it after the kill is a reader.
    stored = run_ids(store)
    assert told <= stored <= {*told, max(told) + 1}
    assert incomplete(store) == 0
    assert store.add([replace(RECORD, run_id=f"{5000:032x}")]) == 1
    assert run_ids(store) == {*stored, 5000}


KILLED_BEFORE_COMMIT = """
import os, signal, sys
from pathlib import Path
from ntkbench.results import store as module
from ntkbench.results.record import RunRecord

insert = module.insert_records

def then_die(connection, *rest):
    insert(connection, *rest)
    if sys.argv[3] == "after":
        connection.commit()
    os.kill(os.getpid(), signal.SIGKILL)

module.insert_records = then_die
module.Store(Path(sys.argv[1])).add([RunRecord.from_json(Path(sys.argv[2]).read_text())])
"""


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
def test_what_was_not_committed_is_lost_whole_and_what_was_is_kept(store, when, stored):
    with process(KILLED_BEFORE_COMMIT, store.path, FILE, when) as writer:
        assert writer.wait(60) == -9
    assert len(run_ids(store)) == stored
    for table in ("timing", "metric", "curve", "claim", "environment"):
        assert (store.query(f"SELECT count(*) FROM {table}")[1][0][0] > 0) == bool(stored)


IMPORTER = """
import sys
from pathlib import Path
from ntkbench.results.exchange.sources import import_sources
from ntkbench.results.store import Store

print("begun", flush=True)
import_sources(Store(Path(sys.argv[1])), [Path(sys.argv[2])])
"""


@pytest.mark.parametrize("moment", [0.02, 0.1, 0.3])
def test_an_import_killed_at_any_moment_is_whole_or_nothing(store, tmp_path, moment):
    store.add([RECORD])
    lines = [replace(RECORD, run_id=f"{number:032x}").to_json() for number in range(100, 300)]
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    with process(IMPORTER, store.path, tmp_path / "records.jsonl") as importer:
        assert importer.stdout is not None
        importer.stdout.readline()
        time.sleep(moment)
        importer.kill()
    assert len(run_ids(store)) in (1, 201)
    assert incomplete(store) == 0
    assert import_sources(store, [tmp_path / "records.jsonl"])[0] in (0, 200)
    assert len(run_ids(store)) == 201


def logged(store: Store) -> bytes:
    """Add a run in a process that is killed after its commit; what the write-ahead log then holds."""
    with process(KILLED_BEFORE_COMMIT, store.path, FILE, "after") as writer:
        assert writer.wait(60) == -9
    return store.path.with_name(store.path.name + ".wal").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_torn_log_loses_the_run_that_was_torn_and_no_other(store, share):
    store.add([replace(RECORD, run_id="a" * 32)])
    log = logged(store)
    assert len(log) > 1000
    store.path.with_name(store.path.name + ".wal").write_bytes(log[: int(share * len(log))])
    assert run_ids(store) == {int("a" * 32, 16)}
    assert incomplete(store) == 0
    assert store.add([RECORD]) == 1
    assert len(run_ids(store)) == 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused_in_one_line_and_left_as_it_is(store, share):
    store.add([RECORD])
    whole = store.path.read_bytes()
    torn = whole[: int(share * len(whole))]
    store.path.write_bytes(torn)
    for use in (lambda: store.query("FROM verdict"), lambda: store.add([replace(RECORD, run_id="b" * 32)])):
        with pytest.raises(InputError, match=str(store.path)) as caught:
            use()
        assert "\n" not in str(caught.value)
    assert store.path.read_bytes() == torn
    # The process is none the worse for it.
    store.path.write_bytes(whole)
    assert run_ids(store) == {1}
