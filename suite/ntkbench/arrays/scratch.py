"""Arrays on disk for what memory has no room for: pages that the system takes back when it needs them."""

from __future__ import annotations

import math
import os
import shutil
import tempfile

import numpy as np
import numpy.typing as npt

from ntkbench.arrays.memory import gibibytes

_SPARE = 2**30  # bytes of a disk that are left to others


def scratch(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """An array of zeros in a file of the temporary folder (`TMPDIR`) that goes when the array, or the process, goes.

    Raises MemoryError where the disk has no room either.
    """
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    check_scratch(needed)
    with tempfile.TemporaryFile() as file:
        try:
            # Room is taken now: a disk that is full when a page is written back would end the process.
            os.posix_fallocate(file.fileno(), 0, max(needed, 1))
        except OSError as error:
            raise _no_room(needed, 0) from error
        return np.memmap(file, dtype=dtype, mode="r+", shape=shape)


def check_scratch(needed: int) -> None:
    """Raise MemoryError when arrays of so many bytes have no room in the temporary folder."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed + _SPARE > free:
        raise _no_room(needed, free)


def _no_room(needed: int, free: int) -> MemoryError:
    return MemoryError(
        f"memory is short, and {tempfile.gettempdir()} has no room for {gibibytes(needed)} either "
        f"({gibibytes(free)} are free): set TMPDIR to a folder on a larger disk"
    )
