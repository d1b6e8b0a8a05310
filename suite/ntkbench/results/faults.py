"""What the system and DuckDB refuse: as a fault of what was asked, or of the machine."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.errors import InputError, SystemFault, first_line

if TYPE_CHECKING:
    import duckdb

# Nothing that another path, or other words, would mend.
_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE)


def refusal(what: str, error: OSError | duckdb.Error) -> InputError | SystemFault:
    """The exception to raise when the system did not do `what`.

    Args:
        what: What was tried, with the path, such as "cannot write to results.duckdb".
        error: What the system or DuckDB said.

    Returns:
        A SystemFault when the disk is full or broken, else an InputError: the path that was named cannot be.
    """
    if isinstance(error, OSError):
        why, machine = error.strerror or str(error), error.errno in _MACHINE
    else:
        why = first_line(error)
        machine = any(os.strerror(number) in str(error) for number in _MACHINE)
    return (SystemFault if machine else InputError)(f"{what}: {why}")


def text_of(path: Path) -> str:
    """The whole path as DuckDB takes it. Raises InputError for bytes that are no text."""
    text = str(path.absolute())
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"DuckDB opens no file whose path is not text in UTF-8: {path}") from error
    return text


def openable(path: Path) -> str:
    """The whole path of a database as DuckDB takes it. Raises InputError for one that it would take for another."""
    text = text_of(path)
    # It reads a backslash as a slash, and puts the log of changes elsewhere where a folder's name has the other sign.
    if os.sep == "/" and "\\" in text:
        raise InputError(f"DuckDB opens no database whose path holds a backslash: {path}")
    if "?" in str(path.absolute().parent):
        raise InputError(f"DuckDB opens no database in a folder whose name holds a question mark: {path}")
    return text
