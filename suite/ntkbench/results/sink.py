"""Where `ntkbench run` puts its records: what the database and a file of JSON lines have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ntkbench.results.record import RunRecord
from ntkbench.results.rows import Declaration

if TYPE_CHECKING:
    from ntkbench.results.latest import Attempt
    from ntkbench.results.store import Store


class RecordSink(Protocol):
    """Takes records in, each whole or not at all, and knows which experiments are done."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def database(self) -> Store | None:
        """The database that verdicts can be asked of; None where records are only kept."""

    def prepare(self) -> None:
        """Make sure that records can be added.

        Raises:
            InputError: When the file is one of something else, or its path cannot be written.
            SystemFault: When the disk is full, or another process does not let go.
        """

    def declare(self, declarations: Iterable[Declaration]) -> None:
        """Note what the tasks claim now. Raises as `prepare` does."""

    def add(self, records: Iterable[RunRecord]) -> int:
        """Add those that are not there yet; how many were added. Raises as `prepare` does."""

    def done(self, machine: str) -> set[str]:
        """The experiments that need no further run on this machine."""

    def latest(self, machine: str, tasks: Collection[str]) -> Sequence[Attempt]:
        """What the latest good attempt at each experiment of these tasks took on this machine."""
