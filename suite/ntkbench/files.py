"""Writing into the cache folder: whole files or none, and one clear line when it cannot be done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ntkbench.errors import InputError


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Turn an OSError of the block, which writes into `folder`, into a one-line InputError that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise InputError(
            f"cannot write to {folder} ({reason}); make room or set NTKBENCH_CACHE to a folder that can be written"
        ) from error


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `target` when the block ends well; else nothing of it is left.

    The temporary name is fixed, so one left by a killed process is overwritten: the caller holds a lock.
    """
    temporary = target.with_name(target.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            sync(file)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync(file: IO[bytes]) -> None:
    """Force what was written to the disk, so that a rename cannot outrun the content."""
    file.flush()
    os.fsync(file.fileno())
