"""The entries: what the files in entrants/ say of themselves. Nothing else knows any of them by name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ntkbench.peers.workloads import Kind, Workload

_ENTRANTS = Path(__file__).parent / "entrants"


@dataclass(frozen=True)
class Entry:
    """One that takes part, with the kinds of work that its script does.

    `requirements` is the list of the packages that its environment holds; None is the environment that the suite runs
    in. Two entries may share a name where one library needs different environments for different work.
    """

    name: str
    kinds: frozenset[Kind]
    script: Path
    requirements: Path | None = None

    def covers(self, workload: Workload) -> bool:
        """Whether it does this work."""
        return workload.kind in self.kinds


@cache
def entries() -> tuple[Entry, ...]:
    """All that are there, in the order of their files. None of their libraries is imported."""
    return tuple(_entry(file) for file in sorted(_ENTRANTS.glob("[!_]*.py")))


def taking_part(workload: Workload, among: Iterable[Entry]) -> list[Entry]:
    """Those that do this work, the one that the others are compared with first."""
    return sorted((e for e in among if e.covers(workload)), key=lambda e: e.name != workload.baseline)


def _entry(file: Path) -> Entry:
    module = importlib.import_module(f"ntkbench.peers.entrants.{file.stem}")
    # Scripts of one library may share an environment.
    listed = file.with_name(f"{getattr(module, 'ENVIRONMENT', file.stem)}.txt")
    return Entry(module.NAME, frozenset(module.KINDS), file, listed if listed.exists() else None)
