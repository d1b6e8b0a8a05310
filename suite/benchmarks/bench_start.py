"""How long a command takes to start: importing the package, and listing the tasks."""

from __future__ import annotations

import subprocess
import sys


class Start:
    """In a process of its own."""

    number = 1
    warmup_time = 0.0
    repeat = (4, 8, 5.0)
    processes = 2

    def time_import(self) -> None:
        """`import ntkbench`."""
        subprocess.run([sys.executable, "-c", "import ntkbench"], check=True)

    def time_list(self) -> None:
        """`ntkbench list`."""
        subprocess.run([sys.executable, "-m", "ntkbench", "list"], check=True, stdout=subprocess.DEVNULL)
