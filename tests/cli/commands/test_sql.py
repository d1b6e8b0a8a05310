from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from ntkbench.results.queries import library
from ntkbench.results.record import RunRecord
from ntkbench.results.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[2] / "data" / "record.json").read_text())


@pytest.fixture(autouse=True)
def filled(database: Path) -> Store:
    """A database with one run, which lies within one claim's tolerance and outside the other's."""
    store = Store(database)
    store.prepare()
    store.add([replace(RECORD, claims=[replace(c, repeats=1) for c in RECORD.claims])])
    return store


def test_the_verdicts_are_a_query_away(ntkbench):
    outcome = ntkbench("sql", "select task, backend, metric, published, measured, verdict from verdict")
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.split() for line in outcome.out.splitlines() if "images" in line]
    assert rows == [
        ["images", "numba", "accuracy", "40.00", "40.70", "inconclusive"],
        ["images", "numba", "accuracy", "0.1000", "40.70", "not", "reproduced"],
    ]


def test_csv_is_read_back_as_it_was(ntkbench):
    sql = "SELECT 'a,\"b\"\nc' AS odd, 40.7::DOUBLE AS value, NULL AS nothing"
    out = ntkbench("sql", sql, "--format", "csv").out
    assert list(csv.reader(io.StringIO(out))) == [["odd", "value", "nothing"], ['a,"b"\nc', "40.7", ""]]
    assert "\r" not in out


def test_json_is_read_back_as_it_was(ntkbench):
    sql = (
        "SELECT 1.5 AS d, 'é' AS t, NULL AS n, true AS b, [1, 2] AS l, TIMESTAMP '2026-01-01' AS m, 'nan'::DOUBLE AS x"
    )
    (row,) = json.loads(ntkbench("sql", sql, "--format", "json").out)
    assert row == {"d": 1.5, "t": "é", "n": None, "b": True, "l": [1, 2], "m": "2026-01-01 00:00:00", "x": None}


NESTED = (
    "SELECT [1.5, 'nan'::DOUBLE] AS l, {'a': 'inf'::DOUBLE, 'b': [{'c': '-inf'::FLOAT}]} AS s, "
    "MAP {'k': 'nan'::DOUBLE} AS m, ['nan'::DOUBLE, 2]::DOUBLE[2] AS a, [1.25::DECIMAL(4, 2)] AS d"
)


