"""What a Dask worker is to this package: a place with its machine, its code, and its tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ntkbench
from ntkbench import paths
from ntkbench.backends import environment
from ntkbench.errors import InputError


@dataclass(frozen=True)
class Station:
    """Where a process is, and a hash of the code that runs carried out there would be of."""

    environment: Mapping[str, str]
    code: str

    @property
    def machine(self) -> str:
        """Its machine's name in the database."""
        return self.environment["machine"]

    def check(self, here: Station) -> None:
        """Raise InputError, in one line, unless runs there would be of the same code as here."""
        if self.code == here.code:
            return
        there, ours = (s.environment["commit"] or f"version {_version(s)}" for s in (self, here))
        if there == ours:
            there = "other changes of the same commit"
        raise InputError(
            f"a worker of the scheduler has other code or tasks ({there}) than this process ({ours}): "
            "bring both to one commit"
        )


def station(task_folders: Sequence[Path] = ()) -> Station:
    """This process's own. Raises InputError for a task folder that is not there."""
    digest = hashlib.sha256()
    for folder in (Path(ntkbench.__file__).parent, paths.shared("tasks"), *task_folders):
        if not folder.is_dir():
            raise InputError(f"the tasks folder {str(folder)!r} is not there")
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return Station(environment(), digest.hexdigest())


def _version(station: Station) -> str:
    return station.environment.get("version ntkbench", "unknown")
