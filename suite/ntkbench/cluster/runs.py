"""The runs of a plan among the workers of a scheduler: one at a time on each, all records through one hand."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ntkbench.backends import environment
from ntkbench.cluster.code_identity import Station
from ntkbench.cluster.in_flight import InFlight, SchedulerLostError
from ntkbench.cluster.runs_worker import Order, carry_out
from ntkbench.errors import InputError, describe
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.running import runner
from ntkbench.running.checkpoints import discard

if TYPE_CHECKING:
    from distributed import Client, Future


def execute(
    client: Client,
    runs: Iterable[PlannedRun],
    tasks: Mapping[str, Task],
    sink: runner.Sink,
    *,
    here: Station,
    task_folders: Sequence[Path] = (),
    timeout: float | None = None,
    command: str = "",
) -> None:
    """Carry out `runs`, handed out in order; `sink` gets each record, in this thread, as its run is finished.

    `timeout` is in seconds a run. A run whose worker is lost goes to another, as often as the scheduler's
    `allowed-failures` says, and is then recorded as killed. On KeyboardInterrupt, or when `sink` raises, the runs in
    flight are given up, and the exception goes on. Raises InputError when the scheduler is lost, and, with nothing
    more handed out, when the code of a worker is not that of this process, `here`.
    """
    folders = tuple(folder.resolve() for folder in task_folders)
    given: dict[str, str] = {}  # when, by experiment

    def submit(run: PlannedRun) -> Future:
        given[run.experiment_id] = runner.now()
        key = f"run-{run.experiment_id}-{uuid.uuid4().hex}"
        return client.submit(carry_out, Order(run, folders, timeout, here), key=key)

    flight, waiting, refusal = InFlight(client, submit), iter(runs), None
    try:
        environments = {_host(address): e for address, e in client.run(environment, on_error="ignore").items()}
        while flight.give(waiting):
            for run, future in flight.take():
                failure = future.exception()
                if isinstance(failure, InputError):
                    waiting, refusal = iter(()), failure  # what others have begun may come to its end
                    continue
                result = future.result() if failure is None else _failed(failure, environments)
                result = {"started": given[run.experiment_id], "finished": runner.now(), **result}
                if failure is None:
                    result["warnings"] = [*result.get("warnings", ()), *_disturbed(run, result["worker"], flight)]
                record = runner.finished(run, tasks[run.task], result, command)
                sink(record)
                if result.get("checkpoints"):
                    client.run(discard, result["checkpoints"], workers=[result["worker"]], on_error="ignore")
    except SchedulerLostError as error:
        raise InputError(f"{error}; what was finished is kept") from error
    finally:
        flight.give_up()
    if refusal is not None:
        raise refusal


def _failed(error: BaseException, environments: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        reason = f"the Dask worker that had it was lost, {error.allowed_failures + 1} times"
        facts = environments.get(_host(error.last_worker.address), {"machine": "unknown"})
        return {"status": "killed", "reason": reason, "environment": facts}
    return {"status": "error", "reason": f"no worker could take it: {describe(error)}"}


def _disturbed(run: PlannedRun, address: str, flight: InFlight[PlannedRun]) -> list[str]:
    """A warning where other workers may have been at work on the same processor."""
    beside = [_host(worker) for worker in flight.workers].count(_host(address))
    if run.device != "cpu" or beside < 2:
        return []
    return [f"{beside} workers of the scheduler shared this machine: times are not those of a run alone"]


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""
