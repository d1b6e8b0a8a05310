"""Results as lines of JSON alone, where DuckDB is not installed: a file that `ntkbench run` uses as it does a store."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ntkbench import datasets
from ntkbench.errors import NotInstalled
from ntkbench.files import require_appendable
from ntkbench.results.exchange.json_lines import append_json_line, read_json_lines
from ntkbench.results.faults import refusal
from ntkbench.results.latest import Attempt, of_records
from ntkbench.results.record import DONE, RunRecord
from ntkbench.results.rows import Declaration


@dataclass(frozen=True)
class RecordFile:
    """The records in the file at `path`, one on each line; made when the first is added."""

    path: Path
    database: None = None  # nothing judges records here

    def prepare(self) -> None:
        """Make sure that the file can be appended to, and that it ends with a whole line.

        What a killed process left of its last line goes.

        Raises:
            InputError: When the file is none of records, or its path cannot be written.
            SystemFault: When the disk refuses.
        """
        require_appendable(self.path)
        if not self.path.is_file():  # nothing can be read back of /dev/stdout, say
            return
        try:
            content = self.path.read_bytes()
            whole = content.rfind(b"\n") + 1
            # Another's file is not to lose its last line.
            if content[whole:].startswith(b"{"):
                with self.path.open("r+b") as file:
                    file.truncate(whole)
        except OSError as error:
            raise refusal(f"cannot write to {self.path}", error) from error
        self.records()  # refuses a file of something else

    def declare(self, declarations: Iterable[Declaration]) -> None:
        """Nothing: each record carries the claims of its task."""

    def add(self, records: Iterable[RunRecord]) -> int:
        """Append the records, each whole or not at all; how many there were. Raises as `prepare` does."""
        count = 0
        for record in records:
            append_json_line(self.path, record)
            count += 1
        return count

    def done(self, machine: str) -> set[str]:
        """The experiments that need no further run on this machine. Raises InputError for a line that is no record."""
        here = [r for r in self.records() if r.status in DONE and r.environment.get("machine") == machine]
        # A data set or a library that could not be had then may be had now.
        optional = datasets.optional()
        waiting = [r.dataset in optional or NotInstalled.ADVICE in r.reason for r in here]
        known = zip(here, waiting, strict=True)
        return {r.experiment_id for r, waits in known if not (waits and r.status == "not_applicable")}

    def latest(self, machine: str, tasks: Collection[str]) -> list[Attempt]:
        """What the latest good attempt at each experiment of these tasks took on this machine."""
        return of_records(self.records(), machine, tasks)

    def records(self) -> list[RunRecord]:
        """All of them, in the order in which they were added. Raises InputError for a line that is none."""
        return [record for _, record in read_json_lines(self.path)] if self.path.is_file() else []
