"""The tables of the database: made new, or brought up to date from those of an earlier version."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from ntkbench import paths

if TYPE_CHECKING:
    import duckdb

SCHEMA_VERSION = 2
TABLES = ("environment", "run", "timing", "metric", "curve", "claim", "declaration", "perf")
"""The tables that only grow."""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and the views in an empty database."""
    connection.execute(paths.shared("results/schema.sql").read_text())
    _protect(connection)
    create_views(connection)


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views anew."""
    connection.execute(paths.shared("results/views.sql").read_text())


def upgrade(connection: duckdb.DuckDBPyConnection, found: int) -> None:
    """Bring a database of version `found` up to date, views and all; the caller minds the transaction."""
    migrate(connection, found)
    _protect(connection)
    create_views(connection)


def migrate(connection: duckdb.DuckDBPyConnection, found: int) -> None:
    """Bring tables of version `found` up to date, content and all."""
    for version in range(found + 1, SCHEMA_VERSION + 1):
        connection.execute(paths.shared(f"results/migrations/{version}.sql").read_text())


@cache
def columns() -> Mapping[str, Mapping[str, str]]:
    """Table -> column -> type, of the tables that only grow."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(paths.shared("results/schema.sql").read_text())
        rows = connection.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall()
    return {table: {column: kind for name, column, kind in rows if name == table} for table in TABLES}


def _protect(connection: duckdb.DuckDBPyConnection) -> None:
    """Have the database itself refuse to change or remove rows."""
    for table in TABLES:
        for event in ("UPDATE", "DELETE"):
            connection.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_{event.lower()} AFTER {event} ON {table} FOR EACH STATEMENT "
                f"INSERT INTO append_only SELECT error('{table} is append-only')"
            )
