"""The database itself: its tables and views with what each column means, and the query library with its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from ntkbench.formats import cell
from ntkbench.report.pages.page import Page
from ntkbench.report.query import Query, ask, grouped
from ntkbench.results import queries
from ntkbench.results.store import answer

if TYPE_CHECKING:
    import duckdb

_MOST_ROWS = 12  # of an answer


class Relation(NamedTuple):
    """A table or a view, and what it is."""

    name: str
    comment: str | None
    kind: str


class Column(NamedTuple):
    """A column of a table or a view, and what it means."""

    relation: str
    name: str
    type: str
    comment: str | None


_RELATIONS = Query(
    Relation,
    """
    FROM (
      SELECT table_name AS name, comment, 'table' AS kind FROM duckdb_tables()
      WHERE database_name = current_database()
      UNION ALL
      SELECT view_name, comment, 'view' FROM duckdb_views()
      WHERE database_name = current_database() AND NOT internal
    )
    ORDER BY kind DESC, name
    """,
)
_COLUMNS = Query(
    Column,
    """
    FROM (
      SELECT table_name AS relation, column_name AS name, data_type AS type, comment, column_index
      FROM duckdb_columns() WHERE database_name = current_database() AND NOT internal
    )
    ORDER BY relation, column_index
    """,
)


@dataclass(frozen=True)
class Asked:
    """A query of the library with the first rows of its answer: each cell's text, and whether it is a number."""

    query: queries.Query
    columns: Sequence[str]
    rows: Sequence[Sequence[tuple[str, bool]]]
    count: int


def pages(connection: duckdb.DuckDBPyConnection, file_name: str) -> Iterator[Page]:
    """The page of the schema and of the query library; `file_name` is what the database is called."""
    values = {
        "relations": ask(connection, _RELATIONS).rows(),
        "columns": grouped(ask(connection, _COLUMNS).rows(), attrgetter("relation")),
        "answers": [_asked(connection, query) for query in queries.library().values()],
        "file_name": file_name,
    }
    return iter([Page("sql.html", "sql.html.j2", values)])


def _asked(connection: duckdb.DuckDBPyConnection, query: queries.Query) -> Asked:
    columns, rows = answer(connection, query.sql)
    cells = [[(cell(value), isinstance(value, int | float)) for value in row] for row in rows[:_MOST_ROWS]]
    return Asked(query, columns, cells, len(rows))
