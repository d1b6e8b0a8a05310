"""The database file: opened for one piece of work and closed again, so that other processes get in between.

All calls of a process share one DuckDB instance: to start one takes ten times as long as to open the file in it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.errors import InputError, SystemFault
from ntkbench.files import real, whole
from ntkbench.results import schema
from ntkbench.results.faults import openable, refusal
from ntkbench.results.perf import steps
from ntkbench.results.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    import duckdb

PATIENCE = 30.0  # seconds to wait for another process to let go of the file, unless a call says otherwise
_BLOCK_SIZE = 16384  # bytes; many small tables: the default of 256 KiB would waste megabytes
# What DuckDB says of a file that is open elsewhere: in another process on POSIX, on Windows, in this process.
_BUSY = ("Could not set lock", "being used by another process", "Unique file handle conflict")
# For all cursors. The columns have no zone, now() has: DuckDB would compare them in that of the machine.
_UTC = "SET GLOBAL TimeZone = 'UTC'"

_numbers = itertools.count()


class BusyError(SystemFault):
    """Another process holds the database and does not let go."""


class NewerError(InputError):
    """The database was written by a newer ntkbench, whose tables this one does not know."""


@contextmanager
def reading(path: Path, patience: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection; a database of an earlier version is brought up to date before.

    Args:
        path: The file.
        patience: Seconds to wait for another process to let go of it; None for PATIENCE.

    Raises:
        InputError: When there is no database, or it is not one of ours.
        BusyError: When another process has it.
    """
    with _attached(_there(path), patience, "READ_ONLY") as connection:
        version, views = _state(connection, path)
        if views == schema.views_id():
            yield connection
            return
    # Older views answer most questions: no need of the new ones to stop a reader of a file that cannot be written.
    stale = version == SCHEMA_VERSION
    with (
        contextlib.suppress(InputError, SystemFault) if stale else contextlib.nullcontext(),
        writing(path, 1.0 if stale else patience),
    ):
        pass
    with reading_as_it_is(path, patience) as (connection, _):
        yield connection


@contextmanager
def reading_as_it_is(path: Path, patience: float | None = None) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
    """A read-only connection and the version of the tables, this one or an earlier. Raises as `reading` does."""
    with _attached(_there(path), patience, "READ_ONLY") as connection:
        yield connection, _state(connection, path)[0]


