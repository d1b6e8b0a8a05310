"""Records from elsewhere: JSON lines, Parquet folders, other databases, and what asv measured."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench import paths
from ntkbench.errors import InputError, describe, first_line
from ntkbench.machine.provenance import commit_subject
from ntkbench.results import database
from ntkbench.results.exchange.json_lines import read_json_lines
from ntkbench.results.exchange.parquet import reading_export, write_tables
from ntkbench.results.inspection.tables import misfits
from ntkbench.results.order import read_stored
from ntkbench.results.origin import IMPORT, REFERENCE, Origin
from ntkbench.results.perf.asv import Measurement, holds_results, read_results
from ntkbench.results.perf.rows import read_measurements
from ntkbench.results.record import RunRecord
from ntkbench.results.rows import Declaration, read_declarations, read_origins, read_records
from ntkbench.results.sameness import same
from ntkbench.results.schema import SCHEMA_VERSION
from ntkbench.results.store import Store

if TYPE_CHECKING:
    import duckdb

_REFERENCE = "results/reference"
_MAGIC = b"DUCK"  # at byte 8 of every DuckDB file


@dataclass
class Incoming:
    """What one or several sources hold: records, each once, with where each was found, declarations, measurements.

    Attributes:
        origins: By run_id, who vouches for it: of what this installation stored before, as it was stored then.
        stored: By run_id, the moments of what comes from tables; see order.py.
        conflicts: What is said of one run in two ways.
        misfits: What of tables does not fit together, which is no part of any record.
        repeated: How many records were found more than once.
    """

    records: dict[str, RunRecord] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    stored: dict[str, datetime] = field(default_factory=dict)
    declarations: list[Declaration] = field(default_factory=list)
    measurements: list[tuple[Measurement, str]] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)
    repeated: int = 0

    def take(self, record: RunRecord, place: str) -> None:
        """Note a record, or that another of the same run_id has other content."""
        present = self.records.setdefault(record.run_id, record)
        first = self.places.setdefault(record.run_id, place)
        if present is not record:
            self.repeated += 1
            if not same(present, record):
                self.conflicts.append(f"run {record.run_id} in {place} differs from the one in {first}")


def import_sources(store: Store, sources: Sequence[Path], submitter: str | None = None) -> tuple[int, int]:
    """Add what the sources hold and `store` does not, all or nothing.

    Args:
        store: The database; made where there is none.
        sources: Files of JSON lines, folders of Parquet files, other databases, folders of asv's results.
        submitter: Who vouches for all of it; None: what this installation stored before stays what it was, and the rest
            is of origin reference, from this checkout's results/reference, or import.

    Returns:
        How many runs and measurements were added, and how many were here already.

    Raises:
        InputError: Naming the file and, in JSON lines, the line, for anything malformed, and naming both places when
            two runs of one run_id differ.
        SystemFault: When the disk refuses, or another process does not let go of a database.
    """
    return add_incoming(store, read_sources(sources, submitter))


def read_sources(sources: Sequence[Path], submitter: str | None = None) -> Incoming:
    """What the sources hold, with the origin that each part of it is to have. Raises as `import_sources`.

    That two runs of one run_id differ is noted, and no exception.
    """
    named = None if submitter is None else Origin("import", submitter)
    incoming = Incoming()
    for source in sources:
        before, measured = len(incoming.declarations), len(incoming.measurements)
        read_source(source, incoming)
        unknown = named or (REFERENCE if source.resolve() == paths.shared(_REFERENCE).resolve() else IMPORT)
        for run_id in incoming.records:
            incoming.origins.setdefault(run_id, unknown)
        incoming.declarations[before:] = [
            replace(d, origin=unknown) if named or d.origin == IMPORT else d for d in incoming.declarations[before:]
        ]
        incoming.measurements[measured:] = [
            (replace(m, origin=unknown) if named or m.origin == IMPORT else m, place)
            for m, place in incoming.measurements[measured:]
        ]
    if named:
        incoming.origins = dict.fromkeys(incoming.records, named)
    return incoming


def add_incoming(store: Store, incoming: Incoming) -> tuple[int, int]:
    """Add what was read and `store` does not have, all or nothing. Returns and raises as `import_sources`."""
    if incoming.conflicts:
        raise InputError(incoming.conflicts[0])
    store.prepare()
    records = list(incoming.records.values())
    added = store.add(
        records,
        incoming.declarations,
        incoming.measurements,
        origins=incoming.origins,
        stored=incoming.stored,
        places=incoming.places,
    )
    return added, len(records) + len(incoming.measurements) + incoming.repeated - added


def read_source(source: Path, incoming: Incoming) -> None:
    """Take in JSON lines, a folder of Parquet files, another database, or asv's results. Raises as `import_sources`."""
    if not source.exists():
        raise InputError(f"{source} does not exist")
    if holds_results(source):
        incoming.measurements += [(measurement, str(source)) for measurement in read_results(source, commit_subject)]
    elif source.is_dir():
        with reading_export(source) as connection:
            _read_tables(connection, source, incoming)
    elif source.suffix == ".duckdb" or _starts_as_database(source):
        _read_database(source, incoming)
    else:
        for number, record in read_json_lines(source):
            incoming.take(record, f"{source}, line {number}")


def _read_database(source: Path, incoming: Incoming) -> None:
    with database.reading_as_it_is(source) as (connection, version):
        if version == SCHEMA_VERSION:
            _read_tables(connection, source, incoming)
            return
        # Another's file stays as it is: what it holds is brought up to date on the way.
        with tempfile.TemporaryDirectory(prefix="ntkbench-") as folder:
            write_tables(connection, Path(folder), version)
            with reading_export(Path(folder)) as copy:
                _read_tables(copy, source, incoming)


def _read_tables(connection: duckdb.DuckDBPyConnection, source: Path, incoming: Incoming) -> None:
    import duckdb

    try:
        records = read_records(connection)
        incoming.declarations += read_declarations(connection)
        incoming.origins.update(read_origins(connection, records))
        incoming.stored.update(read_stored(connection))
        incoming.misfits += [f"{source}: {misfit}" for misfit in misfits(connection)]
        incoming.measurements += [(measurement, str(source)) for measurement in read_measurements(connection)]
    except duckdb.Error as error:
        raise InputError(f"{source}: {first_line(error)}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{source}: {describe(error)}") from error
    for record in records:
        incoming.take(record, str(source))


def _starts_as_database(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            return file.read(12)[8:] == _MAGIC
    except OSError:
        return False
