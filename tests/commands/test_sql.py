from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ntkbench.record import RunRecord
from ntkbench.store import Store

RECORD = RunRecord.from_json((Path(__file__).parents[1] / "data" / "record.json").read_text())


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


@pytest.mark.parametrize("wrong", ["SELEC 1", "SELECT nothing FROM run", "SELECT 1/", "", "FROM nowhere"])
def test_sql_that_is_wrong_is_one_line(ntkbench, wrong):
    outcome = ntkbench("sql", wrong)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("ntkbench: ")
    assert outcome.err.count("\n") == 1
