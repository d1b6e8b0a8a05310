"""The code and the tasks of a process: runs may go to another process when both are the same there."""

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
class CodeIdentity:
    """What a process would carry out runs with.

    Attributes:
        environment: Describes its machine and the versions of its code.
        code: A hash of the package's and the tasks' sources.
    """

    environment: Mapping[str, str]
    code: str

    @property
    def machine(self) -> str:
        """Its machine's name in the database."""
        return self.environment["machine"]

    def check(self, here: CodeIdentity) -> None:
        """Compare this worker's code with that of the process that plans the runs.

        Raises:
            InputError: They differ; the message names both in one line.
        """
        if self.code == here.code:
            return
        there, ours = (i.environment["commit"] or f"version {_version(i)}" for i in (self, here))
        if there == ours:
            there = "other changes of the same commit"
        raise InputError(
            f"a worker of the scheduler has other code or tasks ({there}) than this process ({ours}): "
            "bring both to one commit"
        )


def code_identity(task_folders: Sequence[Path] = ()) -> CodeIdentity:
    """The identity of this process.

    Args:
        task_folders: Folders with tasks, beside the built-in ones.

    Raises:
        InputError: A folder is not there.
    """
    digest = hashlib.sha256()
    for folder in (Path(ntkbench.__file__).parent, paths.shared("tasks"), *task_folders):
        if not folder.is_dir():
            raise InputError(f"the tasks folder {str(folder)!r} is not there")
        for file in sorted(folder.rglob("*.py")):
            digest.update(
                f"{file.relative_to(folder).as_posix()}\0".encode(errors="surrogateescape") + file.read_bytes()
            )
    return CodeIdentity(environment(), digest.hexdigest())


def _version(identity: CodeIdentity) -> str:
    return identity.environment.get("version ntkbench", "unknown")
