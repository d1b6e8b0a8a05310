"""The results database: records go in whole, one transaction each, and nothing is ever changed or removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntkbench import datasets
from ntkbench.errors import InputError, NotInstalled, first_line
from ntkbench.files import real
from ntkbench.machine.cores import cores_given
from ntkbench.machine.hardware import hardware_id
from ntkbench.results import database
from ntkbench.results.faults import openable, refusal
from ntkbench.results.latest import Attempt, of_tables
from ntkbench.results.origin import Origin
from ntkbench.results.perf.rows import insert_measurements
from ntkbench.results.record import DONE, RunRecord
from ntkbench.results.rows import Declaration, claims_id, insert_declarations, insert_records, read_records
from ntkbench.results.sameness import same

if TYPE_CHECKING:
    import duckdb

    from ntkbench.results.perf.asv import Measurement


@dataclass(frozen=True)
class Store:
    """The database at `path`; made when first written to. `patience`: seconds to wait for others, None: PATIENCE."""

    path: Path
    patience: float | None = None

    def prepare(self) -> None:
        """Make the database where there is none, bring it up to date, and make sure that it can be written.

        Raises:
            InputError: When the file is no database of ours, or its path cannot be written.
            SystemFault: When the disk is full.
            BusyError: When another process does not let go.
        """
        openable(real(self.path))
        try:
            real(self.path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refusal(f"cannot write to {self.path}", error) from error
        with database.writing(self.path, self.patience):
            pass

    def add(
        self,
        records: Iterable[RunRecord],
        declarations: Iterable[Declaration] = (),
        measurements: Iterable[tuple[Measurement, str]] = (),
        *,
        origins: Mapping[str, Origin] | None = None,
        stored: Mapping[str, datetime] | None = None,
        places: Mapping[str, str] | None = None,
    ) -> int:
        """Add what is not there yet, all or none; how many records and measurements were added.

        Args:
            records: Runs; those that are there already are left out.
            declarations: What tasks claim; likewise.
            measurements: What asv measured, each with the place where it was found.
            origins: By run_id, who vouches for a record; without one it is this machine, which has made it.
            stored: By run_id, the moment of a record that another database has; see order.py.
            places: By run_id, where a record was found, for messages.

        Raises:
            InputError: When one differs from what is there under its name.
            SystemFault: When the disk refuses.
            BusyError: When another process does not let go.
        """
        records = list(records)
        with database.writing(self.path, self.patience) as connection:
            connection.begin()
            known = _known(connection, [r.run_id for r in records])
            new: dict[str, RunRecord] = {}
            for record in records:
                present = known.get(record.run_id) or new.setdefault(record.run_id, record)
                if present is not record and not same(record, present):
                    where = (places or {}).get(record.run_id, "the record to be added")
                    raise InputError(f"run {record.run_id} in {where} differs from the one in {self.path}")
            insert_records(connection, list(new.values()), origins or {}, stored or {})
            insert_declarations(connection, list(declarations))
            measured = insert_measurements(connection, list(measurements))
            connection.commit()
            return len(new) + measured

    def declare(self, declarations: Iterable[Declaration]) -> None:
        """Add the declarations that differ from what is known of their task's version."""
        with database.writing(self.path, self.patience) as connection:
            connection.begin()
            for d in declarations:
                present = connection.execute(
                    "SELECT claims_id FROM claims_seen WHERE (task, task_version, origin) = (?, ?, 'this machine') "
                    "ORDER BY seen DESC LIMIT 1",
                    [d.task, d.task_version],
                ).fetchone()
                if present != (claims_id(d.task, d.task_version, d.claims),):
                    insert_declarations(connection, [d])
            connection.commit()

    def done(self, machine: str) -> set[str]:
        """The experiments that need no further run on this machine: what ran elsewhere says nothing of its times.

        Only what this machine stored counts, whatever others say of it; so does what it stored while the hardware alone
        was its name.
        """
        if not self.exists():
            return set()
        query = (
            "SELECT DISTINCT experiment_id FROM run JOIN environment USING (environment_id) "
            "WHERE origin = 'this machine' AND machine IN (?, ?) AND status IN (SELECT unnest(?::VARCHAR[])) "
            # A data set or a library that could not be had then may be had now.
            "AND NOT (status = 'not_applicable' AND "
            "(coalesce(dataset, '') IN (SELECT unnest(?::VARCHAR[])) OR contains(reason, ?)))"
        )
        # A share of the hardware had no name then.
        other = machine if cores_given() else hardware_id()
        values = [machine, other, list(DONE), datasets.optional(), NotInstalled.ADVICE]
        with self.reading() as connection:
            return {row[0] for row in connection.execute(query, values).fetchall()}

    def latest(self, machine: str, tasks: Collection[str]) -> list[Attempt]:
        """What the latest good attempt at each experiment of these tasks took on this machine."""
        if not self.exists():
            return []
        with self.reading() as connection:
            return of_tables(connection, machine, tasks)

    def query(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Ask the database, read-only.

        Args:
            sql: One query; a value of another's making stands as ? or $name in it.
            parameters: Those values.

        Returns:
            Column names and rows.

        Raises:
            InputError: For SQL that fails, or where no database is.
            BusyError: When another process does not let go.
        """
        with self.reading() as connection:
            return answer(connection, sql, parameters)

    def exists(self) -> bool:
        """Whether there is a file. Raises InputError where that cannot be seen."""
        return database.exists(self.path)

    @property
    def database(self) -> Store:
        """This one: it can be asked for verdicts."""
        return self

    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A read-only connection; see `database.reading`."""
        return database.reading(self.path, self.patience)


def answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Ask on a connection that is open.

    Args:
        connection: Any.
        sql: One query; a value of another's making stands as ? or $name in it.
        parameters: Those values.

    Returns:
        Column names and rows.

    Raises:
        InputError: In one line, for SQL that fails.
    """
    import duckdb

    try:
        found = connection.execute(sql, parameters or None)
        if found is None:
            raise InputError("the query is empty")
        return [column[0] for column in found.description or []], found.fetchall()
    except duckdb.Error as error:
        raise InputError(first_line(error)) from error


def _known(connection: duckdb.DuckDBPyConnection, run_ids: Sequence[str]) -> dict[str, RunRecord]:
    """The records of these ids that are there."""
    query = "SELECT run_id FROM run WHERE run_id IN (SELECT unnest(?::VARCHAR[]))"
    found = [row[0] for row in connection.execute(query, [run_ids]).fetchall()]
    return {record.run_id: record for record in read_records(connection, run_ids=found)} if found else {}
