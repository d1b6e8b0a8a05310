"""An answer has the columns and types that its row states; what a database cannot answer is refused in one line."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from typing import NamedTuple

import duckdb
import polars as pl
import pytest

from ntkbench.errors import InputError
from ntkbench.report.query import Query, ask, grouped


class Row(NamedTuple):
    number: int
    share: float | None
    name: str
    good: bool
    day: date
    moment: datetime
    ids: list[str]
    seconds: list[float]
    setting: str


SOURCE = """
FROM (
  SELECT 3::SMALLINT AS number, NULL::DOUBLE AS share, 'a' AS name, true AS good, DATE '2026-01-02' AS day,
         TIMESTAMP '2026-01-02 03:04:05' AS moment, ['x', 'y'] AS ids, [1.0::DOUBLE] AS seconds,
         '{"depth":3}'::JSON AS params
)
"""


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def test_a_row_has_the_values_and_the_frame_the_types_that_are_stated(connection: duckdb.DuckDBPyConnection) -> None:
    answer = ask(connection, Query(Row, SOURCE))
    at = datetime(2026, 1, 2, 3, 4, 5)
    assert answer.rows() == [Row(3, None, "a", True, at.date(), at, ["x", "y"], [1.0], '{"depth":3}')]
    kinds = [pl.Int64, pl.Float64, pl.String, pl.Boolean, pl.Date, pl.Datetime("us"), pl.List(pl.String),
             pl.List(pl.Float64), pl.String]  # fmt: skip
    assert answer.frame.schema == pl.Schema(zip(Row._fields, kinds, strict=True))


def test_an_answer_without_rows_has_the_types_too(connection: duckdb.DuckDBPyConnection) -> None:
    some, none = (ask(connection, Query(Row, SOURCE + end)).frame for end in ("", "WHERE number > 3"))
    assert (len(some), len(none)) == (1, 0)
    assert some.schema == none.schema


class Named(NamedTuple):
    name: str


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("FROM (SELECT 1 AS other)", "name"),
        ("FROM nowhere", "nowhere"),
        ("FROM (SELECT 1 AS name)", "column name is Int32, not String"),
        ("FROM (SELECT NULL::VARCHAR AS name)", "column name holds NULL"),
    ],
)
def test_another_schema_is_refused_in_one_line(connection: duckdb.DuckDBPyConnection, source: str, words: str) -> None:
    with pytest.raises(InputError, match="the database cannot be shown") as caught:
        ask(connection, Query(Named, source))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


class Odd(NamedTuple):
    name: bytes


def test_a_row_of_no_type_of_a_column_is_a_fault_of_ours(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError):
        ask(connection, Query(Odd, "FROM (SELECT 'a' AS name)"))


def test_groups_keep_the_order() -> None:
    assert list(grouped("banana", str).items()) == [("b", ["b"]), ("a", ["a"] * 3), ("n", ["n"] * 2)]


def test_listing_tasks_and_importing_the_report_take_no_library_of_frames() -> None:
    code = (
        "import sys, ntkbench.report.site; from ntkbench.cli import main; assert main.main(['list']) == 0; "
        "assert not {'polars', 'altair', 'vl_convert', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
