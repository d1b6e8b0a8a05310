"""Makes the C library keep the memory that large arrays leave behind."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's mallopt
_SMALL = 2**25  # bytes; the most that glibc takes: blocks up to this size come from the heap, which is kept
_KEEP = 2**30  # bytes of free heap kept at its end


def keep_freed_memory() -> bool:
    """Let freed memory be used again instead of going back to the system; whether the C library can (glibc can).

    PyTorch and XLA on a CPU allocate their temporaries anew for each operation. Given back and asked for again, every
    page of them is a page fault, which on a virtual machine costs up to a hundred times the arithmetic.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_THRESHOLD, _SMALL)) and bool(mallopt(_TRIM_THRESHOLD, _KEEP))
