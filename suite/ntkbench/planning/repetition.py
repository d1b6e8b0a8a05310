"""Runs that are stored, run again: which of them can be, and what comes out now."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ntkbench import backends
from ntkbench.backends import devices
from ntkbench.errors import InputError
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.planning.expectation import Expectation, observed
from ntkbench.results.comparison import Pair
from ntkbench.results.record import RunRecord
from ntkbench.results.rows import read_records
from ntkbench.results.store import Store


def draw(store: Store, tasks: Mapping[str, Task], number: int) -> list[RunRecord]:
    """Some of the latest runs that can be run again here, at random.

    Args:
        store: The database.
        tasks: The tasks that are here, by name.
        number: How many at most.

    Raises:
        InputError: When there is none.
    """
    with store.reading() as connection:
        rows = connection.execute("SELECT run_id, task, task_version, backend, device FROM latest_run").fetchall()
        known = [row for row in sorted(rows) if _can_run(*row[1:], tasks=tasks)]
        on_cuda = sorted({backend for *_, backend, device in known if device == "cuda"})
        faults = devices.obstacles(on_cuda) if on_cuda else {}
        ids = [run_id for run_id, *_, backend, device in known if device == "cpu" or not faults[backend]]
        if not ids:
            why = "; ".join(dict.fromkeys(faults.values())) or "no good run here is of a task and a backend at hand"
            raise InputError(f"nothing can be run again: {why}")
        return read_records(connection, random.sample(ids, min(number, len(ids))))


def _can_run(task: str, version: int, backend: str, device: str, *, tasks: Mapping[str, Task]) -> bool:
    """Whether the task is here in this version, and the backend, which has been built for such a device."""
    here = task in tasks and tasks[task].version == version and backend in backends.installed()
    return here and (device == "cpu" or "cuda" in backends.capabilities(backend))


@dataclass(frozen=True)
class Repetition:
    """Stored runs, and what each is when it is planned again."""

    stored: Mapping[str, RunRecord]
    """By experiment."""
    planned: Sequence[PlannedRun]
    expectation: Expectation
    """What they will take, as they did then."""

    @classmethod
    def of(cls, records: Sequence[RunRecord], tasks: Mapping[str, Task]) -> Repetition:
        """The repetition of these records, whose tasks are among `tasks`."""
        planned = [PlannedRun.from_record(record, tasks[record.task]) for record in records]
        both = list(zip(planned, records, strict=True))
        expectation = Expectation(reference=[observed(run, record) for run, record in both])
        return cls({run.experiment_id: record for run, record in both}, planned, expectation)

    def collect(self, told: Callable[[RunRecord], None]) -> tuple[Callable[[RunRecord], None], Repeated]:
        """A sink for the runner, and what it collects.

        Nothing is stored: this is a check, not a result.

        Args:
            told: Called with each record, when the expectation has learned of it.
        """
        runs = {run.experiment_id: run for run in self.planned}
        repeated = Repeated([], [])

        def sink(record: RunRecord) -> None:
            good = record.status == "ok"
            if good:
                self.expectation.learn(observed(runs[record.experiment_id], record))
                repeated.pairs.append((record, self.stored[record.experiment_id]))
            else:
                repeated.failures.append(record)
            told(record)

        return sink, repeated


@dataclass(frozen=True)
class Repeated:
    """What came out: each good run beside the stored one, and those that fail now."""

    pairs: list[Pair]
    failures: list[RunRecord]
