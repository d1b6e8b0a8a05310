"""The results database: records go in whole, one transaction each, and nothing is ever changed or removed.

Every call opens the file and closes it again, so that another process can read while a run is in progress.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntkbench import paths
from ntkbench.errors import InputError
from ntkbench.provenance import environment_id
from ntkbench.record import DONE, ClaimRow, RunRecord

if TYPE_CHECKING:
    import duckdb

_TABLES = ("environment", "run", "timing", "metric", "curve", "claim")
_PATIENCE = 30.0  # seconds to wait for another process to let go of the file
_BLOCK_SIZE = 16384  # bytes; many small tables: the default of 256 KiB would waste megabytes


class BusyError(Exception):
    """Another process holds the database and does not let go."""


@dataclass(frozen=True)
class Store:
    """The database at `path`; made when first written to."""

    path: Path
    patience: float = _PATIENCE

    def prepare(self) -> None:
        """Make the database where there is none, and make sure that it can be written.

        Raises InputError when the file is no database of ours or cannot be written.
        """
        with self._refusing():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._open(writing=True):
                pass

    def add(self, records: Iterable[RunRecord]) -> int:
        """Add those of the records that are not there yet, all or none; how many were added.

        Raises InputError when the disk refuses, BusyError when another process does not let go.
        """
        with self._refusing(), self._open(writing=True) as connection:
            connection.begin()
            known = {row[0] for row in connection.execute("SELECT run_id FROM run").fetchall()}
            added = 0
            for record in records:
                if record.run_id not in known:
                    _insert(connection, record)
                    known.add(record.run_id)
                    added += 1
            connection.commit()
            return added

    def declare(self, claims: Sequence[tuple[str, int, ClaimRow]]) -> None:
        """Add the claims (task, task version, claim) that are not there yet in this form."""
        with self._refusing(), self._open(writing=True) as connection:
            connection.begin()
            for task, version, claim in claims:
                _insert_claim(connection, task, version, claim, datetime.now(UTC).isoformat())
            connection.commit()

    def done(self) -> set[str]:
        """The experiments that need no further run."""
        if not self.path.exists():
            return set()
        marks = ", ".join(f"'{status}'" for status in DONE)
        return {row[0] for row in self.query(f"SELECT DISTINCT experiment_id FROM run WHERE status IN ({marks})")[1]}

    def query(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a query, read-only. Raises InputError for SQL that fails or where no database is."""
        import duckdb

        with self.reading() as connection:
            try:
                relation = connection.execute(sql)
                return [column[0] for column in relation.description or []], relation.fetchall()
            except duckdb.Error as error:
                raise InputError(_first_line(error)) from error

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection. Raises InputError when there is no database, or it is not one of ours."""
        if not self.path.exists():
            raise InputError(f"there is no database at {self.path}; `ntkbench run` makes one")
        with self._open(writing=False) as connection:
            yield connection

    @contextmanager
    def _open(self, *, writing: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder, not a database")
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
                if "lock" not in text.lower():
                    if "valid DuckDB database" in text:
                        raise InputError(f"{self.path} is not a DuckDB database") from error
                    raise InputError(f"cannot open {self.path}: {_first_line(error)}") from error
                if time.monotonic() > deadline:
                    raise BusyError(f"another process is using {self.path}") from error
            except duckdb.Error as error:
                raise InputError(f"cannot open {self.path}: {_first_line(error)}") from error
            # Jitter, so that two processes that collided do not do so again.
            time.sleep(pause * (0.5 + random.random()))
            pause = min(2 * pause, 1.0)
        try:
            self._check(connection)
            yield connection
        finally:
            connection.close()

    def _check(self, connection: duckdb.DuckDBPyConnection) -> None:
        import duckdb

        try:
            rows = connection.execute("SELECT version FROM schema_version").fetchall()
        except duckdb.Error as error:
            raise InputError(f"{self.path} is a DuckDB database, but not one of ntkbench") from error
        if rows != [(1,)]:
            raise InputError(f"{self.path} has schema version {rows[0][0]}, this ntkbench reads 1")

    def _create(self) -> None:
        """Make the database beside its place and move it there whole."""
        import duckdb

        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            with duckdb.connect(str(scratch), config={"default_block_size": str(_BLOCK_SIZE)}) as connection:
                connection.execute(paths.shared("results/schema.sql").read_text())
                for table in _TABLES:
                    for event in ("UPDATE", "DELETE"):
                        connection.execute(
                            f"CREATE TRIGGER {table}_{event.lower()} AFTER {event} ON {table} FOR EACH STATEMENT "
                            f"INSERT INTO append_only SELECT error('{table} is append-only')"
                        )
                connection.execute(paths.shared("results/views.sql").read_text())
            # A link fails where another process was first; a rename would replace its database.
            with contextlib.suppress(FileExistsError):
                os.link(scratch, self.path)
        finally:
            scratch.unlink(missing_ok=True)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn the system's and DuckDB's refusals to write into one line."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            raise InputError(f"cannot write to {self.path}: {_first_line(error)}") from error
        except OSError as error:
            raise InputError(f"cannot write to {self.path}: {error.strerror or error}") from error


def _insert(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    facts = record.environment
    name = environment_id(facts)
    connection.execute(
        # Not ON CONFLICT: DuckDB has none for tables with triggers.
        "INSERT INTO environment SELECT ?, ?, ?, map(?, ?) WHERE NOT EXISTS (FROM environment WHERE environment_id = ?)",
        [name, facts.get("machine", ""), facts.get("commit", ""), list(facts), list(facts.values()), name],
    )
    r = record
    values = [
        r.run_id, r.experiment_id, r.task, r.task_version, r.tier, json.dumps(r.params), r.backend, r.implementation,
        r.device, r.precision, r.seed, r.dataset, r.dataset_sha256, r.status, r.reason, r.traceback, r.warnings,
        _utc(r.started), _utc(r.finished), r.command, name,
    ]  # fmt: skip
    connection.execute(f"INSERT INTO run VALUES ({', '.join('?' * len(values))})", values)
    for t in r.timings:
        connection.execute(
            "INSERT INTO timing VALUES (?, ?, ?, ?, ?)", [r.run_id, t.stage, t.phase, t.sample, t.seconds]
        )
    for m in r.metrics:
        row = [r.run_id, m.name, m.value, m.unit, m.stderr, m.better, m.tolerance]
        connection.execute("INSERT INTO metric VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    for c in r.curves:
        connection.execute(
            "INSERT INTO curve SELECT ?, ?, unnest(range(len(?::DOUBLE[])))::INTEGER, unnest(?::DOUBLE[]),"
            " unnest(?::DOUBLE[]), ?, ?, ?, ?, ?, ?",
            [r.run_id, c.name, c.x, c.x, c.y, c.x_name, c.y_name, c.x_unit, c.y_unit, c.share, c.tolerance],
        )
    for claim in r.claims:
        _insert_claim(connection, r.task, r.task_version, claim, r.finished)


def _insert_claim(
    connection: duckdb.DuckDBPyConnection, task: str, version: int, claim: ClaimRow, declared: str
) -> None:
    content = [
        task, version, claim.name, claim.metric, claim.value, claim.tolerance, claim.source,
        json.dumps(claim.params, sort_keys=True), claim.verified, claim.repeats, claim.over,
    ]  # fmt: skip
    columns = "task, task_version, name, metric, value, tolerance, source, params::VARCHAR, verified, repeats, over"
    present = connection.execute(
        f"SELECT count(*) FROM claim WHERE ({columns}) IS NOT DISTINCT FROM ({', '.join('?' * 11)})", content
    ).fetchone()
    if present == (0,):
        connection.execute(f"INSERT INTO claim VALUES ({', '.join('?' * 12)})", [*content, _utc(declared)])


def _utc(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise InputError(f"{text!r} is not a time in ISO 8601") from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
