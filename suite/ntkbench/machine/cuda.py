"""CUDA devices: what the driver shows, and why no card can be used.

With the standard library alone: it is asked before anything is installed.
"""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass

from ntkbench.machine.nvidia import Card, cards

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE: no card, or none that CUDA_VISIBLE_DEVICES lets through


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver: its version, the newest CUDA it serves (None: not known), its cards, whether visible or not.

    `fault` says in words why no card can be used; "" where one can.
    """

    version: str
    cuda: tuple[int, int] | None
    cards: tuple[Card, ...]
    fault: str


def driver() -> Driver:
    """The driver of this machine. No framework is imported and no card is taken into use."""
    number, found = cards()
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return Driver(number, None, found, f"there is no NVIDIA driver ({_LIBRARY} is not found)")
    newest = ctypes.c_int()
    known = library.cuDriverGetVersion(ctypes.byref(newest)) == 0 and newest.value > 0
    cuda = (newest.value // 1000, newest.value % 1000 // 10) if known else None
    return Driver(number, cuda, found, _fault(library))


def _fault(library: ctypes.CDLL) -> str:
    """Why the driver's library gives no device; "" where it gives one."""
    code, count = library.cuInit(0), ctypes.c_int()
    if code == 0:
        code = library.cuDeviceGetCount(ctypes.byref(count))
    if code == 0 and count.value > 0:
        return ""
    hiding = os.environ.get("CUDA_VISIBLE_DEVICES")
    if code in (0, _NO_DEVICE) and hiding is not None:
        return f"CUDA_VISIBLE_DEVICES={hiding!r} hides every card: unset it"
    text = ctypes.c_char_p()
    library.cuGetErrorString(code, ctypes.byref(text))
    words = (text.value or b"unknown error").decode(errors="replace")
    return "there is no CUDA card" if code in (0, _NO_DEVICE) else f"the driver fails: {words} (error {code})"
