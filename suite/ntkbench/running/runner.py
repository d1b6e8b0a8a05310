"""Carries out planned runs in worker processes and hands each finished record on; it knows no store.

One warm worker a backend. A run that fails, or leaves much of a GPU's memory taken, costs its worker: the next run
starts in a fresh one.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from ntkbench.errors import InputError, describe
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.machine.provenance import environment
from ntkbench.results.record import DONE, CurveRow, MetricRow, RunRecord, TimingRow, claim_rows, planned_fields
from ntkbench.running.checkpoints import discard
from ntkbench.running.worker import serve

Sink = Callable[[RunRecord], None]
StageListener = Callable[[PlannedRun, str, float | None], None]

_START = 120.0  # seconds that a worker may take to import its library, where a run may take less
_GRACE = 5.0  # seconds for a worker that has closed its pipe to end
_LONGEST_WAIT = 60.0  # seconds; the system's own waiting takes no number of any size


@dataclass(frozen=True)
class Worker:
    """A running worker process and our end of its pipe."""

    process: SpawnProcess
    connection: Connection

    def stop(self) -> None:
        """End the process now, whatever it does."""
        # Killed before its pipe is closed: it would complain of that.
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        self.connection.close()


Workers = dict[tuple[str, str], Worker]
"""The warm workers, by backend and device."""


class _OutOfTimeError(Exception):
    """The time of the whole plan is over."""


def execute(
    runs: Iterable[PlannedRun],
    tasks: Mapping[str, Task],
    sink: Sink,
    *,
    task_folders: Sequence[Path] = (),
    timeout: float | None = None,
    until: float = math.inf,
    command: str = "",
    listener: StageListener | None = None,
    scheduler: str | None = None,
) -> PlannedRun | None:
    """Carry out `runs` in order; `sink` gets each record as it is finished, `listener` each stage as it begins.

    `timeout` is in seconds a run, its worker's start not counted. The run that is in flight at the moment `until` (of
    `time.monotonic`) is stopped and makes no record: it is returned. On KeyboardInterrupt, or when `sink` or `listener`
    raises, the present run is dropped, workers are stopped, and the exception goes on; what `sink` has is safe. The
    checkpoints of a run are removed when `sink` has it. The workers of the Dask scheduler at the address `scheduler`
    compute the blocks of its Gram matrices.
    """
    workers: Workers = {}
    try:
        for run in runs:
            try:
                result = carry_out(workers, run, task_folders, timeout, until, listener, scheduler)
            except _OutOfTimeError:
                return run
            record = finished(run, tasks[run.task], result, command)
            sink(record)
            if record.status == "ok":
                discard(result.get("checkpoints", []))
        return None
    finally:
        for worker in workers.values():
            worker.stop()


def carry_out(
    workers: Workers,
    run: PlannedRun,
    task_folders: Sequence[Path],
    timeout: float | None = None,
    until: float = math.inf,
    listener: StageListener | None = None,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """What came of the run, for `finished`; by the warm worker or a new one, and one that fails is stopped."""
    started = now()
    result = _attempt(workers, run, partial(_start, task_folders, scheduler), timeout, until, listener)
    return {**result, "started": started, "finished": now()}


def _attempt(
    workers: Workers,
    run: PlannedRun,
    start: Callable[[str, str], Worker],
    timeout: float | None,
    until: float,
    listener: StageListener | None,
) -> dict[str, Any]:
    key = (run.backend, run.device)
    warm = key in workers
    if not warm:
        try:
            workers[key] = start(*key)
        except OSError as error:
            return {"status": "error", "reason": f"no worker could be started: {describe(error)}"}
    result = _converse(workers[key], run, timeout, until, listener)
    if result["status"] not in DONE or result.get("keeps_memory", False):
        workers.pop(key).stop()
    if warm and not result.get("begun", True):
        # It died while it was idle, by the system's want of memory perhaps: that is no fault of this run.
        return _attempt(workers, run, start, timeout, until, listener)
    return result


def _start(task_folders: Sequence[Path], scheduler: str | None, backend: str, device: str) -> Worker:
    return spawn(serve, backend, device, tuple(task_folders), scheduler)


def spawn(target: Callable[..., None], *arguments: Any) -> Worker:
    """A new process in which `target` gets the other end of the pipe and the arguments; it ends with this one."""
    # Spawn: a forked child would share JAX's and torch's threads and locks.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    worker = Worker(process, ours)
    try:
        with interrupts_held():
            process.start()
    except BaseException:
        if process.pid is not None:
            worker.stop()
        raise
    finally:
        theirs.close()
    return worker


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the block ends, and never reaches a process that starts in it: it would print a traceback."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    resource_tracker.ensure_running()  # it would start with the first worker and let interrupts through again
    # The mask is for the new process, which inherits it; here, another thread may be the one that gets the signal.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if held:
            signal.raise_signal(signal.SIGINT)


def _converse(
    worker: Worker, run: PlannedRun, timeout: float | None, until: float, listener: StageListener | None
) -> dict[str, Any]:
    """Send the run to its worker and listen until it answers, dies, or takes too long; raises _OutOfTimeError."""
    stage, begun = "starting", False
    try:
        worker.connection.send(run)
    except OSError:
        return _death(worker, stage, begun)
    limit = None if timeout is None else max(timeout, _START)
    since = time.monotonic()
    while True:
        left = _LONGEST_WAIT if limit is None else since + limit - time.monotonic()
        if left <= 0:
            return {"status": "timeout", "reason": f"took longer than {limit:g} s, in stage {stage!r}"}
        rest = until - time.monotonic()
        ready = wait([worker.connection, worker.process.sentinel], max(0.0, min(left, rest, _LONGEST_WAIT)))
        if not ready and rest <= 0:
            raise _OutOfTimeError
        if not ready:
            continue
        # A worker that ended may have left a last message.
        if worker.connection not in ready and not worker.connection.poll():
            return _death(worker, stage, begun)
        try:
            kind, *content = json.loads(worker.connection.recv_bytes())
        except (EOFError, OSError):
            return _death(worker, stage, begun)
        if kind == "result":
            result: dict[str, Any] = content[0]
            return result
        if rest <= 0:  # it may report without end
            raise _OutOfTimeError
        if kind == "begin":
            begun, limit, since = True, timeout, time.monotonic()
        if kind == "stage":
            stage = content[0]
            if listener is not None:
                listener(run, stage, content[1])


def _death(worker: Worker, stage: str, begun: bool) -> dict[str, Any]:
    """What became of a worker that says nothing any more, and whether it had begun the run."""
    worker.process.join(_GRACE)
    code = worker.process.exitcode
    if code is None:
        how = "closed its pipe"
    else:
        how = f"ended by {_signal_name(-code)}" if code < 0 else f"ended with exit status {code}"
    memory = "; the system may have run out of memory" if code == -9 else ""
    return {"status": "killed", "reason": f"the worker {how} in stage {stage!r}{memory}", "begun": begun}


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def finished(run: PlannedRun, task: Task, result: Mapping[str, Any], command: str) -> RunRecord:
    """The record of a run of which `carry_out` says what came of it; where no record can hold that, the one of this."""
    try:
        return _record(run, task, result, command)
    except (InputError, LookupError) as error:
        kept = {key: result[key] for key in ("started", "finished", "environment") if key in result}
        failure = {"status": "error", "reason": f"its results make no record: {describe(error)}", **kept}
        return _record(run, task, failure, command)


def _record(run: PlannedRun, task: Task, result: Mapping[str, Any], command: str) -> RunRecord:
    metrics = {m.name: m for m in task.metrics}
    curves = {c.name: c for c in task.curves}
    return RunRecord(
        run_id=uuid.uuid4().hex,
        **planned_fields(run),
        implementation=result.get("implementation", ""),
        status=result["status"],
        reason=_writable(result.get("reason", "")),
        traceback=_writable(result.get("traceback", "")),
        warnings=[_writable(text) for text in result.get("warnings", [])],
        started=result["started"],
        finished=result["finished"],
        command=_writable(command),
        environment={key: _writable(text) for key, text in (result.get("environment") or environment()).items()},
        timings=[TimingRow(**t) for t in result.get("timings", [])],
        metrics=[
            MetricRow(name, value, m.unit, stderr, m.better, m.tolerance, m.role, m.stage)
            for name, (value, stderr) in result.get("metrics", {}).items()
            for m in (metrics[name],)
        ],
        curves=[
            CurveRow(name, x, y, c.x, c.y, c.x_unit, c.y_unit, c.share, c.tolerance, c.theory_of)
            for name, (x, y) in result.get("curves", {}).items()
            for c in (curves[name],)
        ],
        claims=claim_rows(task),
        measures_machine=task.measures_machine,
    )


def now() -> str:
    """The time as records have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _writable(text: str) -> str:
    """The text with what no file or database takes (half a character, from an odd file name) spelled out."""
    return text.encode(errors="backslashreplace").decode()
