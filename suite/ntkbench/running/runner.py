"""Carries out planned runs in worker processes and hands each finished record on; it knows no store.

Each backend has one warm worker. A run that fails, or leaves much of a GPU's memory taken, costs its worker: the next
run starts in a fresh one. A data set that no source gives is looked for once: later runs on it end as the first did.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ntkbench.experiment.plan import PlannedRun
from ntkbench.experiment.spec import Task
from ntkbench.results.record import DONE
from ntkbench.running.checkpoints import discard
from ntkbench.running.conversation import PlanOutOfTimeError, converse
from ntkbench.running.messages import Finished
from ntkbench.running.outcome import Attempt, Outcome, Result, WorkerDied, now
from ntkbench.running.processes import Worker, spawn
from ntkbench.running.settings import RunSettings, Sink, StageListener
from ntkbench.running.to_record import to_record
from ntkbench.running.worker import serve

Workers = dict[tuple[str, str], Worker]
"""The warm workers, by backend and device."""

Lacking = dict[str, Outcome]
"""The data sets that no source gave, and what came of the first run that needed one."""


def execute(
    runs: Iterable[PlannedRun],
    tasks: Mapping[str, Task],
    sink: Sink,
    settings: RunSettings,
    *,
    until: float = math.inf,
    listener: StageListener | None = None,
) -> PlannedRun | None:
    """Carry out runs on this machine, one after another.

    On KeyboardInterrupt, or when `sink` or `listener` raises, the present run is dropped, the workers are stopped, and
    the exception goes on; what `sink` has is safe. The checkpoints of a run are removed when `sink` has its record.

    Args:
        runs: The runs, each drawn when the one before is finished.
        tasks: Their tasks, by name.
        sink: Gets each record as its run is finished.
        settings: How the runs are carried out.
        until: The moment of `time.monotonic` at which the time of the whole plan is over.
        listener: Hears of each stage that a run reaches.

    Returns:
        The run that was in flight when time was over; it was stopped and has no record. None when all runs are done.

    Raises:
        SystemFault: No worker process could be started.
    """
    workers: Workers = {}
    lacking: Lacking = {}
    try:
        for run in runs:
            try:
                attempt = carry_out(workers, run, settings, until=until, listener=listener, lacking=lacking)
            except PlanOutOfTimeError:
                return run
            record = to_record(run, tasks[run.task], attempt, settings.command)
            sink(record)
            if record.status == "ok" and isinstance(attempt.result, Outcome):
                discard(attempt.result.checkpoints)
        return None
    finally:
        for worker in workers.values():
            worker.stop()


def carry_out(
    workers: Workers,
    run: PlannedRun,
    settings: RunSettings,
    *,
    until: float = math.inf,
    listener: StageListener | None = None,
    lacking: Lacking | None = None,
) -> Attempt:
    """Carry out one run in the warm worker of its backend, or in a new one; a worker that fails is stopped.

    Args and errors are those of `execute`, and PlanOutOfTimeError when time is over; `workers` and `lacking` are
    changed.
    """
    started = now()
    lacking = {} if lacking is None else lacking
    result: Result
    if run.dataset in lacking:
        result = lacking[run.dataset]
    else:
        result = _result(workers, run, settings, until, listener, lacking)
    return Attempt(result, started, now())


def _result(
    workers: Workers,
    run: PlannedRun,
    settings: RunSettings,
    until: float,
    listener: StageListener | None,
    lacking: Lacking,
) -> Result:
    key = (run.backend, run.device)
    warm = key in workers
    if not warm:
        workers[key] = spawn(serve, *key, settings.task_folders, settings.sharing)
    answer = converse(workers[key], run, settings.timeout, until, listener)
    if isinstance(answer, Finished):
        if answer.lacks_dataset is not None:
            lacking[answer.lacks_dataset] = answer.outcome
        if answer.keeps_memory or answer.outcome.status not in DONE:
            workers.pop(key).stop()
        return answer.outcome
    workers.pop(key).stop()
    if warm and isinstance(answer, WorkerDied) and not answer.begun:
        # It died while it was idle, by the system's want of memory perhaps: that is no fault of this run.
        return _result(workers, run, settings, until, listener, lacking)
    return answer
