"""What runs took before: on this machine, as its database tells, and on the machine of the reference results."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench import paths
from ntkbench.errors import InputError
from ntkbench.experiment import plan
from ntkbench.experiment.spec import Task
from ntkbench.planning.expectation import Observation, observed
from ntkbench.results.record import DONE
from ntkbench.results.record_file import RecordFile
from ntkbench.results.store import Store

if TYPE_CHECKING:
    import duckdb

# The latest attempt of each experiment, on one machine or (NULL) on any.
_TAKEN = """
WITH latest AS (
  SELECT run.* FROM run JOIN environment USING (environment_id)
  WHERE status IN (SELECT unnest($done::VARCHAR[])) AND task IN (SELECT unnest($tasks::VARCHAR[]))
    AND ($machine IS NULL OR machine = $machine)
  QUALIFY row_number() OVER (PARTITION BY experiment_id ORDER BY finished DESC, run_id) = 1
), smallest AS (
  SELECT run_id, stage, min(seconds) AS seconds FROM timing GROUP BY ALL
)
SELECT task, task_version, tier, params, backend, device, precision, seed, dataset, dataset_sha256, status,
       date_diff('millisecond', started, finished) / 1000,
       (SELECT list(seconds) FROM smallest s WHERE s.run_id = r.run_id)
FROM latest r
"""


def stored(store: Store | RecordFile, machine: str, tasks: Mapping[str, Task]) -> list[Observation]:
    """What the latest runs took on this machine, as far as they are of the present versions of their tasks.

    Args:
        store: The database, or the file of records that takes its place.
        machine: The `machine_id` of this machine.
        tasks: The tasks to look for, by name.
    """
    if isinstance(store, RecordFile):
        return list(_of_records(store, machine, tasks))
    if not store.exists():
        return []
    with store.reading() as connection:
        return list(_observations(connection, machine, tasks))


def reference(tasks: Mapping[str, Task]) -> list[Observation]:
    """What the reference results tell of these tasks, on their machine; nothing where they cannot be read."""
    if find_spec("duckdb") is None:
        return []
    from ntkbench.results.parquet import reading_export

    folder = paths.shared("results/reference")
    with contextlib.suppress(InputError), reading_export(folder) as connection:
        return list(_observations(connection, None, tasks))
    return []


def _of_records(file: RecordFile, machine: str, tasks: Mapping[str, Task]) -> Iterator[Observation]:
    latest = {r.experiment_id: r for r in file.records() if r.status in DONE and r.task in tasks}
    for record in latest.values():
        task = tasks[record.task]
        if record.environment.get("machine") == machine and record.task_version == task.version:
            with contextlib.suppress(InputError):
                fields = {
                    f.name: getattr(record, f.name) for f in dataclasses.fields(plan.PlannedRun) if f.name != "cost"
                }
                run = plan.PlannedRun(**fields, cost=plan.run_cost(task, record.params))
                yield observed(run, record)


def _observations(
    connection: duckdb.DuckDBPyConnection, machine: str | None, tasks: Mapping[str, Task]
) -> Iterator[Observation]:
    rows = connection.execute(_TAKEN, {"done": list(DONE), "tasks": list(tasks), "machine": machine}).fetchall()
    for task, version, tier, text, backend, device, precision, seed, dataset, sha256, status, seconds, stages in rows:
        params = json.loads(text)
        # A size that its cost no longer takes tells nothing.
        with contextlib.suppress(InputError):
            if version == tasks[task].version:
                cost = plan.run_cost(tasks[task], params)
                run = plan.PlannedRun(
                    task, version, tier, params, backend, device, precision, seed, dataset, sha256, cost
                )
                yield Observation(run, status, seconds, tuple(stages or ()))


def read_stopped(file: Path, machine: str) -> dict[str, float]:
    """By experiment, the most seconds after which it was still running on this machine when a budget ended.

    Args:
        file: Where `append_stopped` notes them; it may not be there.
        machine: The `machine_id` of this machine.
    """
    found: dict[str, float] = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        with contextlib.suppress(ValueError, TypeError, KeyError):  # half a line of a process that was killed
            entry = json.loads(line)
            if entry["machine"] == machine:
                name, seconds = str(entry["experiment_id"]), float(entry["seconds"])
                found[name] = max(seconds, found.get(name, 0.0))
    return found


def append_stopped(file: Path, machine: str, run: plan.PlannedRun, seconds: float) -> None:
    """Note that the run was still running on this machine after so many seconds."""
    entry = {"experiment_id": run.experiment_id, "machine": machine, "seconds": round(seconds, 3)}
    with file.open("a") as lines:
        lines.write(json.dumps(entry) + "\n")
