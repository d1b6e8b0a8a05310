"""The tables of the database: made new, or brought up to date from those of an earlier version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from ntkbench import paths
from ntkbench.machine.hardware import hardware_id, machine_id

if TYPE_CHECKING:
    import duckdb

SCHEMA_VERSION = 5
TABLES = ("environment", "run", "timing", "metric", "curve", "claim", "declaration", "perf", "part")
"""The tables that only grow."""

# A column of a view means what the first of these that has one of its name says of it.
_DESCRIBED = ("run", "environment", "metric", "perf", "verdict")
_INHERITED = f"""
WITH described AS (
  SELECT table_name, column_name, comment FROM duckdb_columns()
  WHERE database_name = current_database() AND schema_name = 'main'
), bare AS (
  SELECT table_name, column_name FROM described
    JOIN duckdb_views() ON view_name = table_name AND database_name = current_database()
  WHERE described.comment IS NULL
)
SELECT DISTINCT ON (bare.table_name, column_name) bare.table_name, column_name, described.comment
FROM bare JOIN described USING (column_name)
WHERE described.table_name IN {_DESCRIBED}
ORDER BY bare.table_name, column_name, list_position({list(_DESCRIBED)}, described.table_name)
"""


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and the views in an empty database."""
    connection.begin()  # else each of hundreds of statements goes to the disk alone
    connection.execute(paths.shared("results/schema.sql").read_text(encoding="utf-8"))
    _protect(connection)
    create_views(connection)
    connection.commit()


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views anew, and say of every table, view and column what it means."""
    import duckdb

    for text in _views():
        connection.execute(text)
    for view, column, comment in connection.execute(_INHERITED).fetchall():
        # A comment takes no parameter.
        connection.execute(f"COMMENT ON COLUMN {view}.{column} IS {duckdb.ConstantExpression(comment)}")
    connection.execute("UPDATE schema_version SET views = ?", [views_id()])


def create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the rules known on a connection that has tables of another's making, or none."""
    connection.execute(paths.shared("results/macros.sql").read_text(encoding="utf-8"))


@cache
def views_id() -> str:
    """16 hex digits that name the present views."""
    return hashlib.sha256("".join(_views()).encode()).hexdigest()[:16]


def upgrade(connection: duckdb.DuckDBPyConnection, found: int) -> None:
    """Bring a database of version `found` up to date, views and all; the caller minds the transaction."""
    # Before version 3 the hardware alone was a machine's name.
    own = {"own_hardware": hardware_id(), "own_machine": machine_id()}
    for name, value in own.items():
        connection.execute(f"SET VARIABLE {name} = ?", [value])
    migrate(connection, found)
    for name in own:
        connection.execute(f"RESET VARIABLE {name}")
    _protect(connection)
    create_views(connection)


def migrate(connection: duckdb.DuckDBPyConnection, found: int) -> None:
    """Bring tables of version `found` up to date, content and all."""
    for version in range(found + 1, SCHEMA_VERSION + 1):
        connection.execute(paths.shared(f"results/migrations/{version}.sql").read_text(encoding="utf-8"))


@cache
def columns() -> Mapping[str, Mapping[str, str]]:
    """Table -> column -> type, of the tables that only grow."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(paths.shared("results/schema.sql").read_text(encoding="utf-8"))
        rows = connection.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall()
    return {table: {column: kind for name, column, kind in rows if name == table} for table in TABLES}


def _views() -> list[str]:
    return [paths.shared(f"results/{name}.sql").read_text(encoding="utf-8") for name in ("macros", "views", "comments")]


def _protect(connection: duckdb.DuckDBPyConnection) -> None:
    """Have the database itself refuse to change or remove rows."""
    for table in TABLES:
        for event in ("UPDATE", "DELETE"):
            connection.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_{event.lower()} AFTER {event} ON {table} FOR EACH STATEMENT "
                f"INSERT INTO append_only SELECT error('{table} is append-only')"
            )
