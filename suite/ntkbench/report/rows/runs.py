"""Runs: what each was, what it recorded, whether it agrees with others, and why some failed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ntkbench.report.query import Query


class Run(NamedTuple):
    """One run with its provenance, whatever became of it. `seconds` from start to end."""

    run_id: str
    experiment_id: str
    task: str
    task_version: int
    tier: str
    setting: str
    backend: str
    implementation: str
    device: str
    precision: str
    seed: int
    status: str
    reason: str
    traceback: str
    warnings: list[str]
    started: datetime
    finished: datetime
    seconds: float
    dataset: str | None
    dataset_sha256: str | None
    task_sha256: str | None
    commit_id: str
    environment_id: str
    machine: str
    command: str


RUNS = Query(Run, "FROM provenance ORDER BY task, params::VARCHAR, precision, seed, backend, device, finished, run_id")


class MetricValue(NamedTuple):
    """A number that a run recorded."""

    run_id: str
    metric: str
    value: float
    stderr: float | None
    unit: str
    better: str | None
    tolerance: float | None


METRICS = Query(MetricValue, "FROM recorded ORDER BY run_id, metric")


class Agreement(NamedTuple):
    """Whether a run agrees with the runs of the same on other backends and devices."""

    run_id: str
    task: str
    setting: str
    precision: str
    seed: int
    backend: str
    device: str
    others: int
    agreeing: int
    status: str
    differs_in: str


AGREEMENTS = Query(Agreement, "FROM agreement ORDER BY run_id")
DISAGREEMENTS = Query(
    Agreement,
    "FROM agreement WHERE status = 'disagrees' "
    "ORDER BY task, params::VARCHAR, precision, seed, backend, device, run_id",
)


class Failure(NamedTuple):
    """An experiment whose newest run failed."""

    run_id: str
    task: str
    setting: str
    backend: str
    device: str
    precision: str
    seed: int
    status: str
    reason: str


FAILURES = Query(Failure, "FROM failure ORDER BY finished DESC, run_id")
