"""The database itself: its tables and views with what each column means, and the query library with its answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ntkbench.formats import cell
from ntkbench.report.pages.content import grouped
from ntkbench.report.pages.page import Page
from ntkbench.results import queries
from ntkbench.results.store import answer

if TYPE_CHECKING:
    import duckdb

_MOST_ROWS = 12  # of an answer
_RELATIONS = (
    "SELECT table_name AS name, comment, 'table' AS kind FROM duckdb_tables() WHERE database_name = current_database() "
    "UNION ALL SELECT view_name, comment, 'view' FROM duckdb_views() "
    "WHERE database_name = current_database() AND NOT internal ORDER BY kind DESC, name"
)
_COLUMNS = (
    "SELECT table_name AS relation, column_name AS name, data_type AS type, comment FROM duckdb_columns() "
    "WHERE database_name = current_database() AND NOT internal ORDER BY table_name, column_index"
)


def pages(connection: duckdb.DuckDBPyConnection, file_name: str) -> Iterator[Page]:
    """The page of the schema and of the query library; `file_name` is what the database is called."""
    relations, columns = (
        [dict(zip(names, row, strict=True)) for row in rows]
        for names, rows in (answer(connection, text) for text in (_RELATIONS, _COLUMNS))
    )
    answers = [{"query": query, **_answer(connection, query.sql)} for query in queries.library().values()]
    values = {
        "relations": relations,
        "columns": grouped(columns, "relation"),
        "answers": answers,
        "file_name": file_name,
    }
    yield Page("sql.html", "sql.html.j2", values)


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    columns, rows = answer(connection, sql)
    return {
        "columns": columns,
        "rows": [[(cell(value), isinstance(value, int | float)) for value in row] for row in rows[:_MOST_ROWS]],
        "count": len(rows),
    }
