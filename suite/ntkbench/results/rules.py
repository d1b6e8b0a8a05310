"""The rules of results/macros.sql, asked of values in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ntkbench.results import schema

if TYPE_CHECKING:
    import duckdb


class Compared(NamedTuple):
    """Two values of one metric, and how far apart they may be."""

    value: float
    other: float
    tolerance: float


class ComparedPoint(NamedTuple):
    """Two points of one curve, and how far apart their y may be."""

    x: float
    y: float
    other_x: float
    other_y: float
    tolerance: float


def agree(values: Iterable[Compared]) -> list[bool]:
    """Whether each pair of values agrees, in the order given."""
    return _each("agrees", Compared._fields, list(values))


def points_agree(points: Iterable[ComparedPoint]) -> list[bool]:
    """Whether each pair of points agrees, in the order given."""
    return _each("point_agrees", ComparedPoint._fields, list(points))


def median_interval(samples: Iterable[float]) -> tuple[float, float]:
    """The ends of an interval of about 95 % for the median of the samples, of which there is at least one."""
    row = _connection().execute("SELECT unnest(median_interval(?::DOUBLE[]))", [sorted(samples)]).fetchone()
    assert row is not None
    return row[0], row[1]


def _each(macro: str, names: Sequence[str], rows: Sequence[tuple[float, ...]]) -> list[bool]:
    if not rows:
        return []
    columns = ", ".join(f"unnest(?::DOUBLE[]) AS {name}" for name in ("row", *names))
    query = f"SELECT {macro}({', '.join(names)}) FROM (SELECT {columns}) ORDER BY row"
    numbered: list[Any] = [list(range(len(rows))), *(list(column) for column in zip(*rows, strict=True))]
    return [bool(value) for (value,) in _connection().execute(query, numbered).fetchall()]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    schema.create_macros(connection)
    return connection
