"""A copy of the database that every DuckDB from 1.0 on opens, for programs other than ntkbench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.errors import InputError
from ntkbench.files import real, whole
from ntkbench.results import schema
from ntkbench.results.faults import openable, refusal
from ntkbench.results.store import Store

if TYPE_CHECKING:
    import duckdb

_NAME = "portable_copy"
# The views' making writes to the one, and the comments speak of the other; without them ntkbench takes it for no
# database of its own, to which it could add.
_OWN = ("schema_version", "append_only")


def export_duckdb(store: Store, file: Path) -> None:
    """Write every table, view and macro to a DuckDB file, the whole of it or nothing.

    It has no triggers and no keys, which DuckDB 1.0 does not read, and the block size that it takes.

    Args:
        store: The database.
        file: An older copy that is there is replaced.

    Raises:
        InputError: Where there is no database, the file cannot be written, or something else is there.
        SystemFault: When the disk is full, or another process has the database.
    """
    import duckdb

    try:
        if file.is_dir():
            raise InputError(f"{file} is a folder, not a file")
        if store.exists() and file.exists() and file.samefile(store.path):
            raise InputError(f"{file} is the database itself, which its copy cannot replace")
        openable(real(file))
        with store.reading() as connection:
            if file.exists() and file.stat().st_size and not _is_copy(connection, file):
                raise InputError(
                    f"{file} is no copy that ntkbench made, which another would replace: name another file"
                )
            real(file).parent.mkdir(parents=True, exist_ok=True)
            with whole(real(file)) as target:
                try:
                    _copy(connection, target)
                finally:
                    target.with_name(target.name + ".wal").unlink(missing_ok=True)
    except (duckdb.Error, OSError) as error:
        raise refusal(f"cannot write to {file}", error) from error


def _is_copy(connection: duckdb.DuckDBPyConnection, file: Path) -> bool:
    """Whether a file has what `export_duckdb` writes, and nothing else."""
    import duckdb

    try:
        connection.execute(f"ATTACH ? AS {_NAME} (READ_ONLY)", [openable(file)])
    except duckdb.Error as error:
        if "valid DuckDB database" in str(error):
            return False
        raise
    try:
        query = "SELECT table_type, table_name FROM information_schema.tables WHERE table_catalog = ?"
        found = connection.execute(query, [_NAME]).fetchall()
    finally:
        connection.execute(f"DETACH {_NAME}")
    tables = {name for kind, name in found if kind == "BASE TABLE"}
    return ("VIEW", "verdict") in found and tables <= set(schema.TABLES)


def _copy(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    (source,) = connection.execute("SELECT current_database()").fetchone() or ("",)
    connection.execute(f"ATTACH ? AS {_NAME} (STORAGE_VERSION 'v1.0.0')", [openable(target)])
    try:
        connection.execute(f"USE {_NAME}")
        for table in (*schema.TABLES, *_OWN):
            # From a query: tables made so have no keys.
            connection.execute(f"CREATE TABLE {table} AS FROM {source}.{table} ORDER BY ALL")
        schema.create_views(connection)
        for table in _OWN:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("CHECKPOINT")
    finally:
        connection.execute(f"USE {source}")
        connection.execute(f"DETACH {_NAME}")
