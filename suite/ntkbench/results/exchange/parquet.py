"""The archive form of the database: a folder with one Parquet file a table, and one for the version of the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.errors import InputError, first_line
from ntkbench.files import whole
from ntkbench.results import schema
from ntkbench.results.faults import refusal, text_of
from ntkbench.results.schema import SCHEMA_VERSION, TABLES
from ntkbench.results.store import Store

if TYPE_CHECKING:
    import duckdb

_PRESENT = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
_VERSION = "schema_version"  # the table of one row; exports of version 1 lack it


def export_parquet(store: Store, folder: Path) -> list[Path]:
    """Write every table to folder/TABLE.parquet, all of them or none; equal content gives equal bytes.

    Args:
        store: The database.
        folder: Made where there is none; an export that is there is replaced.

    Returns:
        The files.

    Raises:
        InputError: Where there is no database, the folder cannot be written, or what is there of these names is no
            export.
        SystemFault: When the disk is full, or another process has the database.
    """
    import duckdb

    try:
        with store.reading() as connection:
            _require_ours(folder)
            return write_tables(connection, folder, SCHEMA_VERSION)
    except (duckdb.Error, OSError) as error:
        raise refusal(f"cannot write to {folder}", error) from error


def _require_ours(folder: Path) -> None:
    """Raise InputError for a folder that holds files of the tables' names and no export."""
    present = [file for table in (*TABLES, _VERSION) if (file := folder / f"{table}.parquet").exists()]
    if not present:
        return
    try:
        with reading_export(folder):
            pass
    except InputError as error:
        raise InputError(f"an export would replace {present[0]}, so name another folder: {error}") from error


def write_tables(connection: duckdb.DuckDBPyConnection, folder: Path, version: int) -> list[Path]:
    """Write the tables of a database of this version; equal content gives equal bytes."""
    present = {row[0] for row in connection.execute(_PRESENT).fetchall()}
    tables = [table for table in (*TABLES, _VERSION) if table in present]
    files = {table: folder / f"{table}.parquet" for table in tables}
    text_of(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for table in tables:
            # Ordered by all columns, so that the same rows make the same file.
            rows = f"SELECT {version} AS version" if table == _VERSION else f"FROM {table} ORDER BY ALL"
            target = stack.enter_context(whole(files[table]))
            connection.execute(f"COPY ({rows}) TO ? (FORMAT parquet, COMPRESSION zstd)", [text_of(target)])
    return list(files.values())


@contextmanager
def reading_export(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection on which an export's tables have their names, with the rules of macros.sql but no views.

    An export of an earlier version is brought up to date in memory; its files stay as they are.

    Args:
        folder: What `export_parquet` wrote.

    Raises:
        InputError: Naming the file, for a folder that `export_parquet` did not write, or a newer ntkbench did.
    """
    import duckdb

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder" if folder.exists() else f"{folder} does not exist")
    with duckdb.connect() as connection:
        version = _version(connection, folder)
        for table in (*TABLES, _VERSION):
            file = folder / f"{table}.parquet"
            if file.is_file():
                # What is to be changed has to be copied.
                kind = "VIEW" if version == SCHEMA_VERSION else "TABLE"
                _execute(connection, f"CREATE {kind} {table} AS FROM {_rows(file)}", file)
        if version < SCHEMA_VERSION:
            _execute(connection, f"CREATE OR REPLACE TABLE {_VERSION} AS SELECT {version} AS version", folder)
            try:
                schema.migrate(connection, version)
            except duckdb.CatalogException:
                _check(connection, folder)  # says which table is not there
                raise
            except duckdb.Error as error:
                raise InputError(f"{folder}: {first_line(error)}") from error
        _check(connection, folder)
        schema.create_macros(connection)
        yield connection


def _version(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    file = folder / f"{_VERSION}.parquet"
    if not file.is_file():
        return 1
    rows = _execute(connection, f"SELECT version FROM {_rows(file)}", file)
    if len(rows) != 1 or type(rows[0][0]) is not int or rows[0][0] < 1:
        raise InputError(f"{file} states no version of the tables")
    found: int = rows[0][0]
    if found > SCHEMA_VERSION:
        raise InputError(
            f"{folder} is of a newer ntkbench (schema version {found}, this one knows {SCHEMA_VERSION}); "
            "upgrade ntkbench to read it"
        )
    return found


def _check(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Raise InputError unless the tables are there with the columns and the types that they should have."""
    rows = connection.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall()
    tables = {table: {column: kind for name, column, kind in rows if name == table} for table in TABLES}
    for table, found in tables.items():
        if not found:
            raise InputError(f"{folder} is not an export: it lacks {table}.parquet")
    for table, wanted in schema.columns().items():
        file, found = folder / f"{table}.parquet", tables[table]
        for column, kind in wanted.items():
            if column not in found:
                raise InputError(f"{file} lacks the column {column!r}")
            if found[column] != kind:
                raise InputError(f"{file}: column {column!r} holds {found[column]}, not {kind}")
        for column in found:
            if column not in wanted:
                raise InputError(f"{file} has a column {column!r}, which this ntkbench does not know")


def _execute(connection: duckdb.DuckDBPyConnection, sql: str, source: Path) -> list[tuple[object, ...]]:
    import duckdb

    try:
        return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise InputError(f"{source}: {first_line(error)}") from error


def parquet_table(folder: Path, table: str) -> str:
    """SQL for the rows of a table that was exported to `folder`."""
    return _rows(folder / f"{table}.parquet")


def _rows(file: Path) -> str:
    # To DuckDB a path is a pattern, which matches other files too.
    import duckdb

    pattern = re.sub(r"[\[*?]", r"[\g<0>]", text_of(file))
    # A view takes no parameter.
    return f"read_parquet({duckdb.ConstantExpression(pattern)})"
