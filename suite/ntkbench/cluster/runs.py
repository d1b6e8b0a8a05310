"""The runs of a plan among the workers of a scheduler: one at a time on each, all records through one process."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ntkbench.cluster.code_identity import CodeIdentity
from ntkbench.cluster.in_flight import InFlight, SchedulerLostError
from ntkbench.cluster.runs_worker import RunAnswer, RunRequest, carry_out
from ntkbench.errors import InputError, SystemFault, describe
from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.machine.provenance import environment
from ntkbench.running.checkpoints import discard
from ntkbench.running.outcome import Attempt, Outcome, as_outcome, now
from ntkbench.running.settings import RunSettings, Sink
from ntkbench.running.to_record import to_record

if TYPE_CHECKING:
    from distributed import Client, Future


def execute(
    client: Client,
    runs: Iterable[PlannedRun],
    tasks: Mapping[str, Task],
    sink: Sink,
    settings: RunSettings,
    *,
    here: CodeIdentity,
) -> None:
    """Carry out runs in the workers of a scheduler.

    A run whose worker is lost goes to another, as often as the scheduler's `allowed-failures` says, and is then
    recorded as killed. On KeyboardInterrupt, or when `sink` raises, the runs in flight are cancelled, and the
    exception goes on.

    Args:
        client: The connection to the scheduler.
        runs: The runs, handed out in order.
        tasks: Their tasks, by name.
        sink: Gets each record, in this thread, as its run is finished.
        settings: How the runs are carried out.
        here: The code identity of this process.

    Raises:
        InputError: The code of a worker is not that of this process; runs that others had begun are finished first.
        SystemFault: The scheduler is lost.
    """
    folders = tuple(folder.resolve() for folder in settings.task_folders)
    there = replace(settings, task_folders=folders)
    submitted: dict[str, str] = {}  # when, by experiment

    def submit(run: PlannedRun) -> Future:
        submitted[run.experiment_id] = now()
        key = f"run-{run.experiment_id}-{uuid.uuid4().hex}"
        return client.submit(carry_out, RunRequest(run, there, here), key=key)

    flight, remaining, refusal = InFlight(client, submit), iter(runs), None
    try:
        environments = {_host(address): e for address, e in client.run(environment, on_error="ignore").items()}
        while flight.give(remaining):
            for run, future in flight.take():
                failure = future.exception()
                if isinstance(failure, InputError):
                    remaining, refusal = iter(()), failure  # what others have begun may come to its end
                    continue
                if failure is None:
                    answer: RunAnswer = future.result()
                    attempt = _with_warnings(answer.attempt, _disturbed(run, answer.worker, flight))
                    sink(to_record(run, tasks[run.task], attempt, settings.command, answer.environment))
                    _discard(client, answer)
                else:
                    attempt = Attempt(_lost(failure, environments), submitted[run.experiment_id], now())
                    sink(to_record(run, tasks[run.task], attempt, settings.command))
    except SchedulerLostError as error:
        raise SystemFault(f"{error}; what was finished is kept") from error
    finally:
        flight.give_up()
    if refusal is not None:
        raise refusal


def _lost(error: BaseException, environments: Mapping[str, Mapping[str, str]]) -> Outcome:
    """The outcome of a run that no worker of the scheduler gave an answer to."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        reason = f"the Dask worker that had it was lost, {error.allowed_failures + 1} times"
        facts = environments.get(_host(error.last_worker.address), {"machine": "unknown"})
        return Outcome("killed", reason, environment=facts)
    return Outcome("error", f"no worker could take it: {describe(error)}")


def _with_warnings(attempt: Attempt, warnings: Sequence[str]) -> Attempt:
    outcome = as_outcome(attempt.result)
    return replace(attempt, result=replace(outcome, warnings=[*outcome.warnings, *warnings]))


def _discard(client: Client, answer: RunAnswer) -> None:
    """Remove the run's stored blocks, on the machine where they are."""
    result = answer.attempt.result
    if isinstance(result, Outcome) and result.checkpoints:
        client.run(discard, list(result.checkpoints), workers=[answer.worker], on_error="ignore")


def _disturbed(run: PlannedRun, address: str, flight: InFlight[PlannedRun]) -> list[str]:
    """A warning where other workers may have been at work on the same processor."""
    beside = [_host(worker) for worker in flight.workers].count(_host(address))
    if run.device != "cpu" or beside < 2:
        return []
    return [f"{beside} workers of the scheduler shared this machine: times are not those of a run alone"]


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""
