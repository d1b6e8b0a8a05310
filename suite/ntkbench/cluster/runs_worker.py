"""A run inside a Dask worker: carried out in a process of its own, as everywhere, and given up when nobody waits."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import process
from pathlib import Path
from typing import Any

from ntkbench.backends import environment
from ntkbench.cluster.code_identity import Station, station
from ntkbench.experiment.plan import PlannedRun
from ntkbench.running import runner

_GLANCE = 0.5  # seconds between two looks at whether the run is still wanted
ONE_AT_A_TIME = threading.Lock()  # however many threads the worker has: runs would disturb one another's clocks


@dataclass(frozen=True)
class Order:
    """A run to be carried out, as the client plans it."""

    run: PlannedRun
    task_folders: tuple[Path, ...]
    timeout: float | None
    client: Station


def carry_out(order: Order) -> dict[str, Any]:
    """What came of the run, for `runner.finished`, with the address of this worker as "worker".

    Raises InputError when this worker's code is not the client's.
    """
    from distributed import get_worker

    worker = get_worker()
    station(order.task_folders).check(order.client)
    let_processes_start()
    workers: runner.Workers = {}
    with ONE_AT_A_TIME, _stopped_unless_wanted(worker, workers):
        try:
            result = runner.carry_out(workers, order.run, order.task_folders, order.timeout)
        finally:
            for child in workers.values():
                child.stop()
    return {"environment": environment(), **result, "worker": worker.address}


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
    """Let this Dask worker have child processes, and them all the threads that its user lets them have."""
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
