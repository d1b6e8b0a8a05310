"""The worker's side of the pipe: one process, one backend, one run after another."""

from __future__ import annotations

import contextlib
import gc
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from ntkbench.datasets import DatasetUnavailable
from ntkbench.errors import InputError, NotInstalled, describe
from ntkbench.experiment.plan import PlannedRun
from ntkbench.running.account import DESCRIBING, IMPORTING, MEMORY, OUTSIDE_STAGES, Account
from ntkbench.running.context import Context, StageEvent
from ntkbench.running.messages import Begun, Finished, StageReached, send
from ntkbench.running.outcome import Outcome
from ntkbench.running.peak_rss import peak_rss, reset_peak_rss
from ntkbench.running.processes import begin
from ntkbench.running.sharing import BlockSharing, SharedMapper

if TYPE_CHECKING:
    from ntkbench.backends.protocol import Backend
    from ntkbench.experiment.spec import Task

_TRACEBACK_LINES = 12
_LINE = 500  # characters of a line of a traceback, or of a warning
_WARNINGS = 100
_PAUSE = 0.1  # seconds between two reports of progress within a stage: reporting must not cost the run its time


def serve(
    connection: Connection,
    backend_name: str,
    device: str,
    task_folders: Sequence[Path],
    sharing: BlockSharing | None = None,
) -> None:
    """Carry out the planned runs that arrive, until the runner is gone.

    Each is answered by `Begun`, any number of `StageReached` and, at last, `Finished`.

    Args:
        connection: This process's end of the pipe.
        backend_name: The backend of all runs.
        device: Their device, "cpu" or "cuda".
        task_folders: Folders with tasks, beside the built-in ones.
        sharing: Those who compute the blocks of Gram matrices; None for this process.
    """
    begin()
    # A broken pipe is the end: nobody is left to tell.
    with contextlib.suppress(EOFError, OSError):
        _serve(connection, backend_name, device, task_folders, sharing)


def _serve(
    connection: Connection,
    backend_name: str,
    device: str,
    task_folders: Sequence[Path],
    sharing: BlockSharing | None = None,
) -> None:
    from ntkbench.backends import open_backend
    from ntkbench.experiment.registry import load_tasks

    backend: Backend | None = None
    tasks: dict[str, Task] = {}
    while True:
        run: PlannedRun = connection.recv()
        account, source = Account(), None
        try:
            if backend is None:
                send(connection, StageReached(f"starting {backend_name}"))
                backend, tasks = open_backend(backend_name, device), load_tasks(task_folders)
                # What the libraries keep for good need not be looked through again after each run.
                gc.freeze()
            send(connection, Begun())
            mapper = None if sharing is None else sharing.mapper(backend, task_folders)
            source = tasks[run.task].sha256
            outcome = _carry_out(tasks[run.task], backend, run, _reporter(connection), mapper, account)
            with account.part(MEMORY):
                gc.collect()
                keeps = not backend.release_memory()
            finished = Finished(replace(outcome, parts=account.parts, task_sha256=source), keeps_memory=keeps)
        except DatasetUnavailable as error:
            missing = Outcome("not_applicable", describe(error)) if error.optional else _failure(error, backend)
            finished = Finished(replace(missing, parts=account.parts, task_sha256=source), lacks_dataset=error.name)
        except NotInstalled as error:
            missing = Outcome("not_applicable", str(error))
            finished = Finished(replace(missing, parts=account.parts, task_sha256=source))
        except BaseException as error:
            finished = Finished(replace(_failure(error, backend), parts=account.parts, task_sha256=source))
        send(connection, finished)


def _reporter(connection: Connection) -> StageEvent:
    last = 0.0

    def report(stage: str, share: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if share is None or now - last >= _PAUSE:
            last = 0.0 if share is None else now
            send(connection, StageReached(stage, share))

    return report


def _carry_out(
    task: Task,
    backend: Backend,
    run: PlannedRun,
    event: StageEvent,
    mapper: SharedMapper | None,
    account: Account,
) -> Outcome:
    """The outcome of a run, unless it raises; `account` gets where its time goes beside the calls of stages."""
    needed = task.requires | ({"float64"} if run.precision == "float64" else set())
    if needed - backend.capabilities:
        lacking = ", ".join(sorted(needed - backend.capabilities))
        return Outcome("not_applicable", f"{backend.name} lacks {lacking}")
    with account.part(IMPORTING):
        from ntkbench.backends import environment
        from ntkbench.kernels import implementations

    context = Context(task, backend, run.precision, run.seed, event, mapper, account)
    peak = _PeakMemory(backend)
    with warnings.catch_warnings(record=True) as caught, implementations() as used:
        warnings.simplefilter("default")  # each once a place: "always" would fill the memory from within a loop
        with account.part(OUTSIDE_STAGES):
            task.function(context, **run.params)
    notes = _texts(caught)
    unrecorded = [m for m in task.metrics if m.name not in context.metrics]
    missing = [m.name for m in unrecorded if m.role != "peak memory"]
    if missing:
        raise InputError(f"task {task.name!r} did not record {', '.join(missing)}")
    for metric in unrecorded:  # two of one role there cannot be
        peak_bytes, note = peak.read()
        context.record(**{metric.name: peak_bytes})
        notes += note
    with account.part(DESCRIBING):
        facts = {**environment(), **backend.describe()}
    return Outcome(
        "ok",
        implementation=", ".join(sorted(used)),
        warnings=notes,
        timings=context.timings,
        metrics=context.metrics,
        curves=context.curves,
        checkpoints=context.checkpoints,
        environment=facts,
    )


class _PeakMemory:
    """The peak memory from now on: the device's where the backend tells it, else the process's."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        backend.reset_peak_memory()
        self._device_before = backend.peak_memory()
        self._fresh = reset_peak_rss()

    def read(self) -> tuple[float, list[str]]:
        """The bytes, and what there is to say of them."""
        device = self._backend.peak_memory()
        if device is None:
            return float(peak_rss()), [] if self._fresh else ["peak memory is that of the process's whole life"]
        earlier = ["peak memory is an upper bound: that of an earlier run of this process"]
        return float(device), earlier if device == self._device_before else []


def _texts(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    """What was warned of, each text once, and no more than a record should hold."""
    texts = list(dict.fromkeys(f"{w.category.__name__}: {w.message}"[:_LINE] for w in caught))
    if len(texts) > _WARNINGS:
        texts[_WARNINGS:] = [f"and {len(texts) - _WARNINGS} more warnings"]
    return texts


def _failure(error: BaseException, backend: Backend | None) -> Outcome:
    memory = isinstance(error, MemoryError)
    with contextlib.suppress(Exception):  # an error whose message cannot be made is not about memory
        memory = memory or (backend is not None and backend.is_out_of_memory(error))
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return Outcome(
        "out_of_memory" if memory else "error",
        describe(error),
        traceback="\n".join(line[:_LINE] for line in lines[-_TRACEBACK_LINES:]),
    )
