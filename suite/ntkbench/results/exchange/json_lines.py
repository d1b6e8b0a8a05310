"""Records as lines of JSON, one on each line of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ntkbench.errors import InputError
from ntkbench.results.faults import refusal
from ntkbench.results.record import RunRecord


def read_json_lines(source: Path) -> Iterator[tuple[int, RunRecord]]:
    """Read a file with a record on each line.

    Yields:
        The number of a line, from 1, and its record; empty lines are passed over.

    Raises:
        InputError: For a file that cannot be read, or naming the line that is no record.
    """
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{source} cannot be read as JSON lines ({type(error).__name__})") from error
    # Not splitlines: a text in JSON may hold U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        # Of files put together each may begin with a byte-order mark.
        line = line.removeprefix("\ufeff")
        if line.strip():
            try:
                record = RunRecord.from_json(line)
            except InputError as error:
                raise InputError(f"{source}, line {number}: {error}") from error
            yield number, record


def append_json_line(path: Path, record: RunRecord) -> None:
    """Append a record to a file, the whole line or nothing.

    Raises:
        InputError: Where the path cannot be written.
        SystemFault: When the disk is full.
    """
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
        raise refusal(f"cannot write to {path}", error) from error
