"""The entries: what the files in entrants/ say of themselves. Nothing else knows any of them by name.

Installed distributions add theirs by entry points of the group "ntkbench.peers", each a module as those in entrants/.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from ntkbench import plugins
from ntkbench.errors import InputError, brief
from ntkbench.peers.workloads import Kind, Workload

ENTRY_POINT_GROUP = "ntkbench.peers"

_ENTRANTS = Path(__file__).parent / "entrants"
_STATED = ("NAME", "KINDS", "PACKAGES", "prepare")  # by a script

PATIENCE = 900.0  # seconds

Standing = Literal["backend", "peer", "guest"]


@dataclass(frozen=True)
class Entry:
    """One that takes part, with the kinds of work that its script does.

    `requirements` is the list of the packages that its environment holds; None is the environment that the suite runs
    in. Two entries may share a name where one library needs different environments for different work. `words` are for
    the script, which reads them in `sys.argv`; `packages` are those whose versions matter. It stands there as one of
    our backends, as a peer, or as a guest, whose function somebody brought to be timed. `facts` are more of its
    environment, to be recorded; `patience` is how many seconds any one answer of it may take.
    """

    name: str
    kinds: frozenset[Kind]
    script: Path
    requirements: Path | None = None
    words: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    standing: Standing = "peer"
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)
    patience: float = PATIENCE

    def covers(self, workload: Workload) -> bool:
        """Whether it does this work."""
        return workload.kind in self.kinds

    @property
    def installed(self) -> bool:
        """Whether the suite's own environment holds its packages."""
        try:
            return self.requirements is None and all(map(version, self.packages))
        except PackageNotFoundError:
            return False


def entries() -> tuple[Entry, ...]:
    """All that are there: ours in the order of their files, then those of others. No library of theirs is imported."""
    found = list(_own())

    def take(module: Any, origin: str) -> None:
        if not isinstance(module, ModuleType) or not all(hasattr(module, name) for name in _STATED):
            raise InputError(f"it is no module with {', '.join(_STATED)}")
        if module.__file__ is None:
            raise InputError("it is no file, which a process of its own could read")
        entry = _entry(module, Path(module.__file__))
        if not entry.kinds or not entry.kinds <= set(get_args(Kind)):
            raise InputError(f"its KINDS {brief(module.KINDS)} are not some of {', '.join(get_args(Kind))}")
        if any(entry.name == other.name and entry.kinds & other.kinds for other in found):
            raise InputError(f"there is another entry {entry.name!r} for the same work")
        found.append(entry)

    plugins.offer(ENTRY_POINT_GROUP, take)
    return tuple(found)


def taking_part(workload: Workload, among: Iterable[Entry]) -> list[Entry]:
    """Those that do this work, the one that the others are compared with first."""
    return sorted((e for e in among if e.covers(workload)), key=lambda e: e.name != workload.baseline)


@cache
def _own() -> tuple[Entry, ...]:
    files = sorted(_ENTRANTS.glob("[!_]*.py"))
    return tuple(_entry(importlib.import_module(f"ntkbench.peers.entrants.{file.stem}"), file) for file in files)


def _entry(module: ModuleType, file: Path) -> Entry:
    # Scripts of one library may share an environment.
    listed = file.with_name(f"{getattr(module, 'ENVIRONMENT', file.stem)}.txt")
    packages = tuple(module.PACKAGES)
    return Entry(
        module.NAME,
        frozenset(module.KINDS),
        file,
        listed if listed.exists() else None,
        packages=packages,
        standing="backend" if "ntkbench" in packages else "peer",
    )
