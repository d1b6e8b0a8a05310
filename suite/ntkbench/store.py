"""The results database: records go in whole, one transaction each, and nothing is ever changed or removed.

Every call opens the file and closes it again, so that another process can read while a run is in progress.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntkbench import schema
from ntkbench.errors import InputError
from ntkbench.record import DONE, RunRecord
from ntkbench.rows import Declaration, claims_id, insert_declaration, insert_record, read_records, same
from ntkbench.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    import duckdb

_PATIENCE = 30.0  # seconds to wait for another process to let go of the file
_BLOCK_SIZE = 16384  # bytes; many small tables: the default of 256 KiB would waste megabytes
# What DuckDB says of a file that another process has open: on POSIX, on Windows.
_BUSY = ("Could not set lock", "being used by another process")


class BusyError(InputError):
    """Another process holds the database and does not let go."""


@dataclass(frozen=True)
class Store:
    """The database at `path`; made when first written to. `patience`: seconds to wait for other processes."""

    path: Path
    patience: float = _PATIENCE

    def prepare(self) -> None:
        """Make the database where there is none, bring its views up to date, and make sure that it can be written.

        Raises InputError when the file is no database of ours or cannot be written.
        """
        with self._refusing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not self.path.exists()
            with self._writing() as connection:
                if not fresh:
                    connection.begin()
                    schema.create_views(connection)
                    connection.commit()

    def add(
        self,
        records: Iterable[RunRecord],
        declarations: Iterable[Declaration] = (),
        origins: Mapping[str, str] | None = None,
    ) -> int:
        """Add those of the records and declarations that are not there yet, all or none; how many records were added.

        `origins` says, by run_id, where a record comes from. Raises InputError when a record differs from one of the
        same run_id and when the disk refuses, BusyError when another process does not let go.
        """
        records = list(records)
        with self._refusing(), self._writing() as connection:
            connection.begin()
            known = _known(connection, [r.run_id for r in records])
            added = 0
            for record in records:
                if record.run_id not in known:
                    insert_record(connection, record)
                    known[record.run_id] = record
                    added += 1
                elif not same(record, known[record.run_id]):
                    where = (origins or {}).get(record.run_id, "the record to be added")
                    raise InputError(f"run {record.run_id} in {where} differs from the one in {self.path}")
            for declaration in declarations:
                insert_declaration(connection, declaration)
            connection.commit()
            return added

    def declare(self, declarations: Iterable[Declaration]) -> None:
        """Add the declarations that differ from what is known of their task's version."""
        with self._refusing(), self._writing() as connection:
            connection.begin()
            for d in declarations:
                present = connection.execute(
                    "SELECT claims_id FROM claims_seen WHERE (task, task_version) = (?, ?) ORDER BY seen DESC LIMIT 1",
                    [d.task, d.task_version],
                ).fetchone()
                if present != (claims_id(d.task, d.task_version, d.claims),):
                    insert_declaration(connection, d)
            connection.commit()

    def done(self) -> set[str]:
        """The experiments that need no further run."""
        if not self.exists():
            return set()
        marks = ", ".join(f"'{status}'" for status in DONE)
        return {row[0] for row in self.query(f"SELECT DISTINCT experiment_id FROM run WHERE status IN ({marks})")[1]}

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a query, read-only. Raises InputError for SQL that fails or where no database is."""
        import duckdb

        with self.reading() as connection:
            try:
                answer = connection.execute(sql)
                if answer is None:
                    raise InputError("the query is empty")
                return [column[0] for column in answer.description or []], answer.fetchall()
            except duckdb.Error as error:
                raise InputError(first_line(error)) from error

    def exists(self) -> bool:
        """Whether there is a file. Raises InputError where that cannot be seen."""
        try:
            return self.path.exists()
        except OSError as error:
            raise InputError(f"cannot open {self.path}: {error.strerror}") from error

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection; a database of an earlier version is brought up to date before.

        Raises InputError when there is no database, or it is not one of ours.
        """
        with self.reading_as_it_is() as (connection, version):
            if version == SCHEMA_VERSION:
                yield connection
                return
        with self._refusing(), self._writing():
            pass
        with self.reading_as_it_is() as (connection, _):
            yield connection

    @contextmanager
    def reading_as_it_is(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
        """A read-only connection and the version of the tables, this one or an earlier. Raises as `reading` does."""
        if not self.exists():
            raise InputError(f"there is no database at {self.path}; `ntkbench run` makes one")
        with self._connect(writing=False) as connection:
            yield connection, self._version(connection)

    @contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to write with, the database there and up to date."""
        with self._connect(writing=True) as connection:
            found = self._version(connection)
            if found < SCHEMA_VERSION:
                connection.begin()
                schema.upgrade(connection, found)
                connection.commit()
            yield connection

    @contextmanager
    def _connect(self, *, writing: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder, not a database")
        cannot = f"cannot {'write to' if writing else 'open'} {self.path}"
        deadline = time.monotonic() + self.patience
        pause = 0.02
        while True:
            fresh = not self.path.exists()
            try:
                if fresh and writing:
                    self._create()
                connection = duckdb.connect(str(self.path), read_only=not writing)
                break
            except duckdb.IOException as error:
                text = str(error)
                if "valid DuckDB database" in text:
                    raise InputError(f"{self.path} is not a DuckDB database") from error
                if not any(busy in text for busy in _BUSY):
                    raise InputError(f"{cannot}: {first_line(error)}") from error
                if time.monotonic() > deadline:
                    raise BusyError(
                        f"another process is using {self.path}; try again when it has ended, or name another --db"
                    ) from error
            except duckdb.Error as error:
                raise InputError(f"{cannot}: {first_line(error)}") from error
            # Jitter, so that two processes that collided do not do so again.
            time.sleep(pause * (0.5 + random.random()))
            pause = min(2 * pause, 0.25)
        try:
            yield connection
        finally:
            # A failed checkpoint loses nothing: what was committed is in the write-ahead log.
            with contextlib.suppress(duckdb.Error):
                connection.close()

    def _version(self, connection: duckdb.DuckDBPyConnection) -> int:
        """The version of the tables, SCHEMA_VERSION or an earlier one. Raises InputError for anything else."""
        import duckdb

        try:
            versions = [row[0] for row in connection.execute("SELECT version FROM schema_version").fetchall()]
        except duckdb.Error as error:
            raise InputError(f"{self.path} is a DuckDB database, but not one of ntkbench") from error
        if not versions:
            raise InputError(f"{self.path} is not a whole database of ntkbench: it states no schema version")
        found: int = max(versions)
        if found > SCHEMA_VERSION:
            raise InputError(
                f"{self.path} is of a newer ntkbench (schema version {found}, this one knows {SCHEMA_VERSION}); "
                "upgrade ntkbench, or name another --db"
            )
        if found < 1:
            raise InputError(f"{self.path} is not a database of ntkbench: there is no schema version {found}")
        return found

    def _create(self) -> None:
        """Make the database beside its place and move it there whole."""
        import duckdb

        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        log = scratch.with_name(scratch.name + ".wal")

        def clear() -> None:
            # Also before: a killed process may have had our number.
            scratch.unlink(missing_ok=True)
            log.unlink(missing_ok=True)

        clear()
        try:
            with duckdb.connect(str(scratch), config={"default_block_size": str(_BLOCK_SIZE)}) as connection:
                schema.create(connection)
                # Closing does so too, and is silent when the disk is full: half a database would get its name.
                connection.execute("CHECKPOINT")
            _place(scratch, self.path)
        finally:
            clear()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn the system's and DuckDB's refusals to write into one line."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            raise InputError(f"cannot write to {self.path}: {first_line(error)}") from error
        except OSError as error:
            raise InputError(f"cannot write to {self.path}: {error.strerror or error}") from error


def _known(connection: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> dict[str, RunRecord]:
    """The records of these ids that are there."""
    query = "SELECT run_id FROM run WHERE run_id IN (SELECT unnest(?::VARCHAR[]))"
    found = [row[0] for row in connection.execute(query, [run_ids]).fetchall()]
    return {record.run_id: record for record in read_records(connection, run_ids=found)} if found else {}


def _place(scratch: Path, path: Path) -> None:
    """Give the finished file its name, unless another process was first."""
    try:
        # A link fails where there is a file; a rename would replace another process's database.
        os.link(scratch, path)
    except FileExistsError:
        pass
    except OSError:
        # A file system without hard links: there, a lock keeps others from naming theirs meanwhile.
        from filelock import FileLock

        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                scratch.rename(path)


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return str(error).strip().splitlines()[0]
