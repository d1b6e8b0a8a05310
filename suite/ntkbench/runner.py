"""Carries out planned runs in worker processes and hands each finished record on; it knows no store.

One warm worker a backend. A run that fails costs its worker: the next run starts in a fresh one.
"""

from __future__ import annotations

import multiprocessing
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from ntkbench.plan import PlannedRun
from ntkbench.provenance import environment
from ntkbench.record import ClaimRow, CurveRow, MetricRow, RunRecord, TimingRow, claim_rows, planned_fields
from ntkbench.spec import Task
from ntkbench.worker import serve

Sink = Callable[[RunRecord], None]
StageListener = Callable[[PlannedRun, str, float | None], None]


@dataclass(frozen=True)
class Worker:
    """A running worker process and our end of its pipe."""

    process: SpawnProcess
    connection: Connection

    def stop(self) -> None:
        """End the process now, whatever it does."""
        self.connection.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def execute(
    runs: Sequence[PlannedRun],
    tasks: Mapping[str, Task],
    sink: Sink,
    *,
    task_folders: Sequence[Path] = (),
    timeout: float | None = None,
    command: str = "",
    listener: StageListener | None = None,
) -> None:
    """Carry out `runs` in order; `sink` gets each record as it is finished, `listener` each stage as it begins.

    `timeout` is in seconds a run. On KeyboardInterrupt the present run is dropped, workers are stopped, and the
    interrupt goes on; records that `sink` has are safe.
    """
    workers: dict[tuple[str, str], Worker] = {}
    try:
        for run in runs:
            key = (run.backend, run.device)
            if key not in workers:
                workers[key] = _start(*key, task_folders)
            started = datetime.now(UTC)
            result = _converse(workers[key], run, timeout, listener)
            if result["status"] not in ("ok", "not_applicable"):
                workers.pop(key).stop()
            sink(_record(run, tasks[run.task], result, started, command))
    finally:
        for worker in workers.values():
            worker.stop()


def _start(backend: str, device: str, task_folders: Sequence[Path]) -> Worker:
    # Spawn: a forked child would share JAX's and torch's threads and locks.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, backend, device, tuple(task_folders)), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours)


def _converse(worker: Worker, run: PlannedRun, timeout: float | None, listener: StageListener | None) -> dict[str, Any]:
    """Send the run to its worker and listen until it answers, dies, or takes too long."""
    deadline = None if timeout is None else time.monotonic() + timeout
    stage = "starting"
    try:
        worker.connection.send(run)
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = wait([worker.connection, worker.process.sentinel], left)
            if not ready:
                return {"status": "timeout", "reason": f"took longer than {timeout:g} s, in stage {stage!r}"}
            if worker.connection in ready:
                kind, *content = worker.connection.recv()
                if kind == "result":
                    result: dict[str, Any] = content[0]
                    return result
                stage = content[0]
                if listener is not None:
                    listener(run, stage, content[1])
            else:
                break
    except (EOFError, OSError):
        pass
    worker.process.join()
    code = worker.process.exitcode or 0
    how = f"by signal {-code}" if code < 0 else f"with exit status {code}"
    memory = "; the system may have run out of memory" if code == -9 else ""
    return {"status": "killed", "reason": f"the worker ended {how} in stage {stage!r}{memory}"}


def _record(run: PlannedRun, task: Task, result: Mapping[str, Any], started: datetime, command: str) -> RunRecord:
    metrics = {m.name: m for m in task.metrics}
    curves = {c.name: c for c in task.curves}
    claims: list[ClaimRow] = claim_rows(task)
    return RunRecord(
        run_id=uuid.uuid4().hex,
        **planned_fields(run),
        implementation=result.get("implementation", ""),
        status=result["status"],
        reason=result.get("reason", ""),
        traceback=result.get("traceback", ""),
        warnings=result.get("warnings", []),
        started=started.isoformat(timespec="milliseconds"),
        finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
        command=command,
        environment=dict(result.get("environment") or environment()),
        timings=[TimingRow(**t) for t in result.get("timings", [])],
        metrics=[
            MetricRow(name, value, metrics[name].unit, stderr, metrics[name].better, metrics[name].tolerance)
            for name, (value, stderr) in result.get("metrics", {}).items()
        ],
        curves=[
            CurveRow(name, x, y, c.x, c.y, c.x_unit, c.y_unit, c.share, c.tolerance)
            for name, (x, y) in result.get("curves", {}).items()
            for c in (curves[name],)
        ],
        claims=claims,
    )
