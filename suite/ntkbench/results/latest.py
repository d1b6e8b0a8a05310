"""What the latest good attempt at each experiment took: from the tables, or from records."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ntkbench.machine.cores import cores_given
from ntkbench.machine.hardware import hardware_id
from ntkbench.results.record import DONE, RunRecord

if TYPE_CHECKING:
    import duckdb

    from ntkbench.experiment.spec import Task

# Stored by this machine of itself, perhaps while the hardware alone was its name, or (NULL) by anyone.
_TAKEN = """
WITH latest AS (
  SELECT run.* FROM run JOIN environment USING (environment_id)
  WHERE status IN (SELECT unnest($done::VARCHAR[])) AND task IN (SELECT unnest($tasks::VARCHAR[]))
    AND ($machine IS NULL OR origin = 'this machine' AND machine IN ($machine, $hardware))
  QUALIFY latest_attempt(experiment_id, NULL, precedence(origin, submitter), stored, run_id)
), smallest AS (
  SELECT run_id, stage, min(seconds) AS seconds FROM timing GROUP BY ALL
)
SELECT task, task_version, tier, params, backend, device, precision, seed, dataset, dataset_sha256, status, task_sha256,
       date_diff('millisecond', started, finished) / 1000 AS seconds,
       (SELECT list(seconds) FROM smallest s WHERE s.run_id = r.run_id) AS stages
FROM latest r
"""


@dataclass(frozen=True)
class Attempt:
    """One attempt that ended well or did not apply: what was planned, and what it took.

    `seconds` is its wall clock from start to end, `stages` the smallest sample of each stage: compilation is over after
    the first call.
    """

    task: str
    task_version: int
    tier: str
    params: dict[str, Any]
    backend: str
    device: str
    precision: str
    seed: int
    dataset: str | None
    dataset_sha256: str | None
    status: str
    seconds: float
    stages: tuple[float, ...]
    task_sha256: str | None = None

    def of_other_file(self, task: Task) -> bool:
        """Whether it is of the same version of the task, read from a file of other content."""
        same_version = (self.task, self.task_version) == (task.name, task.version)
        return same_version and self.task_sha256 is not None and self.task_sha256 != task.sha256


def of_tables(connection: duckdb.DuckDBPyConnection, machine: str | None, tasks: Collection[str]) -> list[Attempt]:
    """The latest good attempts on one machine (None: on any), from the tables of a database or an export."""
    earlier = machine if cores_given() else hardware_id()  # a share of the hardware had no name then
    given = {"done": list(DONE), "tasks": list(tasks), "machine": machine, "hardware": earlier}
    rows = connection.execute(_TAKEN, given)
    names = [column[0] for column in rows.description or []]
    found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    return [
        Attempt(**{**row, "params": json.loads(row["params"]), "stages": tuple(row["stages"] or ())}) for row in found
    ]


def of_records(records: Iterable[RunRecord], machine: str, tasks: Collection[str]) -> list[Attempt]:
    """The latest good attempts on one machine, from records in the order in which they were made."""
    latest = {
        r.experiment_id: r
        for r in records
        if r.status in DONE and r.task in tasks and r.environment.get("machine") == machine
    }
    return [_attempt(record) for record in latest.values()]


def _attempt(r: RunRecord) -> Attempt:
    taken = datetime.fromisoformat(r.finished) - datetime.fromisoformat(r.started)
    smallest = {t.stage: t.seconds for t in sorted(r.timings, key=lambda t: -t.seconds)}
    return Attempt(
        r.task, r.task_version, r.tier, r.params, r.backend, r.device, r.precision, r.seed, r.dataset,
        r.dataset_sha256, r.status, taken.total_seconds(), tuple(smallest.values()), r.task_sha256,
    )  # fmt: skip
