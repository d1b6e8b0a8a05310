"""The peak of this process's resident memory."""

from __future__ import annotations

import contextlib
from pathlib import Path


def reset_peak_rss() -> bool:
    """Reset the peak-RSS counter; False where the OS does not support it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_rss() -> int:
    """Bytes of resident memory at their peak since `reset_peak_rss`, or in the process's life where it cannot reset."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    # No such file, or (in some sandboxes) no such line.
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
