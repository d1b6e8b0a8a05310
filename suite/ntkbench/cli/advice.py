"""What the command line adds to an error of the libraries, which know none of its options."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ntkbench.errors import DeviceMissing, InputError, SystemFault


def worded(error: InputError | SystemFault) -> str:
    """The message of an error, and which option helps."""
    if isinstance(error, DeviceMissing):
        return f"{error}; or use --device cpu"
    # Loaded already where its errors come from, and not otherwise.
    database = sys.modules.get("ntkbench.results.database")
    if database is not None and isinstance(error, database.BusyError | database.NewerError):
        return f"{error}, or name another --db"
    return str(error)


@contextmanager
def about(option: str) -> Iterator[None]:
    """Let an InputError of the block, which reads the value of `option`, begin with the option's name."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{option}: {error}") from error
