"""The other end of the runner's pipe: one process, one backend, one run after another."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ntkbench.errors import InputError, describe
from ntkbench.experiment.plan import PlannedRun
from ntkbench.running.context import Context, StageEvent

_TRACEBACK_LINES = 12
_LINE = 500  # characters of a line of a traceback, or of a warning
_WARNINGS = 100
_PAUSE = 0.1  # seconds between two reports of progress within a stage: reporting must not cost the run its time
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


def serve(
    connection: Connection, backend_name: str, device: str, task_folders: Sequence[Path], scheduler: str | None = None
) -> None:
    """Carry out the planned runs that arrive, until the runner is gone; `scheduler` has workers for their blocks.

    Each is answered by ("begin",), any number of ("stage", name, share) and, at last, ("result", fields), as JSON: what
    a task makes is not to be unpickled by the runner.
    """
    begin()
    # A broken pipe is the end: nobody is left to tell.
    with contextlib.suppress(EOFError, OSError):
        _serve(connection, backend_name, device, task_folders, scheduler)


def begin() -> None:
    """Make this process a worker: it minds no Ctrl-C, ends when its parent does, and writes no results."""
    # Ctrl-C reaches the whole process group; what it means for the present run is for the runner to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    # The runner's standard output is for its results.
    with contextlib.suppress(OSError):
        os.dup2(2, 1)


def _serve(
    connection: Connection, backend_name: str, device: str, task_folders: Sequence[Path], scheduler: str | None = None
) -> None:
    from ntkbench.backends import open_backend
    from ntkbench.experiment.registry import load_tasks

    backend: Any = None
    tasks: Any = None
    while True:
        run: PlannedRun = connection.recv()
        try:
            if backend is None:
                _send(connection, "stage", f"starting {backend_name}", None)
                backend, tasks = open_backend(backend_name, device), load_tasks(task_folders)
            _send(connection, "begin")
            sharing = {} if scheduler is None else _sharing(scheduler, backend, task_folders)
            result = _carry_out(tasks[run.task], backend, run, _reporter(connection), sharing)
            gc.collect()
            result["keeps_memory"] = not backend.release_memory()
        except BaseException as error:
            result = _failure(error, backend)
        _send(connection, "result", result)


def _send(connection: Connection, kind: str, *content: Any) -> None:
    connection.send_bytes(json.dumps([kind, *content]).encode())


def _reporter(connection: Connection) -> StageEvent:
    last = 0.0

    def report(stage: str, share: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if share is None or now - last >= _PAUSE:
            last = 0.0 if share is None else now
            _send(connection, "stage", stage, share)

    return report


def _sharing(scheduler: str, backend: Any, task_folders: Sequence[Path]) -> dict[str, Any]:
    """What makes a context's blocks the work of the scheduler's workers."""
    from ntkbench.cluster.blocks import SharedBlocks

    mapper = SharedBlocks(scheduler, backend, task_folders)
    return {"mapper": mapper, "credit": lambda: mapper.credit}


def _carry_out(
    task: Any, backend: Any, run: PlannedRun, event: StageEvent, sharing: Mapping[str, Any]
) -> dict[str, Any]:
    """The result of a run; `sharing` are the options of its context that say who computes its blocks."""
    needed = task.requires | ({"float64"} if run.precision == "float64" else set())
    if needed - backend.capabilities:
        lacking = ", ".join(sorted(needed - backend.capabilities))
        return {"status": "not_applicable", "reason": f"{backend.name} lacks {lacking}"}
    from ntkbench.kernels import implementations
    from ntkbench.machine.provenance import environment
    from ntkbench.running import stopwatch

    context = Context(task, backend, run.precision, run.seed, event, **sharing)
    gc.collect()
    backend.reset_peak_memory()
    device_peak_before = backend.peak_memory()
    fresh = stopwatch.reset_peak_rss()
    with warnings.catch_warnings(record=True) as caught, implementations() as used:
        warnings.simplefilter("default")  # each once a place: "always" would fill the memory from within a loop
        task.function(context, **run.params)
    notes = list(dict.fromkeys(f"{w.category.__name__}: {w.message}"[:_LINE] for w in caught))
    if len(notes) > _WARNINGS:
        notes[_WARNINGS:] = [f"and {len(notes) - _WARNINGS} more warnings"]
    unrecorded = [m for m in task.metrics if m.name not in context.metrics]
    missing = [m.name for m in unrecorded if m.role != "peak memory"]
    if missing:
        raise InputError(f"task {task.name!r} did not record {', '.join(missing)}")
    for metric in unrecorded:  # two of one role there cannot be
        device_peak = backend.peak_memory()
        context.record(**{metric.name: float(device_peak if device_peak is not None else stopwatch.peak_rss())})
        if device_peak is None and not fresh:
            notes.append("peak memory is that of the process's whole life")
        if device_peak is not None and device_peak == device_peak_before:
            notes.append("peak memory is an upper bound: that of an earlier run of this process")
    return {
        "status": "ok",
        "implementation": ", ".join(sorted(used)),
        "warnings": notes,
        "timings": [asdict(t) for t in context.timings],
        "metrics": context.metrics,
        "curves": context.curves,
        "checkpoints": context.checkpoints,
        "environment": {**environment(), **backend.describe()},
    }


def _failure(error: BaseException, backend: Any) -> dict[str, Any]:
    memory = isinstance(error, MemoryError)
    with contextlib.suppress(Exception):  # an error whose message cannot be made is not about memory
        memory = memory or (backend is not None and backend.is_out_of_memory(error))
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return {
        "status": "out_of_memory" if memory else "error",
        "reason": describe(error),
        "traceback": "\n".join(line[:_LINE] for line in lines[-_TRACEBACK_LINES:]),
    }


def _die_with_parent() -> None:
    """End this process when the runner ends, even by kill -9: a worker in a long kernel reads no pipe."""
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        # By the system: a kernel that holds the interpreter's lock would keep the thread below from acting.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    def watch() -> None:
        with contextlib.suppress(Exception):
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
