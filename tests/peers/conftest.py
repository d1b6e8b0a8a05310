"""Entries that need NumPy alone and do what they are told to: solve the regression rightly or wrongly, or fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ntkbench.peers.entries import Entry
from ntkbench.peers.rounds import Outcome, compare
from ntkbench.peers.workloads import WORKLOADS, Workload

SCRIPT = """
import os, time
import numpy as np

PACKAGES = ("numpy",)
options = OPTIONS

def refuses(workload, arrays):
    print("chatter of a library")
    return "too large for this" if options.get("how") == "refuse" else ""

def prepare(workload, arrays):
    how = options.get("how", "")
    print("chatter of a library")
    if how == "no library":
        import a_library_that_is_not_here

    def note(word):
        if "log" in options:
            with open(options["log"], "a") as file:
                file.write(f"{options['name']} {word} {time.monotonic_ns()}\\\\n")

    def call():
        note("begin")
        if how == "exit":
            os._exit(7)
        if how == "hang":
            time.sleep(600)
        if how == "memory":
            raise MemoryError("no room")
        k = arrays["k_train"]
        weights = np.linalg.solve(k + workload["ridge"] * np.eye(len(k)), arrays["y_train"])
        result = arrays["k_test"] @ weights * float(options.get("factor", 1.0))
        if how == "nan":
            result[0] = np.nan
        if how == "shape":
            result = result[:2]
        note("end")
        return result

    return call

def implementation():
    return "LU"
""".replace("\\\\", "\\")

Fake = Callable[..., Entry]


@pytest.fixture
def work() -> Workload:
    """A regression with 20 training and 5 test inputs."""
    (found,) = (w.shrunk() for w in WORKLOADS if w.name == "regression")
    return replace(found, baseline="base", goals={"fast": 2.0})


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """`fake(name, factor=..., how=...)`: an entry that does the regression."""

    def make(name: str, **options: Any) -> Entry:
        script = tmp_path / f"{name}.py"
        texts = {key: str(value) for key, value in options.items()}
        script.write_text(SCRIPT.replace("OPTIONS", repr({"name": name, **texts})))
        return Entry(name, frozenset({"regression"}), script)

    return make


def here(entry: Entry) -> Path:
    """Every entry runs in the suite's own Python."""
    return Path(sys.executable)


@pytest.fixture
def outcomes_of(work: Workload) -> Callable[..., dict[str, Outcome]]:
    """Compare entries in the regression: outcomes by name."""

    def run(*entries: Entry, rounds: int = 2) -> dict[str, Outcome]:
        found = compare(work, entries, here, rounds=rounds, progress=lambda text: None)
        assert [o.entry for o in found] == list(entries)
        return {o.entry.name: o for o in found}

    return run