def strict(text: str) -> object:
    """What a reader that knows no NaN makes of JSON."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def test_numbers_that_are_not_finite_are_null_at_any_depth(ntkbench):
    row = {"l": [1.5, None], "s": {"a": None, "b": [{"c": None}]}, "m": {"k": None}, "a": [None, 2.0], "d": [1.25]}
    assert strict(ntkbench("sql", NESTED, "--format", "json").out) == [row]
    names, cells = csv.reader(io.StringIO(ntkbench("sql", NESTED, "--format", "csv").out))
    assert {name: strict(cell) for name, cell in zip(names, cells, strict=True)} == row
    assert ntkbench("sql", NESTED).code == 0


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ("DATE '2026-01-01'", ["2026-01-01"]),
        ("'nan'::DOUBLE", ["nan"]),
        ("1.5::DOUBLE", ["1.5"]),
        ("true", ["true"]),
        ("7", ["7"]),
    ],
)
def test_the_keys_of_a_map_are_texts(ntkbench, keys, names):
    ((row),) = strict(ntkbench("sql", f"SELECT MAP {{{keys}: 'inf'::DOUBLE}} AS m", "--format", "json").out)
    assert row == {"m": dict.fromkeys(names)}


@pytest.mark.parametrize("query", ["SELECT 1 AS a, 2 AS b, 3 AS a", "FROM run r JOIN run s USING (run_id)"])
def test_of_two_columns_of_one_name_none_is_lost(ntkbench, query):
    outcome = ntkbench("sql", query, "--format", "json")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert re.search(r"two columns are named '(a|experiment_id)', and JSON has room for one: .* AS", outcome.err)
    names, cells = csv.reader(io.StringIO(ntkbench("sql", query, "--format", "csv").out))
    assert len(names) == len(cells) > len(set(names))


def test_a_file_of_a_query_may_begin_with_a_byte_order_mark(ntkbench, tmp_path):
    (tmp_path / "query.sql").write_text("SELECT 1 AS n", encoding="utf-8-sig")
    assert ntkbench("sql", tmp_path / "query.sql", "--format", "csv").out == "n\n1\n"


@pytest.mark.parametrize("name", ["query.sql", "a query of mine.sql"])
def test_a_query_may_stand_in_a_file(ntkbench, tmp_path, name):
    (tmp_path / name).write_text("-- how many\nSELECT count(*) AS n\nFROM run;\n")
    assert ntkbench("sql", tmp_path / name, "--format", "csv").out == "n\n1\n"


def test_a_file_that_is_not_there_is_named(ntkbench):
    outcome = ntkbench("sql", "none.sql")
    assert (outcome.code, outcome.err) == (2, "ntkbench: cannot read none.sql: No such file or directory\n")


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO run SELECT * FROM run",
        "DELETE FROM run",
        "UPDATE run SET seed = 1",
        "DROP TABLE run",
        "CREATE TABLE mine (a INT)",
    ],
)
def test_nothing_can_be_written(ntkbench, database, change):
    before = database.read_bytes()
    outcome = ntkbench("sql", change)
    assert (outcome.code, outcome.out) == (2, "")
    assert "read-only" in outcome.err
    assert outcome.err.count("\n") == 1
    assert database.read_bytes() == before


@pytest.mark.parametrize(
    "trick",
    [
        "ATTACH '{}' AS other",
        "COPY (SELECT 1) TO '{}'",
        "COPY run TO '{}' (FORMAT parquet)",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{}'",
        "EXPORT DATABASE '{}'",
        "SELECT 1; COPY run TO '{}'",
        "SET enable_external_access = true",
        "FROM read_csv('/etc/passwd')",
        "INSTALL httpfs",
    ],
)
def test_nothing_else_is_written_attached_or_read(ntkbench, tmp_path, trick):
    outcome = ntkbench("sql", trick.format(tmp_path / "other"))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "other").exists()


def test_the_library_is_listed_and_asked_by_name(ntkbench):
    listed = ntkbench("sql", "--list").out
    assert all(name in listed and query.about in listed for name, query in library().items())
    outcome = ntkbench("sql", "claims-by-backend", "--format", "json")
    assert [(row["claim"], row["numba"]) for row in json.loads(outcome.out)] == [
        ("forty", "inconclusive"),
        ("worst", "not reproduced"),
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [("claim-by-backend", "did you mean 'claims-by-backend'?"), ("zzzzz", "choose from: changed-between-commits, ")],
)
def test_a_name_that_is_none_is_answered_with_the_nearest(ntkbench, name, says):
    outcome = ntkbench("sql", name)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"ntkbench: unknown query {name!r}; {says}")


def test_without_a_query_the_command_says_what_it_wants(ntkbench):
    assert ntkbench("sql").err == "ntkbench: give a query, the name of one (see `ntkbench sql --list`), or a file\n"


def test_a_long_query_is_interrupted_without_harm(start, database, ntkbench):
    before = database.read_bytes()
    child = start("sql", "SELECT sum(a.range * b.range) FROM range(10_000_000) a, range(1_000_000) b")
    # It is at work when it uses the processor for longer than it takes to start.
    process = psutil.Process(child.pid)
    deadline = time.monotonic() + 600
    while process.cpu_times().user < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=600)
    assert (child.returncode, out, err) == (130, "", "ntkbench: interrupted\n")
    assert database.read_bytes() == before
    assert ntkbench("sql", "SELECT count(*) AS n FROM run", "--format", "csv").out == "n\n1\n"


@pytest.mark.parametrize("wrong", ["SELEC 1", "SELECT nothing FROM run", "SELECT 1/", "", "FROM nowhere"])
def test_sql_that_is_wrong_is_one_line(ntkbench, wrong):
    outcome = ntkbench("sql", wrong)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("ntkbench: ")
    assert outcome.err.count("\n") == 1


ASK = """
import sys, ntkbench
from ntkbench.cli.main import main
sql = "SELECT count(*) FROM run WHERE finished BETWEEN now() - INTERVAL 1 HOUR AND now()"
with ntkbench.connect() as connection:
    print(connection.sql(sql).fetchall(), connection.cursor().sql(sql).fetchall(), flush=True)
main(["sql", sql, "--format", "csv"])
"""


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_times_are_compared_with_now_in_every_zone(filled, zone):
    moment = datetime.now(UTC) - timedelta(minutes=5)
    run = {"run_id": "a" * 32, "started": moment.isoformat(), "finished": moment.isoformat()}
    filled.add([replace(RECORD, **run)])
    environment = {**os.environ, "TZ": zone}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["[(1,)] [(1,)]", "count_star()", "1"]
