"""Records in and out: JSON lines, Parquet folders (the archive form), and other databases."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.errors import InputError, describe
from ntkbench.record import RunRecord
from ntkbench.rows import TABLES, Declaration, read_declarations, read_records, same
from ntkbench.store import Store, first_line

if TYPE_CHECKING:
    import duckdb

_MAGIC = b"DUCK"  # at byte 8 of every DuckDB file


@dataclass
class Incoming:
    """Records from one or several sources, each once, with where each was found, and the sources' declarations."""

    records: dict[str, RunRecord] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    declarations: list[Declaration] = field(default_factory=list)
    repeated: int = 0

    def take(self, record: RunRecord, origin: str) -> None:
        """Note a record. Raises InputError when another source has the same run_id with other content."""
        present = self.records.setdefault(record.run_id, record)
        first = self.origins.setdefault(record.run_id, origin)
        if present is not record:
            self.repeated += 1
            if not same(present, record):
                raise InputError(f"run {record.run_id} in {origin} differs from the one in {first}")


def import_sources(store: Store, sources: Sequence[Path]) -> tuple[int, int]:
    """Add what the sources hold and `store` does not, all or nothing; how many runs were added and found present.

    Raises InputError, naming the file and, in JSON lines, the line, for anything malformed, and naming both places
    when two runs of one run_id differ.
    """
    incoming = Incoming()
    for source in sources:
        read_source(source, incoming)
    store.prepare()
    records = list(incoming.records.values())
    added = store.add(records, incoming.declarations, incoming.origins)
    return added, len(records) + incoming.repeated - added


def read_source(source: Path, incoming: Incoming) -> None:
    """Take in a file of JSON lines, a folder of Parquet files, or another database. Raises as `import_sources` does."""
    if not source.exists():
        raise InputError(f"{source} does not exist")
    if source.is_dir():
        check_export(source)
        _read_tables({t: parquet_table(source, t) for t in TABLES}, None, source, incoming)
    elif source.suffix == ".duckdb" or _starts_as_database(source):
        _read_tables({t: t for t in TABLES}, Store(source), source, incoming)
    else:
        for number, record in read_json_lines(source):
            incoming.take(record, f"{source}, line {number}")


def read_json_lines(source: Path) -> Iterator[tuple[int, RunRecord]]:
    """The records of a file with one on each line, with their lines' numbers. Raises InputError naming a bad line."""
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source} cannot be read as JSON lines ({type(error).__name__})") from error
    # Not splitlines: a text in JSON may hold U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                record = RunRecord.from_json(line)
            except InputError as error:
                raise InputError(f"{source}, line {number}: {error}") from error
            yield number, record


def append_json_line(path: Path, record: RunRecord) -> None:
    """Append a record to a file, the whole line or nothing. Raises InputError when the system refuses."""
    try:
        with path.open("ab", buffering=0) as file:
            size = file.tell()
            line = record.to_json().encode() + b"\n"
            try:
                written = 0
                while written < len(line):
                    written += file.write(line[written:])
            except OSError:
                if path.is_file():
                    os.ftruncate(file.fileno(), size)
                raise
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror}") from error


def export_parquet(store: Store, folder: Path) -> list[Path]:
    """Write every table to folder/TABLE.parquet: all of them, or none when the system refuses; the files."""
    import duckdb

    files = {table: folder / f"{table}.parquet" for table in TABLES}
    scratch = {table: target.with_suffix(".parquet.tmp") for table, target in files.items()}
    try:
        with store.reading() as connection:
            folder.mkdir(parents=True, exist_ok=True)
            for table in TABLES:
                # Ordered by all columns, so that the same rows make the same file.
                target = str(scratch[table]).replace("'", "''")
                connection.execute(f"COPY (FROM {table} ORDER BY ALL) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        for table in TABLES:
            scratch[table].replace(files[table])
    except duckdb.Error as error:
        raise InputError(f"cannot write to {folder}: {first_line(error)}") from error
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            for file in scratch.values():
                file.unlink(missing_ok=True)
    return list(files.values())


def check_export(folder: Path) -> Path:
    """The folder itself. Raises InputError when it is not one that `export` wrote."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder" if folder.exists() else f"{folder} does not exist")
    missing = [t for t in TABLES if not (folder / f"{t}.parquet").is_file()]
    if missing:
        raise InputError(f"{folder} is not an export: it lacks {missing[0]}.parquet")
    return folder


def parquet_table(folder: Path, table: str) -> str:
    """SQL for the rows of a table that was exported to `folder`."""
    # To DuckDB these are patterns, which match other folders too.
    literal = re.sub(r"[\[*?]", r"[\g<0>]", str(folder)).replace("'", "''")
    return f"read_parquet('{literal}/{table}.parquet')"


def _read_tables(tables: dict[str, str], store: Store | None, source: Path, incoming: Incoming) -> None:
    import duckdb

    with _connection(store) as connection:
        try:
            records = read_records(connection, tables)
            incoming.declarations += read_declarations(connection, tables)
        except duckdb.Error as error:
            raise InputError(f"{source}: {first_line(error)}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{source}: {describe(error)}") from error
    for record in records:
        incoming.take(record, str(source))


@contextmanager
def _connection(store: Store | None) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    if store is None:
        with duckdb.connect() as connection:
            yield connection
    else:
        with store.reading() as connection:
            yield connection


def _starts_as_database(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            return file.read(12)[8:] == _MAGIC
    except OSError:
        return False
