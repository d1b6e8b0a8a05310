"""What a refusal of the system or of DuckDB is: a fault of what was asked, or of the machine."""

from __future__ import annotations

import errno
import os
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
