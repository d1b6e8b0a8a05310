"""Records set aside in files beside a database that another process holds, until the next run stores them."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

from ntkbench.errors import InputError
from ntkbench.results.database import BusyError
from ntkbench.results.exchange.json_lines import append_json_line, read_json_lines
from ntkbench.results.record import RunRecord
from ntkbench.results.sink import RecordSink

Teller = Callable[[str], None]
"""Told in one line what became of a record."""


def keep(store: RecordSink, record: RunRecord, tell: Teller) -> None:
    """Store the record; when another process does not let go of the database, set it aside for the next run."""
    try:
        store.add([record])
    except BusyError as error:
        # A file for each record: nobody can take one away while another is being added to it.
        file = store.path.with_name(f"{store.path.name}.{record.run_id}.waiting.jsonl")
        append_json_line(file, record)
        tell(f"{error}; the record waits in {file} for the next run")


def take_set_aside(store: RecordSink, tell: Teller) -> None:
    """Store the records that were set aside."""
    files = store.path.parent.glob(f"{glob.escape(store.path.name)}.*.waiting.jsonl")
    for file in sorted(files, key=_moment):
        try:
            store.add(record for _, record in read_json_lines(file))
        except InputError as error:
            # Half a line, perhaps, of a process that was killed while it wrote; it must not stop all others.
            tell(f"left aside: {error}")
        else:
            file.unlink(missing_ok=True)


def _moment(file: Path) -> int:
    """When the file was written: runs count in the order in which they were made. Another process may have taken it."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
