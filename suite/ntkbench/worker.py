"""The other end of the runner's pipe: one process, one backend, one run after another."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ntkbench.context import Context
from ntkbench.errors import InputError
from ntkbench.plan import PlannedRun

_TRACEBACK_LINES = 12


def serve(connection: Connection, backend_name: str, device: str, task_folders: Sequence[Path]) -> None:
    """Carry out the planned runs that arrive, and answer ("stage", name, share) and, at last, ("result", fields)."""
    # Ctrl-C reaches the whole process group; what it means for the present run is for the runner to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    from ntkbench.backends import open_backend
    from ntkbench.registry import load_tasks

    backend: Any = None
    tasks: Any = None
    while True:
        try:
            run: PlannedRun | None = connection.recv()
        except EOFError:
            return
        if run is None:
            return
        try:
            if backend is None:
                connection.send(("stage", f"starting {backend_name}", None))
                backend, tasks = open_backend(backend_name, device), load_tasks(task_folders)
            result = _carry_out(connection, backend, tasks[run.task], run)
        except BaseException as error:
            result = _failure(error, backend)
        connection.send(("result", result))


def _carry_out(connection: Connection, backend: Any, task: Any, run: PlannedRun) -> dict[str, Any]:
    lacking = task.requires - backend.capabilities
    if lacking:
        return {"status": "not_applicable", "reason": f"{backend.name} lacks {', '.join(sorted(lacking))}"}
    from ntkbench import stopwatch
    from ntkbench.kernels import implementations
    from ntkbench.provenance import environment

    context = Context(
        task, backend, run.precision, run.seed, lambda name, share: connection.send(("stage", name, share))
    )
    gc.collect()
    backend.reset_peak_memory()
    fresh = stopwatch.reset_peak_rss()
    with warnings.catch_warnings(record=True) as caught, implementations() as used:
        warnings.simplefilter("always")
        task.function(context, **run.params)
    missing = [m for m in task.metric_names if m not in context.metrics and m not in ("peak_memory",)]
    if missing:
        raise InputError(f"task {task.name!r} did not record {', '.join(missing)}")
    if "peak_memory" in task.metric_names and "peak_memory" not in context.metrics:
        device_peak = backend.peak_memory()
        context.record(peak_memory=float(device_peak if device_peak is not None else stopwatch.peak_rss()))
    notes = [f"{w.category.__name__}: {w.message}" for w in caught]
    return {
        "status": "ok",
        "implementation": ", ".join(sorted(used)),
        "warnings": list(dict.fromkeys(notes)) + ([] if fresh else ["peak memory is that of the process's whole life"]),
        "timings": [asdict(t) for t in context.timings],
        "metrics": context.metrics,
        "curves": context.curves,
        "environment": {**environment(), **backend.describe()},
    }


def _failure(error: BaseException, backend: Any) -> dict[str, Any]:
    memory = isinstance(error, MemoryError) or (backend is not None and backend.is_out_of_memory(error))
    lines = traceback.format_exception(error)
    return {
        "status": "out_of_memory" if memory else "error",
        "reason": traceback.format_exception_only(error)[-1].strip().splitlines()[0],
        "traceback": "\n".join("".join(lines).rstrip().splitlines()[-_TRACEBACK_LINES:]),
    }


def _die_with_parent() -> None:
    """End this process when the runner ends, even by kill -9: a worker in a long kernel reads no pipe."""
    parent = parent_process()

    def watch() -> None:
        with contextlib.suppress(Exception):
            if parent is not None:
                parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
