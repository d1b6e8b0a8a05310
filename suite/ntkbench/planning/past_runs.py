"""What runs took before: on this machine, as its database tells, and on the machine of the reference results."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from ntkbench import paths
from ntkbench.errors import InputError
from ntkbench.experiment import plan
from ntkbench.experiment.spec import Task
from ntkbench.planning.expectation import Observation
from ntkbench.results.latest import Attempt, of_tables
from ntkbench.results.sink import RecordSink


def stored(store: RecordSink, machine: str, tasks: Mapping[str, Task]) -> list[Observation]:
    """What the latest runs took on this machine, as far as they are of the present versions of their tasks.

    Args:
        store: Where the records of this machine are.
        machine: The `machine_id` of this machine.
        tasks: The tasks to look for, by name.
    """
    return list(_observations(store.latest(machine, list(tasks)), tasks))


def reference(tasks: Mapping[str, Task]) -> list[Observation]:
    """What the reference results tell of these tasks, on their machine; nothing where they cannot be read."""
    if find_spec("duckdb") is None:
        return []
    from ntkbench.results.exchange.parquet import reading_export

    folder = paths.shared("results/reference")
    with contextlib.suppress(InputError), reading_export(folder) as connection:
        return list(_observations(of_tables(connection, None, list(tasks)), tasks))
    return []


def _observations(attempts: Iterable[Attempt], tasks: Mapping[str, Task]) -> Iterator[Observation]:
    for attempt in attempts:
        task = tasks[attempt.task]
        # A size that its cost no longer takes tells nothing.
        with contextlib.suppress(InputError):
            if attempt.task_version == task.version:
                run = plan.PlannedRun.from_record(attempt, task)
                yield Observation(run, attempt.status, attempt.seconds, attempt.stages)


def read_stopped(file: Path, machine: str) -> dict[str, float]:
    """By experiment, the most seconds after which it was still running on this machine when a budget ended.

    Args:
        file: Where `append_stopped` notes them; it may not be there.
        machine: The `machine_id` of this machine.
    """
    found: dict[str, float] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        with contextlib.suppress(ValueError, TypeError, KeyError):  # half a line of a process that was killed
            entry = json.loads(line)
            if entry["machine"] == machine:
                name, seconds = str(entry["experiment_id"]), float(entry["seconds"])
                found[name] = max(seconds, found.get(name, 0.0))
    return found


def append_stopped(file: Path, machine: str, run: plan.PlannedRun, seconds: float) -> None:
    """Note that the run was still running on this machine after so many seconds."""
    entry = {"experiment_id": run.experiment_id, "machine": machine, "seconds": round(seconds, 3)}
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(entry) + "\n")
