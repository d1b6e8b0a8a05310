"""The runner's side of the pipe: a run is sent to a worker, which is listened to until there is a result."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from multiprocessing.connection import wait

from ntkbench.experiment.plan import PlannedRun
from ntkbench.running.account import STARTING
from ntkbench.running.messages import Begun, Finished, StageReached, receive
from ntkbench.running.outcome import TimedOut, WorkerDied
from ntkbench.running.processes import Worker
from ntkbench.running.settings import StageListener

_START = 120.0  # seconds that a worker may take to import its library, where a run may take less
_LONGEST_WAIT = 60.0  # seconds; the system's own waiting takes no number of any size


class PlanOutOfTimeError(Exception):
    """The time of the whole plan is over."""


def converse(
    worker: Worker,
    run: PlannedRun,
    timeout: float | None = None,
    until: float = math.inf,
    listener: StageListener | None = None,
    asked: float | None = None,
) -> Finished | WorkerDied | TimedOut:
    """Send the run to its worker and listen until the worker answers, dies, or takes too long.

    Args:
        worker: A worker that is doing nothing.
        run: The run.
        timeout: Seconds that the run may take from the moment at which the worker begins it; None for any.
        until: The moment of `time.monotonic` at which the time of the whole plan is over.
        listener: Hears of the stages.
        asked: The moment of `time.monotonic` at which the run was asked for; None for now.

    Raises:
        PlanOutOfTimeError: That moment came first.
    """
    stage, begun = "starting", False
    asked = time.monotonic() if asked is None else asked
    starting = 0.0

    def died() -> WorkerDied:
        return WorkerDied(worker.exit_code(), stage, begun)

    try:
        worker.connection.send(run)
    except OSError:
        return died()
    limit = None if timeout is None else max(timeout, _START)
    since = time.monotonic()
    while True:
        left = _LONGEST_WAIT if limit is None else since + limit - time.monotonic()
        if limit is not None and left <= 0:
            return TimedOut(limit, stage)
        rest = until - time.monotonic()
        ready = wait([worker.connection, worker.process.sentinel], max(0.0, min(left, rest, _LONGEST_WAIT)))
        if not ready and rest <= 0:
            raise PlanOutOfTimeError
        if not ready:
            continue
        # A worker that ended may have left a last message.
        if worker.connection not in ready and not worker.connection.poll():
            return died()
        try:
            message = receive(worker.connection)
        except (EOFError, OSError):
            return died()
        if isinstance(message, Finished):
            parts = {STARTING: starting, **message.outcome.parts} if begun else message.outcome.parts
            return replace(message, outcome=replace(message.outcome, parts=parts))
        if rest <= 0:  # it may report without end
            raise PlanOutOfTimeError
        match message:
            case Begun():
                begun, limit, since = True, timeout, time.monotonic()
                starting = since - asked
            case StageReached(stage, share):
                if listener is not None:
                    listener(run, stage, share)
