"""A run inside a Dask worker: carried out in a process of its own, which is killed when the run is cancelled."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import process
from typing import Any

from ntkbench.cluster.code_identity import CodeIdentity, code_identity
from ntkbench.experiment.plan import PlannedRun
from ntkbench.machine.provenance import environment
from ntkbench.running import runner
from ntkbench.running.outcome import Attempt
from ntkbench.running.settings import RunSettings

_GLANCE = 0.5  # seconds between two looks at whether the run is still wanted
ONE_AT_A_TIME = threading.Lock()  # however many threads the worker has: runs would disturb one another's clocks


@dataclass(frozen=True)
class RunRequest:
    """A run that a worker of the scheduler is to carry out, and the code identity of the process that planned it."""

    run: PlannedRun
    settings: RunSettings
    planned_by: CodeIdentity


@dataclass(frozen=True)
class RunAnswer:
    """What came of the run, the facts of the machine, and the address of the worker of the scheduler."""

    attempt: Attempt
    environment: Mapping[str, str]
    worker: str


def carry_out(request: RunRequest) -> RunAnswer:
    """Carry out a run in a process of its own, in a worker of the scheduler.

    Raises:
        InputError: This worker's code is not that of the process that planned the run.
        SystemFault: No process could be started.
    """
    from distributed import get_worker

    worker = get_worker()
    code_identity(request.settings.task_folders).check(request.planned_by)
    let_processes_start()
    workers: runner.Workers = {}
    with ONE_AT_A_TIME, _stopped_unless_wanted(worker, workers):
        try:
            attempt = runner.carry_out(workers, request.run, request.settings)
        finally:
            for child in workers.values():
                child.stop()
    return RunAnswer(attempt, environment(), worker.address)


@contextmanager
def _stopped_unless_wanted(worker: Any, workers: runner.Workers) -> Iterator[None]:
    """Kill the processes of `workers` when the present task is cancelled or its client is gone: Dask stops no task."""
    key, over = worker.get_current_task(), threading.Event()

    def watch() -> None:
        while not over.wait(_GLANCE):
            task = worker.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                for child in list(workers.values()):
                    child.process.kill()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def let_processes_start() -> None:
    """Allow this Dask worker to start processes, and give them all the threads that its user's environment allows."""
    # Dask's workers are daemons, which may have no children as nobody would end them; ours end with their parent.
    process.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    # A nanny gives its worker one thread for each library. Its own environment is what the user set.
    with suppress(Exception):
        import dask
        import psutil

        given = psutil.Process(os.getppid()).environ()
        for name, value in dask.config.get("distributed.nanny.pre-spawn-environ").items():
            if name.endswith("_NUM_THREADS") and os.environ.get(name) == str(value) and name not in given:
                del os.environ[name]
