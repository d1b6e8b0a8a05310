"""The peak of resident memory is the one of the work since the last reset."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ntkbench.running.peak_rss import peak_rss, reset_peak_rss


def own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


PEAKS = """
import numpy as np
from ntkbench.running.peak_rss import peak_rss, reset_peak_rss

reset_peak_rss()
before = peak_rss()
block = np.ones(2**24)
used = peak_rss()
del block
freed = peak_rss()
print(used - before, freed - before, reset_peak_rss(), peak_rss() - before)
"""


def test_peak_memory_rises_with_what_is_used_and_can_be_reset() -> None:
    # In a process of its own: what others free meanwhile is no part of it.
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    used, freed, was_reset, left = map(ast.literal_eval, done.stdout.split())
    size = 2**27  # the system counts pages in batches, so small differences mean nothing
    assert used > 0.9 * size
    assert freed > 0.9 * size
    assert (left < 0.5 * size) is was_reset


def test_where_the_system_keeps_no_such_file_the_peak_is_the_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    assert reset_peak_rss() is False
    assert peak_rss() == own_peak()


def test_where_the_file_lacks_the_peak_it_is_the_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, **_: "VmSize:\t 1 kB\n")
    assert peak_rss() == own_peak()
