"""Writing into the cache folder: one clear line when it cannot be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