@contextmanager
def writing(path: Path, patience: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to write with; the database is made where there is none, and brought up to date.

    Args:
        path: The file.
        patience: Seconds to wait for another process to let go of it; None for PATIENCE.

    Raises:
        InputError: When it is not one of ours, or its path cannot be written.
        SystemFault: When the disk refuses.
        BusyError: When another process has it.
    """
    import duckdb

    try:
        with _attached(path, patience, "READ_WRITE", make=lambda: _create(path)) as connection:
            found, views = _state(connection, path)
            if views != schema.views_id():
                connection.begin()
                schema.upgrade(connection, found)
                connection.commit()
            yield connection
    except (duckdb.Error, OSError) as error:
        raise refusal(f"cannot write to {path}", error) from error


def connect(path: Path | str | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only DuckDB connection to the results database, with its views.

    While it is open, other processes can read the database and not write to it: close it, or use it in a `with`.

    Args:
        path: The file; None for the default one.

    Raises:
        InputError: Where there is no database of ntkbench.
        BusyError: When another process is writing to it.
    """
    import duckdb

    from ntkbench import paths

    file = paths.expanded(str(path)) if path is not None else paths.default_database()
    with reading(file):
        pass
    connection = _patiently(lambda: duckdb.connect(openable(real(file)), read_only=True), file, PATIENCE, "open")
    connection.execute(_UTC)
    steps.offer(connection)
    return connection


def exists(path: Path) -> bool:
    """Whether there is a file. Raises InputError where that cannot be seen."""
    try:
        return path.exists()
    except OSError as error:
        raise refusal(f"cannot open {path}", error) from error


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    import duckdb

    # What does not fit in memory: for an instance without a file of its own it would go to the working folder.
    try:
        spill = Path(tempfile.gettempdir()) / f"ntkbench-{os.getpid()}"
    except FileNotFoundError as error:  # a file could be written in none of several folders
        instead = "make room, or set TMPDIR to a folder that can be written"
        raise OSError(errno.ENOSPC, f"{error.strerror}; {instead}") from error
    instance = duckdb.connect(config={"temp_directory": str(spill)})
    instance.execute(_UTC)
    return instance


@contextmanager
def _attached(
    path: Path, patience: float | None, options: str, make: Callable[[], None] | None = None, called: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection on which the file's tables have their names.

    `make` is called while there is no file; `called` is what messages call it.
    """
    import duckdb

    if path.is_dir():
        raise InputError(f"{path} is a folder, not a database")
    name = f"file_{next(_numbers)}"

    def attach() -> duckdb.DuckDBPyConnection:
        if make is not None and not path.exists():
            make()
        connection = _instance().cursor()
        # Where a link leads: the log of changes lies beside the path that is opened.
        connection.execute(f"ATTACH ? AS {name} ({options})", [openable(real(path))])
        connection.execute(f"USE {name}")
        steps.offer(connection)
        return connection

    connection = _patiently(attach, called or path, patience, "open" if options == "READ_ONLY" else "write to")
    try:
        yield connection
    finally:
        try:
            with contextlib.suppress(duckdb.TransactionException):  # there is none
                connection.rollback()
            connection.execute("USE memory")
            connection.execute(f"DETACH {name}")
        except duckdb.Error:
            # A failed checkpoint loses nothing: what was committed is in the write-ahead log. The instance has had it.
            _forget()


def _forget() -> None:
    """Start with a new instance next time; this one lets go of its files."""
    instance = _instance()
    _instance.cache_clear()
    instance.close()


def _patiently(
    attach: Callable[[], duckdb.DuckDBPyConnection], path: Path, patience: float | None, what: str
) -> duckdb.DuckDBPyConnection:
    """What `attach` returns, tried again while another process has the file."""
    import duckdb

    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    pause = 0.02
    while True:
        try:
            return attach()
        except OSError as error:
            raise refusal(f"cannot {what} {path}", error) from error
        except duckdb.Error as error:
            text = str(error)
            if "valid DuckDB database" in text:
                raise InputError(f"{path} is not a DuckDB database") from error
            if not any(busy in text for busy in _BUSY):
                if not isinstance(error, duckdb.IOException):
                    _forget()  # it may have been half way in
                raise refusal(f"cannot {what} {path}", error) from error
            if time.monotonic() > deadline:
                raise BusyError(f"another process is using {path}; try again when it has ended") from error
        # Jitter, so that two processes that collided do not do so again.
        time.sleep(pause * (0.5 + random.random()))
        pause = min(2 * pause, 0.05)  # among readers that come and go the file is free for moments alone


def _there(path: Path) -> Path:
    if not exists(path):
        raise InputError(f"there is no database at {path}; `ntkbench run` makes one")
    return path


def _state(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, str | None]:
    """The version of the tables, SCHEMA_VERSION or an earlier one, and the id of the views.

    Raises InputError for anything that is not one of our databases, NewerError for a newer one.
    """
    import duckdb

    try:
        rows = connection.execute("FROM schema_version ORDER BY version").fetchall()
    except duckdb.CatalogException as error:
        raise InputError(f"{path} is a DuckDB database, but not one of ntkbench") from error
    except duckdb.Error as error:
        raise refusal(f"cannot open {path}", error) from error
    if not rows:
        raise InputError(f"{path} is not a whole database of ntkbench: it states no schema version")
    version, *views = rows[-1]
    if version > SCHEMA_VERSION:
        raise NewerError(
            f"{path} is of a newer ntkbench (schema version {version}, this one knows {SCHEMA_VERSION}); "
            "upgrade ntkbench"
        )
    if version < 1:
        raise InputError(f"{path} is not a database of ntkbench: there is no schema version {version}")
    return version, views[0] if views else None


def _create(path: Path) -> None:
    """Make the database beside its place and move it there whole."""
    # Where a link leads, if it is one. Another process may be first: its database stays.
    with whole(real(path), replace=False) as scratch:
        try:
            with _attached(scratch, 0.0, f"BLOCK_SIZE {_BLOCK_SIZE}", called=path) as connection:
                schema.create(connection)
                # Closing does so too, and is silent when the disk is full: half a database would get its name.
                connection.execute("CHECKPOINT")
        finally:
            scratch.with_name(scratch.name + ".wal").unlink(missing_ok=True)
