"""How long a command takes to start: importing the package, and listing the tasks."""

from __future__ import annotations

import resource
import subprocess
import sys


def _time_of_children() -> float:
    """The CPU time in seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Start:
    """In a process of its own."""

    version = "1"
    number = 1
    repeat = (8, 12, 0.5)
    rounds = 1
    timer = staticmethod(_time_of_children)

    def time_import(self) -> None:
        """`import ntkbench`."""
        subprocess.run([sys.executable, "-c", "import ntkbench"], check=True)

    def time_list(self) -> None:
        """`ntkbench list`."""
        subprocess.run([sys.executable, "-m", "ntkbench", "list"], check=True, stdout=subprocess.DEVNULL)
